//! Connections: what they are, and how they are added, changed and removed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Role, Workspace, WorkspaceError, WorkspaceErrorKind};
use crate::catalog::{misfit, nearest};
use crate::connectors::{About, DynConnector};
use crate::ids::ConnectionId;
use crate::secrets::Secret;
use crate::store;
use crate::store::connections::ConnectionRow;

/// A named, credentialed endpoint. Secrets are not in it: only sealed texts, which nothing outside this module sees.
#[derive(Clone, Debug)]
pub struct Connection {
    pub id: ConnectionId,
    pub name: String,
    pub label: Option<String>,
    pub connector: String,
    pub roles: Vec<Role>,
    /// Settings without secrets.
    pub config: Map<String, Value>,
    pub status: ConnectionStatus,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub(super) sealed: BTreeMap<String, String>,
}

/// How the last check ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    pub state: ConnectionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Not checked since it was added or changed.
    #[default]
    Unknown,
    Ok,
    Failed,
}

/// What a new connection is made from. Secret settings may stand in `config` or in `secrets`; either way they are sealed.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Letters, digits, `_` and `-`; at most 63.
    pub name: String,
    pub label: Option<String>,
    /// A connector's id or nickname.
    pub connector: String,
    pub config: Map<String, Value>,
    pub secrets: BTreeMap<String, Secret>,
    /// All that the connector can do when absent.
    pub roles: Option<Vec<Role>>,
}

/// What is to change about a connection; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    pub name: Option<String>,
    /// Empty text takes the label away.
    pub label: Option<String>,
    /// Merged into the settings; a setting that is null is taken away.
    pub config: Option<Map<String, Value>>,
    pub secrets: BTreeMap<String, Secret>,
    pub roles: Option<Vec<Role>>,
}

impl Connection {
    pub(super) fn read(row: ConnectionRow) -> Result<Self, WorkspaceError> {
        let broken = || {
            let message = format!("What is stored of connection `{}` cannot be read.", row.name);
            WorkspaceError::new(WorkspaceErrorKind::Store, message)
        };
        let time = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| broken());
        Ok(Self {
            id: row.id.parse().map_err(|_| broken())?,
            roles: serde_json::from_str(&row.roles).map_err(|_| broken())?,
            config: serde_json::from_str(&row.config).map_err(|_| broken())?,
            sealed: serde_json::from_str(&row.secrets).map_err(|_| broken())?,
            status: serde_json::from_str(&row.status).unwrap_or_default(),
            created_at: time(&row.created_at)?,
            updated_at: time(&row.updated_at)?,
            name: row.name,
            label: row.label,
            connector: row.connector,
        })
    }

    fn row(&self) -> ConnectionRow {
        ConnectionRow {
            id: self.id.to_string(),
            name: self.name.clone(),
            label: self.label.clone(),
            connector: self.connector.clone(),
            roles: json!(self.roles).to_string(),
            config: Value::Object(self.config.clone()).to_string(),
            secrets: json!(self.sealed).to_string(),
            status: json!(self.status).to_string(),
            created_at: store::stamp(self.created_at),
            updated_at: store::stamp(self.updated_at),
        }
    }

    /// What a sealed secret is bound to.
    pub(super) fn context(&self, field: &str) -> String {
        format!("connection:{}:{field}", self.id)
    }

    /// Secret settings that have a value, by name.
    pub fn secret_fields(&self) -> impl Iterator<Item = &str> {
        self.sealed.keys().map(String::as_str)
    }
}

impl Workspace {
    /// Adds a connection. Settings are held against the connector's schema; nothing is asked of the system.
    pub async fn add_connection(&self, new: NewConnection) -> Result<Connection, WorkspaceError> {
        check_name(&new.name)?;
        let id = self.catalog.named(&new.connector).map_or(new.connector, |about| about.id);
        let connector = self.connector(&id)?;
        let about = connector.about();
        let now = self.clock.now();
        let mut connection = Connection {
            id: ConnectionId::new(),
            name: new.name,
            label: new.label.filter(|label| !label.trim().is_empty()),
            connector: id,
            roles: allowed_roles(&about, new.roles)?,
            config: Map::new(),
            status: ConnectionStatus::default(),
            created_at: now,
            updated_at: now,
            sealed: BTreeMap::new(),
        };
        self.fit(&mut connection, connector.as_ref(), new.config, new.secrets)?;
        if !store::connections::insert(self.store.pool(), &self.id.0, &connection.row()).await? {
            let message = format!("A connection named `{}` exists already.", connection.name);
            return Err(WorkspaceError::new(WorkspaceErrorKind::NameTaken, message).advise("Choose another name."));
        }
        Ok(connection)
    }

