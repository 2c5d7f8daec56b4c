//! Files, both ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorKind};

/// The `files` connector.
#[derive(Debug)]
pub struct Files;

/// Settings of a `files` connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[async_trait]
impl Connector for Files {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "files".to_owned(),
            name: "Files".to_owned(),
            kind: ConnectorKind::Files,
            description: String::new(),
            nicknames: Vec::new(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }
}
