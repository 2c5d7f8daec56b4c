//! MySQL and MariaDB, both ways. Rows come as the binary protocol's values, which keep every digit, and are put straight into
//! Arrow builders; they go as `LOAD DATA LOCAL INFILE`, or as prepared inserts of many rows where the server allows no
//! files.
//!
//! What is exact, and how:
//! - A session speaks utf8mb4, lives in UTC and has a strict `sql_mode` of its own ([`connect`]), whatever the server's are.
//! - `tinyint(1)` and `bit(1)` are booleans; a row whose `tinyint(1)` is neither 0 nor 1 comes out as
//!   [`super::Item::Rejected`]. With the setting `tinyint1: integer` such columns are small integers.
//! - `time` is a time of day. A row with one below zero or of 24 hours and more comes out rejected; with the setting
//!   `time_columns: text` such columns are text, which holds them all.
//! - A date that no calendar has (`0000-00-00`, `2024-02-00`) has its row rejected, or is NULL with `zero_dates: null`.
//! - Texts compare and sort by their bytes, in filters and as cursors, whatever the column's collation says.
//! - Only `InnoDB` tables are written to: no other engine commits rows together with what is said of them.

mod catalog;
mod cell;
mod connect;
mod cursor;
mod data_type;
mod decode;
mod destination;
mod encode;
mod failure;
mod filter;
mod incremental;
mod land;
mod load;
mod merge;
mod open;
mod parallel;
mod profile;
mod read;
mod source;
mod sql;
mod state;
mod swap;
mod table;
mod tls;
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
const FAMILY: &str = "mysql";

/// The `mysql` connector, for MariaDB as well.
#[derive(Debug)]
pub struct MySql;

/// Settings of a `mysql` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Host name or address.
    pub host: String,
    #[serde(default = "default_port")]
    pub port: u16,
    pub user: String,
    /// Absent where the server trusts the user without one.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Only its tables are listed, and it is the default for writing. Every database that the user may see when absent.
    #[serde(default)]
    pub database: Option<String>,
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authorities that `verify-full` trusts, in place of the system's.
    #[serde(default)]
    pub ssl_root_cert: Option<PathBuf>,
    /// Seconds until a connection attempt is given up.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: u32,
    /// Seconds without an answer after which a second connection asks the server whether it still works on it.
    #[serde(default = "default_silence_timeout")]
    pub silence_timeout: u32,
    #[serde(default)]
    pub tinyint1: TinyInt1,
    #[serde(default)]
    pub time_columns: TimeColumns,
    #[serde(default)]
    pub zero_dates: ZeroDates,
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

/// How `tinyint(1)` columns are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TinyInt1 {
    /// As booleans. A row that holds neither 0 nor 1 is put aside.
    #[default]
    Boolean,
    /// As integers from -128 to 127.
    Integer,
}

/// How `time` columns are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeColumns {
    /// As times of day. A row below zero or of 24 hours and more is put aside.
    #[default]
    TimeOfDay,
    /// As text such as `-838:59:59.000000`.
    Text,
}

/// What becomes of dates that no calendar has, such as `0000-00-00`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDates {
    /// The row is put aside.
    #[default]
    Reject,
    /// The value is NULL.
    Null,
}

fn default_port() -> u16 {
    3306
}

fn default_connect_timeout() -> u32 {
    10
}

fn default_silence_timeout() -> u32 {
    30
}

#[async_trait]
impl Connector for MySql {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: FAMILY.to_owned(),
            name: "MySQL".to_owned(),
            kind: ConnectorKind::Database,
            description: "Tables and views of a MySQL or MariaDB server, written in bulk by LOAD DATA.".to_owned(),
            nicknames: ["mariadb", "maria", "maria db", "my sql"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: vec!["password".to_owned()],
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        config.check()?;
        Ok(Some(Arc::new(source::MySqlSource::new(config))))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        config.check()?;
        Ok(Some(Arc::new(destination::MySqlDestination::new(config))))
    }
}

impl Config {
    fn check(&self) -> Result<(), ConnectorError> {
        let database = self.database.as_deref().unwrap_or("absent");
        for (name, text) in [("host", self.host.as_str()), ("user", &self.user), ("database", database)] {
            if text.trim().is_empty() || text.contains('\0') {
                return Err(ConnectorError::new(
                    super::ErrorKind::Config,
                    format!("The setting `{name}` of a `{FAMILY}` connection is empty."),
                ));
            }
        }
        Ok(())
    }
}
