//! The world that plans are made in: a store, a catalog of connectors, a vault for secrets, a clock. Everything that
//! opens a system by the name of a connection comes through here.

mod connection;
mod error;
pub mod keys;
pub(crate) mod record;
mod rotate;
#[cfg(test)]
pub(crate) mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::catalog::{Catalog, nearest};
use crate::clock::Clock;
use crate::connectors::{ConnectorError, Destination, DynConnector, ErrorKind, Source};
use crate::ids::{Actor, WorkspaceId};
use crate::secrets::Vault;
use crate::store::audit::AuditRow;
use crate::store::{self, Store};

pub use crate::catalog::Role;
pub use connection::{Connection, ConnectionChange, ConnectionState, ConnectionStatus, NewConnection};
pub use error::{WorkspaceError, WorkspaceErrorKind};

/// A check that takes longer than this has failed.
const CHECK_LIMIT: Duration = Duration::from_secs(30);

/// One workspace, opened. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub vault: Arc<Vault>,
    pub clock: Clock,
}

impl Workspace {
    /// Every connection, by name.
    pub async fn connections(&self) -> Result<Vec<Connection>, WorkspaceError> {
        let rows = store::connections::all(self.store.pool(), &self.id.0).await?;
        rows.into_iter().map(Connection::read).collect()
    }

    /// A connection by its exact name. The error of an unknown name suggests the nearest one.
    pub async fn connection(&self, name: &str) -> Result<Connection, WorkspaceError> {
        match store::connections::by_name(self.store.pool(), &self.id.0, name).await? {
            Some(row) => Connection::read(row),
            None => Err(self.unknown_connection(name).await?),
        }
    }

    async fn unknown_connection(&self, name: &str) -> Result<WorkspaceError, WorkspaceError> {
        let connections = self.connections().await?;
        let known = connections.iter().map(|connection| connection.name.as_str());
        let labels = connections.iter().filter_map(|connection| connection.label.as_deref());
        let meant = nearest::nearest(name, known.clone()).or_else(|| {
            let label = nearest::nearest(name, labels)?;
            connections.iter().find(|connection| connection.label.as_deref() == Some(label)).map(|c| c.name.as_str())
        });
        let hint = match meant {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None if connections.is_empty() => {
                "This workspace has no connections yet. Add one under Connections.".to_owned()
            }
            None => format!("There are {}.", nearest::list(known, 12)),
        };
        let message = format!("There is no connection named `{name}`.");
        let mut error = WorkspaceError::new(WorkspaceErrorKind::UnknownConnection, message).advise(hint);
        error.suggestion = meant.map(str::to_owned);
        Ok(error)
    }

    /// Opens a connection to read from. Asks the system nothing yet.
    pub async fn source(&self, name: &str) -> Result<Arc<dyn Source>, WorkspaceError> {
        let (connection, connector, settings) = self.open(name, Role::Source).await?;
        connector.source(settings).map_err(|error| WorkspaceError::connector(&connection.name, error))
    }

    /// Opens a connection to write to. Asks the system nothing yet.
    pub async fn destination(&self, name: &str) -> Result<Arc<dyn Destination>, WorkspaceError> {
        let (connection, connector, settings) = self.open(name, Role::Destination).await?;
        connector.destination(settings).map_err(|error| WorkspaceError::connector(&connection.name, error))
    }

    /// Opens a destination to look at what stands there, whatever its roles; `None` when its connector cannot read.
    pub async fn shelf(&self, name: &str) -> Result<Option<Arc<dyn Source>>, WorkspaceError> {
        let connection = self.connection(name).await?;
        let connector = self.connector(&connection.connector)?;
        if !connector.about().source {
            return Ok(None);
        }
        let settings = self.settings(&connection)?;
        connector.source(settings).map(Some).map_err(|error| WorkspaceError::connector(&connection.name, error))
    }

    async fn open(&self, name: &str, role: Role) -> Result<(Connection, Arc<dyn DynConnector>, Value), WorkspaceError> {
        let connection = self.connection(name).await?;
        if !connection.roles.contains(&role) {
            return Err(self.wrong_role(&connection, role).await?);
        }
        let connector = self.connector(&connection.connector)?;
        let settings = self.settings(&connection)?;
        Ok((connection, connector, settings))
    }

    async fn wrong_role(&self, connection: &Connection, role: Role) -> Result<WorkspaceError, WorkspaceError> {
        let all = self.connections().await?;
        let able = all.iter().filter(|other| other.roles.contains(&role)).map(|other| other.name.as_str());
        let (kind, verb) = match role {
            Role::Source => (WorkspaceErrorKind::NotASource, "read from"),
            Role::Destination => (WorkspaceErrorKind::NotADestination, "written to"),
        };
        let hint = match nearest::list(able, 8) {
            none if none.is_empty() => format!("No connection of this workspace can be {verb}."),
            able => format!("These can be {verb}: {able}."),
        };
        let message = format!("`{}` is not set up as a {}: it is not {verb}.", connection.name, role.word());
        Ok(WorkspaceError::new(kind, message).advise(hint))
    }

