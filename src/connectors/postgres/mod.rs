//! Postgres, both ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorKind};

/// The `postgres` connector.
#[derive(Debug)]
pub struct Postgres;

/// Settings of a `postgres` connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[async_trait]
impl Connector for Postgres {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "postgres".to_owned(),
            name: "Postgres".to_owned(),
            kind: ConnectorKind::Database,
            description: String::new(),
            nicknames: Vec::new(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }
}
