//! Files of web servers as a source: one address is one stream, or a pattern of addresses is. What the server promises of a
//! file (its length, its tag) is held against what it delivers; a body that is cut short is an error.

mod answer;
mod file;
mod place;

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::files::source::FileSource;
use super::files::{CsvConfig, StreamConfig};
use super::{About, Connector, ConnectorError, ConnectorKind, ErrorKind, Source};
use crate::secrets::Secret;

const ID: &str = "http";

/// The `http` connector.
#[derive(Debug)]
pub struct Http;

/// Settings of an `http` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses of files, each a stream named after its file: `https://data.example.org/cities.csv.gz`.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Streams of several files. `files` is an address in which `{01..12}` and `{eu,us}` stand for several.
    #[serde(default)]
    pub streams: Vec<StreamConfig>,
    /// Sent as `Authorization: Bearer …`, to the addresses' own hosts alone.
    #[serde(default)]
    pub bearer_token: Option<Secret>,
    /// With `password`, sent as basic authorisation.
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<Secret>,
    /// How to read CSV files.
    #[serde(default)]
    pub csv: CsvConfig,
}

impl Config {
    /// Every stream by its pattern.
    fn given(&self) -> Result<Vec<StreamConfig>, ConnectorError> {
        let mut given = self.streams.clone();
        for url in &self.urls {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or_default();
            let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("file");
            let taken = given.iter().any(|given| given.name == stem);
            let name = if taken { path.split_once("://").map_or(path, |(_, rest)| rest) } else { stem };
            given.push(StreamConfig {
                name: name.to_owned(),
                files: url.clone(),
                format: None,
                schema: std::collections::BTreeMap::new(),
            });
        }
        if given.is_empty() {
            return Err(ConnectorError::new(ErrorKind::Config, "This `http` connection names no file.")
                .advise("Give addresses as `urls`, or streams with an address or a pattern of addresses as `files`."));
        }
        Ok(given)
    }
}

#[async_trait]
impl Connector for Http {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: ID.to_owned(),
            name: "HTTP files".to_owned(),
            kind: ConnectorKind::Files,
            description: "CSV, JSON lines and Parquet files of web servers, by address.".to_owned(),
            nicknames: ["https", "http file", "https file", "web files", "file url"].map(str::to_owned).to_vec(),
            source: true,
            destination: false,
            secret_fields: ["bearer_token", "password"].map(str::to_owned).to_vec(),
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        let given = config.given()?;
        let csv = config.csv.clone();
        let place = place::Web::new(config, &given)?;
        Ok(Some(Arc::new(FileSource::new(Arc::new(place), given, csv))))
    }
}
