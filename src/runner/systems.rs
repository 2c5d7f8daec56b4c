//! What a run takes from the plan and the workspace.

use std::sync::Arc;

use async_trait::async_trait;

use super::backoff::Backoff;
use super::drift::Additions;
use super::execution::{Order, Systems};
use super::failure::Failure;
use super::stage::Rhythm;
use crate::connectors::{ConnectorError, Destination, ErrorKind, Source};
use crate::plan::ConfirmedPlan;
use crate::workspace::{Workspace, WorkspaceError, WorkspaceErrorKind};

impl Order {
    /// What a confirmed plan orders.
    pub(super) fn of(plan: &ConfirmedPlan) -> Self {
        let resolution = plan.resolution().clone();
        let specs = &plan.spec().streams;
        let additions = resolution
            .streams
            .iter()
            .map(|stream| Additions::of(specs.iter().find(|spec| spec.stream == stream.stream)))
            .collect();
        Self {
            rhythm: Rhythm::of(resolution.batch_rows, resolution.batch_bytes),
            plan_digest: plan.digest().to_owned(),
            additions,
            resolution,
            backoff: Backoff::default(),
        }
    }
}

#[async_trait]
impl Systems for Workspace {
    async fn source(&self, connection: &str) -> Result<Arc<dyn Source>, Failure> {
        Self::source(self, connection).await.map_err(Failure::from)
    }

    async fn destination(&self, connection: &str) -> Result<Arc<dyn Destination>, Failure> {
        Self::destination(self, connection).await.map_err(Failure::from)
    }
}

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        // Our own store is a system like any other: it may be back soon.
        let is_store = error.kind == WorkspaceErrorKind::Store;
        let mut error = ConnectorError::from(error);
        if is_store {
            error.kind = ErrorKind::Unreachable;
        }
        error.into()
    }
}
