//! `DuckDb`, both ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorKind};

/// The `duckdb` connector.
#[derive(Debug)]
pub struct DuckDb;

/// Settings of a `duckdb` connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[async_trait]
impl Connector for DuckDb {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "duckdb".to_owned(),
            name: "DuckDb".to_owned(),
            kind: ConnectorKind::Warehouse,
            description: String::new(),
            nicknames: Vec::new(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }
}
