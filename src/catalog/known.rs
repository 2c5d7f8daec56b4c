//! Well-known systems by name, whether or not this program has a connector for them.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Catalog, nearest};
use crate::connectors::{About, ConnectorKind};

/// A system of the file of names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct System {
    pub id: String,
    pub name: String,
    pub kind: ConnectorKind,
    #[serde(default)]
    pub nicknames: Vec<String>,
}

static SYSTEMS: LazyLock<Vec<System>> =
    LazyLock::new(|| serde_json::from_str(include_str!("names.json")).unwrap_or_default());

pub(super) fn systems() -> &'static [System] {
    &SYSTEMS
}

/// What a well-known system is called, by its id, whether or not this program can reach it: it says of no role that it has
/// it.
pub fn system_about(id: &str) -> Option<About> {
    let system = systems().iter().find(|system| system.id == id)?;
    Some(About {
        id: system.id.clone(),
        name: system.name.clone(),
        kind: system.kind,
        description: String::new(),
        nicknames: system.nicknames.clone(),
        source: false,
        destination: false,
        secret_fields: Vec::new(),
    })
}

/// A well-known system that this program has no connector for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: String,
    /// As its makers spell it.
    pub name: String,
    pub kind: ConnectorKind,
    /// `BigQuery is not among the connectors of this program.`
    pub message: String,
    /// What there is instead.
    pub suggestion: Option<String>,
}

impl Catalog {
    /// A system that people know by this word and that has no connector here. `None` when it has one, or when nobody
    /// knows the word.
    pub fn known_name(&self, word: &str) -> Option<Known> {
        if self.named(word).is_some() {
            return None;
        }
        let folded = nearest::fold(word);
        let system = systems().iter().find(|system| {
            [&system.id, &system.name].into_iter().chain(&system.nicknames).any(|name| nearest::fold(name) == folded)
        })?;
        if self.get(&system.id).is_some() {
            return None;
        }
        let all = self.all();
        let alike: Vec<&str> =
            all.iter().filter(|about| stands_in(about.kind, system.kind)).map(|about| about.id.as_str()).collect();
        let offered = if alike.is_empty() { all.iter().map(|about| about.id.as_str()).collect() } else { alike };
        Some(Known {
            id: system.id.clone(),
            name: system.name.clone(),
            kind: system.kind,
            message: format!("{} is not among the connectors of this program.", system.name),
            suggestion: (!offered.is_empty()).then(|| format!("Use {}.", nearest::list(offered, 6))),
        })
    }
}

/// Whether a connector of one kind can do the work of a system of another.
fn stands_in(has: ConnectorKind, wanted: ConnectorKind) -> bool {
    use ConnectorKind::{Database, Files, ObjectStorage, Warehouse};
    has == wanted
        || matches!(
            (has, wanted),
            (Database | Warehouse, Database | Warehouse) | (Files | ObjectStorage, Files | ObjectStorage)
        )
}
