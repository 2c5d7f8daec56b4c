//! Connector definitions and search.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connectors::{self, DynConnector};

/// Every connector that this program knows, by id.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: BTreeMap<String, Arc<dyn DynConnector>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.connectors.keys()).finish()
    }
}

impl Catalog {
    /// The connectors built into this program.
    pub fn native() -> Self {
        Self::of(connectors::native())
    }

    /// Just these connectors.
    pub fn of(connectors: impl IntoIterator<Item = Arc<dyn DynConnector>>) -> Self {
        Self { connectors: connectors.into_iter().map(|connector| (connector.about().id, connector)).collect() }
    }

    pub fn get(&self, id: &str) -> Option<&Arc<dyn DynConnector>> {
        self.connectors.get(id)
    }
}
