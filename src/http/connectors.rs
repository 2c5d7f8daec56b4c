//! What this server can connect to.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::Answer;
use super::extract::{List, Named, Params, limit};
use crate::catalog::Role;
use crate::connectors::{About, DynConnector};

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Search {
    /// Words; nicknames and typos are understood.
    q: Option<String>,
    /// `source` or `destination`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectorView {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `database`, `warehouse`, `files`, …
    pub(crate) kind: String,
    #[schema(value_type = Vec<String>)]
    pub(crate) roles: Vec<Role>,
    /// Built into this program.
    pub(crate) native: bool,
    pub(crate) description: String,
    pub(crate) nicknames: Vec<String>,
    /// JSON Schema of the settings.
    pub(crate) config_schema: Value,
    /// Settings that are secret.
    pub(crate) secret_fields: Vec<String>,
}

impl ConnectorView {
    pub(crate) fn of(about: About, connector: &dyn DynConnector) -> Self {
        Self {
            kind: serde_json::to_value(about.kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default(),
            roles: about.roles(),
            native: true,
            config_schema: connector.config_schema(),
            id: about.id,
            name: about.name,
            description: about.description,
            nicknames: about.nicknames,
            secret_fields: about.secret_fields,
        }
    }
}

/// GET /api/v1/connectors
pub(crate) async fn list(State(api): State<Api>, Params(search): Params<Search>) -> Json<List<ConnectorView>> {
    let catalog = &api.app.workspace.catalog;
    let found = catalog.search(search.q.as_deref().unwrap_or_default(), search.role, None);
    let items = found
        .into_iter()
        .filter_map(|found| {
            let connector = catalog.get(&found.about.id)?;
            Some(ConnectorView { native: found.native, ..ConnectorView::of(found.about, connector.as_ref()) })
        })
        .collect();
    Json(List::page(items, search.after.as_deref(), limit(search.limit), |item: &ConnectorView| item.id.clone()))
}

/// GET /api/v1/connectors/{id}
pub(crate) async fn show(State(api): State<Api>, Named(id): Named<String>) -> Answer<Json<ConnectorView>> {
    let connector = api.app.workspace.connector(&id)?;
    Ok(Json(ConnectorView::of(connector.about(), connector.as_ref())))
}
