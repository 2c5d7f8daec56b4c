//! The world that plans are made in: a store, a catalog of connectors, a vault for secrets, a clock. Everything that
//! opens a system by the name of a connection comes through here.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::ids::WorkspaceId;
use crate::secrets::Vault;
use crate::store::Store;

/// One workspace, opened. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub vault: Arc<Vault>,
    pub clock: Clock,
}
