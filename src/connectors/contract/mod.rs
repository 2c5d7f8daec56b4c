//! The suite that every connector passes against the real system it speaks to. A harness says how to reach the system
//! and how to look at it natively; [`source`] and [`destination`] do the asking. A breach comes back as a sentence.

mod destination;
mod filtering;
mod incremental;
mod landing;
mod replacing;
mod row;
mod source;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;

use super::{ConnectorError, Destination, Source, TargetName};

pub use row::{Row, Seed, SeedColumn, Value};

/// A breach of the contract.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Violation {
    /// The check that found it.
    pub check: String,
    /// What was expected and what came instead, in one sentence.
    pub what: String,
}

impl Violation {
    pub fn new(what: impl Into<String>) -> Self {
        Self { check: String::new(), what: what.into() }
    }

    fn in_check(mut self, check: &str) -> Self {
        if self.check.is_empty() {
            check.clone_into(&mut self.check);
        }
        self
    }
}

impl From<ConnectorError> for Violation {
    fn from(error: ConnectorError) -> Self {
        let cause = error.source.as_ref().map(|cause| format!(" (cause: {cause:#})")).unwrap_or_default();
        Self::new(format!("the connector failed with `{}`: {error}{cause}", error.kind))
    }
}

impl From<anyhow::Error> for Violation {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("the harness failed: {error:#}"))
    }
}

/// How the suite reaches a system to read from, and prepares it natively (not through the connector).
#[async_trait]
pub trait SourceHarness: Send + Sync {
    /// The connector over the system, new each time.
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError>;

    /// The same system with a credential that it refuses; `None` where there are no credentials.
    fn refused(&self) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        Ok(None)
    }

    /// Creates a stream with exactly the seed's columns and rows, in a type of the system that means what the seed
    /// column's logical type means. Answers the stream's name as the connector lists it.
    async fn seed(&self, seed: &Seed) -> anyhow::Result<String>;

    /// Adds rows to a seeded stream.
    async fn append(&self, stream: &str, seed: &Seed, rows: &[Row]) -> anyhow::Result<()>;

    /// Whether the system tells an empty text from NULL. A CSV file may not.
    fn keeps_empty_text(&self) -> bool {
        true
    }

    /// Whether rows may be added while a read is under way.
    fn concurrent(&self) -> bool {
        true
    }

    /// Whether no read is under way in the system, as the system itself sees it. Asked again for some seconds after a
    /// stream was dropped.
    async fn at_rest(&self) -> anyhow::Result<bool> {
        Ok(true)
    }
}

/// How the suite reaches a system to write to, and looks at it natively (not through the connector).
#[async_trait]
pub trait DestinationHarness: Send + Sync {
    /// The connector over the system, new each time.
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError>;

    /// The same system with a credential that it refuses; `None` where there are no credentials.
    fn refused(&self) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(None)
    }

    /// The columns `columns` of all rows that stand at the target, as the system prints them, in any order; `None` when
    /// nothing stands there. Only columns written as integers and texts are asked for.
    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>>;

    /// Removes the target behind the connector's back.
    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()>;

    /// Whether this connector already takes change batches (inserts, updates, deletes with log positions).
    fn takes_changes(&self) -> bool {
        false
    }
}

/// Holds a source to its contract.
pub async fn source(harness: &dyn SourceHarness) -> Result<(), Violation> {
    source::every_check(harness).await
}

/// Holds a destination to its contract.
pub async fn destination(harness: &dyn DestinationHarness) -> Result<(), Violation> {
    destination::every_check(harness).await
}

/// Says what is wrong unless `holds`.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(what())) }
}
