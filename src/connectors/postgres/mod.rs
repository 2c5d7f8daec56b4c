//! PostgreSQL, both ways. Rows travel as `COPY … (FORMAT binary)` and are decoded straight into Arrow builders, and encoded
//! straight out of Arrow arrays; everything else goes over ordinary statements.
//!
//! What is exact, and how:
//! - A type that [`data_type::Wire`] lists is carried in binary. Any other type is carried in its own output form as text, and
//!   written back by its own input form, under session settings that make the two agree ([`connect`]).
//! - `numeric(p,s)` is a decimal. Decimals have no NaN, so a row that holds one comes out as [`super::Item::Rejected`] with
//!   the row kept; with the setting `numeric_columns: text` such columns are decimal text, which holds NaN as well.
//! - Timestamps after the year 294246 do not fit microseconds since 1970 in 64 bits; their rows come out rejected.

mod catalog;
mod codec;
mod connect;
mod cursor;
mod data_type;
mod deferred;
mod destination;
mod failure;
mod hand;
mod incremental;
mod land;
mod load;
pub(super) mod merge;
mod open;
mod parallel;
mod profile;
mod raw;
mod read;
mod settle;
mod socket;
mod source;
mod sql;
mod state;
mod swap;
mod table;
mod tailed;
mod tap;
mod watch;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorError, ConnectorKind, Destination, Source};
use crate::secrets::Secret;

/// The family that types of this connector belong to.
const FAMILY: &str = "postgres";

/// The `postgres` connector.
#[derive(Debug)]
pub struct Postgres;

/// Settings of a `postgres` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Host name or address; a path that begins with `/` is the folder of a Unix socket.
    pub host: String,
    #[serde(default = "default_port")]
    pub port: u16,
    pub database: String,
    pub user: String,
    /// Absent where the server trusts the user without one.
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authorities that `verify-full` trusts, in place of the system's.
    #[serde(default)]
    pub ssl_root_cert: Option<PathBuf>,
    /// Only these schemas are listed; all but the system's when empty. The first one is the default for writing.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Seconds until a connection attempt is given up.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: u32,
    /// Seconds without an answer after which a second connection asks the server whether it still works on it.
    #[serde(default = "default_silence_timeout")]
    pub silence_timeout: u32,
    #[serde(default)]
    pub numeric_columns: NumericColumns,
}

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    /// Encrypted when the server offers it; its certificate is not checked.
    #[default]
    Prefer,
    /// Encrypted or not at all; the certificate is not checked.
    Require,
    /// Encrypted, and the certificate must belong to the host and lead to a trusted authority.
    VerifyFull,
}

/// How `numeric(p,s)` columns are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumericColumns {
    /// As decimals. A row that holds NaN is put aside.
    #[default]
    Decimal,
    /// As decimal text, which also holds NaN.
    Text,
}

fn default_port() -> u16 {
    5432
}

fn default_connect_timeout() -> u32 {
    10
}

fn default_silence_timeout() -> u32 {
    30
}

#[async_trait]
impl Connector for Postgres {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: FAMILY.to_owned(),
            name: "PostgreSQL".to_owned(),
            kind: ConnectorKind::Database,
            description: "Tables and views of a PostgreSQL database, read and written in bulk by COPY.".to_owned(),
            nicknames: ["postgresql", "pg", "psql", "postgre"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: vec!["password".to_owned()],
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        config.check()?;
        Ok(Some(Arc::new(source::PostgresSource::new(config))))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        config.check()?;
        Ok(Some(Arc::new(destination::PostgresDestination::new(config))))
    }
}

impl Config {
    fn check(&self) -> Result<(), ConnectorError> {
        for (name, text) in [("host", &self.host), ("database", &self.database), ("user", &self.user)] {
            if text.trim().is_empty() || text.contains('\0') {
                return Err(ConnectorError::new(
                    super::ErrorKind::Config,
                    format!("The setting `{name}` of a `{FAMILY}` connection is empty."),
                ));
            }
        }
        Ok(())
    }

    /// The namespace that a plan means when it names none.
    fn default_namespace(&self) -> &str {
        self.schemas.first().map_or("public", String::as_str)
    }
}
