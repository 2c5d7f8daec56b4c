//! Sqlite, both ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorKind};

/// The `sqlite` connector.
#[derive(Debug)]
pub struct Sqlite;

/// Settings of a `sqlite` connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[async_trait]
impl Connector for Sqlite {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "sqlite".to_owned(),
            name: "Sqlite".to_owned(),
            kind: ConnectorKind::Database,
            description: String::new(),
            nicknames: Vec::new(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }
}