    /// Changes a connection. Its status is unknown afterwards.
    pub async fn update_connection(&self, name: &str, change: ConnectionChange) -> Result<Connection, WorkspaceError> {
        let mut connection = self.connection(name).await?;
        let connector = self.connector(&connection.connector)?;
        if let Some(label) = change.label {
            connection.label = Some(label).filter(|label| !label.trim().is_empty());
        }
        if let Some(roles) = change.roles {
            connection.roles = allowed_roles(&connector.about(), Some(roles))?;
        }
        if change.config.is_some() || !change.secrets.is_empty() {
            let mut config = connection.config.clone();
            for (field, value) in change.config.unwrap_or_default() {
                if value.is_null() {
                    config.remove(&field);
                    connection.sealed.remove(&field);
                } else {
                    config.insert(field, value);
                }
            }
            self.fit(&mut connection, connector.as_ref(), config, change.secrets)?;
            connection.status = ConnectionStatus::default();
        }
        if let Some(new_name) = change.name.filter(|new_name| new_name != name) {
            check_name(&new_name)?;
            self.refuse_if_used(name, "renamed").await?;
            if store::connections::by_name(self.store.pool(), &self.id.0, &new_name).await?.is_some() {
                let message = format!("A connection named `{new_name}` exists already.");
                return Err(WorkspaceError::new(WorkspaceErrorKind::NameTaken, message).advise("Choose another name."));
            }
            connection.name = new_name;
        }
        connection.updated_at = self.clock.now();
        store::connections::update(self.store.pool(), &connection.row()).await?;
        Ok(connection)
    }

    /// Gives a connection another name; refused while a live pipeline uses it.
    pub async fn rename_connection(&self, name: &str, new_name: &str) -> Result<Connection, WorkspaceError> {
        let change = ConnectionChange { name: Some(new_name.to_owned()), ..ConnectionChange::default() };
        self.update_connection(name, change).await
    }

    /// Removes a connection with its secrets; refused while a live pipeline uses it.
    pub async fn remove_connection(&self, name: &str) -> Result<(), WorkspaceError> {
        let connection = self.connection(name).await?;
        self.refuse_if_used(name, "removed").await?;
        store::connections::delete(self.store.pool(), &connection.id.to_string()).await?;
        Ok(())
    }

    async fn refuse_if_used(&self, name: &str, verb: &str) -> Result<(), WorkspaceError> {
        let documents = store::pipelines::documents(self.store.pool(), &self.id.0).await?;
        let users: Vec<&str> = documents
            .iter()
            .filter(|(_, document)| {
                let document: Value = serde_json::from_str(document).unwrap_or_default();
                ["source", "destination"]
                    .iter()
                    .any(|end| document.pointer(&format!("/resolution/{end}")).and_then(Value::as_str) == Some(name))
            })
            .map(|(pipeline, _)| pipeline.as_str())
            .collect();
        if users.is_empty() {
            return Ok(());
        }
        let message = format!("`{name}` cannot be {verb}: {} uses it.", nearest::list(users, 5));
        Err(WorkspaceError::new(WorkspaceErrorKind::InUse, message)
            .advise("Delete the pipeline first, or change it to another connection."))
    }

    /// Holds settings against the connector's schema, then parts what may be shown from what is sealed. Secrets that
    /// are stored already stay where no new one is given.
    fn fit(
        &self,
        connection: &mut Connection,
        connector: &dyn DynConnector,
        mut config: Map<String, Value>,
        mut secrets: BTreeMap<String, Secret>,
    ) -> Result<(), WorkspaceError> {
        let about = connector.about();
        for field in secrets.keys() {
            if !about.secret_fields.contains(field) {
                let message = format!("`{}` has no secret setting `{field}`.", about.id);
                return Err(WorkspaceError::new(WorkspaceErrorKind::BadSettings, message)
                    .advise(format!("Its secret settings are {}.", listed(&about.secret_fields))));
            }
        }
        for field in &about.secret_fields {
            if let Some(Value::String(text)) = config.get(field) {
                secrets.entry(field.clone()).or_insert_with(|| Secret::new(text.clone()));
                config.remove(field);
            }
        }
        let mut whole = config.clone();
        for field in connection.sealed.keys().chain(secrets.keys()) {
            // A place-holder is enough for the schema, and a secret that is not there cannot leak.
            whole.insert(field.clone(), Value::String(secrets.get(field).map_or("stored", Secret::expose).to_owned()));
        }
        let problems = misfit::settings_misfits(&connector.config_schema(), &Value::Object(whole));
        if !problems.is_empty() {
            let message = format!("The settings of `{}` do not fit: {}", about.id, problems.join(" "));
            return Err(WorkspaceError::new(WorkspaceErrorKind::BadSettings, message)
                .advise(format!("See the settings of `{}` in the catalog.", about.id)));
        }
        for (field, secret) in secrets {
            let sealed = self.vault.seal(secret.expose(), &connection.context(&field))?;
            connection.sealed.insert(field, sealed);
        }
        connection.config = config;
        Ok(())
    }
}

fn listed(fields: &[String]) -> String {
    if fields.is_empty() { "none".to_owned() } else { nearest::list(fields.iter().map(String::as_str), 8) }
}

fn allowed_roles(about: &About, wanted: Option<Vec<Role>>) -> Result<Vec<Role>, WorkspaceError> {
    let Some(mut roles) = wanted.filter(|roles| !roles.is_empty()) else { return Ok(about.roles()) };
    roles.sort_unstable();
    roles.dedup();
    match roles.iter().find(|role| !about.can(**role)) {
        None => Ok(roles),
        Some(role) => {
            let message = format!("A `{}` connection cannot be a {}.", about.id, role.word());
            Err(WorkspaceError::new(WorkspaceErrorKind::BadSettings, message))
        }
    }
}

fn check_name(name: &str) -> Result<(), WorkspaceError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if begins && name.len() <= 63 && name.chars().all(fits) {
        return Ok(());
    }
    let message = "The name of a connection has letters, digits, `_` and `-`, begins with a letter or digit, and has at most 63 characters.";
    Err(WorkspaceError::new(WorkspaceErrorKind::BadName, message).advise("Choose a name such as `shop_pg`."))
}