    /// A connector by id; the error tells a well-known system that has none here from an unknown word.
    pub fn connector(&self, id: &str) -> Result<Arc<dyn DynConnector>, WorkspaceError> {
        if let Some(connector) = self.catalog.get(id) {
            return Ok(Arc::clone(connector));
        }
        let kind = WorkspaceErrorKind::UnknownConnector;
        if let Some(known) = self.catalog.known_name(id) {
            let mut error = WorkspaceError::new(kind, known.message);
            error.hint = known.suggestion;
            return Err(error);
        }
        let message = format!("There is no connector `{id}`.");
        let all = self.catalog.all();
        let meant =
            self.catalog.named(id).or_else(|| self.catalog.search(id, None, None).into_iter().next().map(|f| f.about));
        let hint = match &meant {
            Some(about) => format!("Did you mean `{}`?", about.id),
            None => format!("There are {}.", nearest::list(all.iter().map(|about| about.id.as_str()), 12)),
        };
        let mut error = WorkspaceError::new(kind, message).advise(hint);
        error.suggestion = meant.map(|about| about.id);
        Err(error)
    }

    /// Settings with secrets put back in; lives only while a connector is opened.
    fn settings(&self, connection: &Connection) -> Result<Value, WorkspaceError> {
        let mut settings: Map<String, Value> = connection.config.clone();
        for (field, sealed) in &connection.sealed {
            let secret = self.vault.open(sealed, &connection.context(field))?;
            settings.insert(field.clone(), Value::String(secret.expose().to_owned()));
        }
        Ok(Value::Object(settings))
    }

    /// Signs in and asks the least that proves that the connection works in each of its roles. The outcome is kept with
    /// the connection and is no error: a failed check is an answer.
    pub async fn check_connection(&self, name: &str) -> Result<CheckOutcome, WorkspaceError> {
        let connection = self.connection(name).await?;
        let begun = Instant::now();
        let outcome = tokio::time::timeout(CHECK_LIMIT, self.check_roles(&connection)).await.unwrap_or_else(|_| {
            let text = format!("`{name}` did not answer within {} seconds.", CHECK_LIMIT.as_secs());
            Err(ConnectorError::new(ErrorKind::Unreachable, text).into())
        });
        let at = Some(self.clock.now());
        let status = match outcome {
            Ok(message) => ConnectionStatus { state: ConnectionState::Ok, at, message: Some(message), hint: None },
            Err(error) => {
                tracing::warn!(connection = name, kind = error.kind.code(), cause = ?error.source, "check failed");
                ConnectionStatus { state: ConnectionState::Failed, at, message: Some(error.message), hint: error.hint }
            }
        };
        let written = serde_json::to_string(&status).unwrap_or_default();
        store::connections::set_status(self.store.pool(), &connection.id.to_string(), &written).await?;
        Ok(CheckOutcome { status, milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) })
    }

    async fn check_roles(&self, connection: &Connection) -> Result<String, WorkspaceError> {
        let mut said: Vec<String> = Vec::new();
        // At the very first, writing comes first: a database file that is still to be made is made by that, and can be
        // read then. Later, a file that is gone is told as gone and not made anew.
        let first = connection.status.state == ConnectionState::Unknown;
        let mut roles = connection.roles.clone();
        roles.sort_by_key(|role| (*role == Role::Source) == first);
        for role in roles {
            let checked = match role {
                Role::Source => self.source(&connection.name).await?.check().await,
                Role::Destination => self.destination(&connection.name).await?.check().await,
            };
            let message = checked.map_err(|error| WorkspaceError::connector(&connection.name, error))?.message;
            if !said.contains(&message) {
                said.push(message);
            }
        }
        Ok(said.join("; "))
    }

    /// Writes into the audit log. `detail` holds no secret.
    pub async fn record(&self, by: &Actor, action: &str, object: &str, detail: &Value) -> Result<(), WorkspaceError> {
        let row = self.audit_row(by, action, object, detail);
        Ok(store::audit::append(self.store.pool(), &self.id.0, &row).await?)
    }

    /// An entry of the audit log, for whoever writes it within a transaction.
    pub(crate) fn audit_row(&self, by: &Actor, action: &str, object: &str, detail: &Value) -> AuditRow {
        AuditRow {
            id: uuid::Uuid::now_v7().to_string(),
            at: store::stamp(self.clock.now()),
            actor: by.0.clone(),
            action: action.to_owned(),
            object: object.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// How a check ended, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutcome {
    pub status: ConnectionStatus,
    pub milliseconds: u64,
}

#[cfg(test)]
mod tests;
