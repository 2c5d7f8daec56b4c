//! Named, credentialed endpoints. Secrets go in and never come out.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::error::{Answer, ApiError};
use super::extract::{Body, List, Named, Params, limit};
use crate::catalog::Role;
use crate::connectors::{Column, StreamSummary, TargetName};
use crate::secrets::Secret;
use crate::workspace::{Connection, ConnectionChange, ConnectionStatus, NewConnection, WorkspaceError};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    pub(crate) connector: String,
    #[schema(value_type = Vec<String>)]
    pub(crate) roles: Vec<Role>,
    /// Settings without secrets.
    #[schema(value_type = Object)]
    pub(crate) config: Map<String, Value>,
    /// Secret settings that have a value.
    pub(crate) secrets: Vec<String>,
    pub(crate) created_at: String,
    #[schema(value_type = Object)]
    pub(crate) status: ConnectionStatus,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        Self {
            id: connection.id.to_string(),
            secrets: connection.secret_fields().map(ToOwned::to_owned).collect(),
            created_at: crate::store::stamp(connection.created_at),
            name: connection.name,
            label: connection.label,
            connector: connection.connector,
            roles: connection.roles,
            config: connection.config,
            status: connection.status,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    /// Letters, digits, `_` and `-`; at most 63.
    name: String,
    #[serde(default)]
    label: Option<String>,
    /// A connector's id or nickname.
    connector: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// Write-only.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    secrets: BTreeMap<String, Secret>,
    /// All that the connector can do when absent.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<Vec<Role>>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default)]
    name: Option<String>,
    /// Empty text takes the label away.
    #[serde(default)]
    label: Option<String>,
    /// Merged into the settings; null takes a setting away.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    config: Option<Map<String, Value>>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<Vec<Role>>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CheckView {
    /// `ok` or `failed`.
    pub(crate) state: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    pub(crate) milliseconds: u64,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct StreamSearch {
    /// Part of a name.
    search: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamItem {
    pub(crate) stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    pub(crate) readable: bool,
}

impl From<StreamSummary> for StreamItem {
    fn from(summary: StreamSummary) -> Self {
        Self { stream: summary.stream, rows: summary.rows, readable: summary.readable }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamDetail {
    pub(crate) stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    pub(crate) primary_key: Vec<String>,
    pub(crate) columns: Vec<ColumnItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnItem {
    pub(crate) name: String,
    /// As the system spells it.
    #[serde(rename = "type")]
    pub(crate) native_type: String,
    pub(crate) nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    pub(crate) indexed: bool,
}

/// GET /api/v1/connections
pub(crate) async fn list(State(api): State<Api>) -> Answer<Json<List<ConnectionView>>> {
    let connections = api.app.workspace.connections().await?;
    Ok(Json(List::whole(connections.into_iter().map(Into::into).collect())))
}

/// GET /api/v1/connections/{name}
pub(crate) async fn show(State(api): State<Api>, Named(name): Named<String>) -> Answer<Json<ConnectionView>> {
    Ok(Json(api.app.workspace.connection(&name).await?.into()))
}

/// POST /api/v1/connections
pub(crate) async fn add(
    State(api): State<Api>,
    caller: Caller,
    Body(new): Body<Add>,
) -> Answer<(StatusCode, Json<ConnectionView>)> {
    let connection = api
        .app
        .workspace
        .add_connection(NewConnection {
            name: new.name,
            label: new.label,
            connector: new.connector,
            config: new.config,
            secrets: new.secrets,
            roles: new.roles,
        })
        .await?;
    let detail = json!({"connector": connection.connector});
    api.app.record(&caller.actor, "connection.added", &format!("connection:{}", connection.name), detail).await?;
    Ok((StatusCode::CREATED, Json(connection.into())))
}

/// PATCH /api/v1/connections/{name}
pub(crate) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named<String>,
    Body(change): Body<Change>,
) -> Answer<Json<ConnectionView>> {
    let secrets: Vec<String> = change.secrets.keys().cloned().collect();
    let detail = json!({
        "name": change.name, "label": change.label, "secrets": secrets,
        "settings": change.config.as_ref().map(|config| config.keys().cloned().collect::<Vec<_>>()),
    });
    let change = ConnectionChange {
        name: change.name,
        label: change.label,
        config: change.config,
        secrets: change.secrets,
        roles: change.roles,
    };
    let connection = api.app.workspace.update_connection(&name, change).await?;
    api.app.record(&caller.actor, "connection.changed", &format!("connection:{name}"), detail).await?;
    Ok(Json(connection.into()))
}

/// DELETE /api/v1/connections/{name}
pub(crate) async fn remove(State(api): State<Api>, caller: Caller, Named(name): Named<String>) -> Answer<StatusCode> {
    api.app.workspace.remove_connection(&name).await?;
    api.app.record(&caller.actor, "connection.removed", &format!("connection:{name}"), json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// POST /api/v1/connections/{name}/check
pub(crate) async fn check(State(api): State<Api>, Named(name): Named<String>) -> Answer<Json<CheckView>> {
    let outcome = api.app.workspace.check_connection(&name).await?;
    let state = serde_json::to_value(outcome.status.state)?;
    Ok(Json(CheckView {
        state: state.as_str().unwrap_or_default().to_owned(),
        message: outcome.status.message.unwrap_or_default(),
        hint: outcome.status.hint,
        milliseconds: outcome.milliseconds,
    }))
}

/// GET /api/v1/connections/{name}/streams
pub(crate) async fn streams(
    State(api): State<Api>,
    Named(name): Named<String>,
    Params(search): Params<StreamSearch>,
) -> Answer<Json<List<StreamItem>>> {
    let source = api.app.workspace.source(&name).await?;
    let found = source.list().await.map_err(|error| WorkspaceError::connector(&name, error))?;
    let words = search.search.unwrap_or_default().to_lowercase();
    let mut items: Vec<StreamItem> = found
        .into_iter()
        .filter(|summary| words.split_whitespace().all(|word| summary.stream.to_lowercase().contains(word)))
        .map(Into::into)
        .collect();
    items.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(Json(List::page(items, search.after.as_deref(), limit(search.limit), |item: &StreamItem| item.stream.clone())))
}

/// GET /api/v1/connections/{name}/streams/{stream}
pub(crate) async fn stream(
    State(api): State<Api>,
    Named((name, stream)): Named<(String, String)>,
) -> Answer<Json<StreamDetail>> {
    Ok(Json(describe(&api.app.workspace, &name, &stream).await?))
}

/// One stream of a source, or one table of a connection that is only written to.
pub(crate) async fn describe(
    workspace: &crate::workspace::Workspace,
    name: &str,
    stream: &str,
) -> Result<StreamDetail, ApiError> {
    let failed = |error| WorkspaceError::connector(name, error);
    let connection = workspace.connection(name).await?;
    if connection.roles.contains(&Role::Source) {
        let found = workspace.source(name).await?.describe(stream).await.map_err(failed)?;
        return Ok(StreamDetail {
            columns: found.columns.iter().map(item).collect(),
            stream: found.summary.stream,
            rows: found.summary.rows,
            primary_key: found.primary_key,
            comment: found.summary.comment,
        });
    }
    let target = match stream.split_once('.') {
        Some((namespace, name)) => TargetName { namespace: Some(namespace.to_owned()), name: name.to_owned() },
        None => TargetName { namespace: None, name: stream.to_owned() },
    };
    let found = workspace.destination(name).await?.describe(&target).await.map_err(failed)?;
    let found = found.ok_or_else(|| ApiError::not_found("table", stream))?;
    Ok(StreamDetail {
        columns: found.columns.iter().map(item).collect(),
        stream: stream.to_owned(),
        rows: found.rows,
        primary_key: Vec::new(),
        comment: None,
    })
}

fn item(column: &Column) -> ColumnItem {
    ColumnItem {
        name: column.name.clone(),
        native_type: column.data_type.spelled.clone(),
        nullable: column.nullable,
        comment: column.comment.clone(),
        indexed: column.indexed,
    }
}
