//! Azure Blob Storage, Data Lake Storage Gen2 among it.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::azure::MicrosoftAzureBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bucket::{Bucket, Service};
use super::{Objects, required, unfit, without_credential};
use crate::connectors::files::{CsvConfig, StreamConfig, WriteConfig};
use crate::connectors::{About, Connector, ConnectorError, ConnectorKind, Destination, ErrorKind, Source};
use crate::net;
use crate::secrets::Secret;

const ID: &str = "azure_blob";

/// The `azure_blob` connector.
#[derive(Debug)]
pub struct AzureBlob;

/// Settings of an `azure_blob` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The storage account's name.
    pub account: String,
    pub container: String,
    /// Only blobs below this are seen, and targets are written below it: `raw/shop`.
    #[serde(default)]
    pub prefix: String,
    /// One of the account's keys.
    #[serde(default)]
    pub access_key: Option<Secret>,
    /// A shared access signature: `sv=…&sig=…`.
    #[serde(default)]
    pub sas_token: Option<Secret>,
    /// Signs nothing, for containers that everybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Address of the blob service; `https://{account}.blob.core.windows.net` when absent.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Streams by pattern, for containers that are not laid out as one stream per folder. When given, only these are seen.
    #[serde(default)]
    pub streams: Vec<StreamConfig>,
    /// How to read CSV blobs.
    #[serde(default)]
    pub csv: CsvConfig,
    /// How to write.
    #[serde(default)]
    pub write: WriteConfig,
}

impl Config {
    fn open(self) -> Result<(Bucket, Objects), ConnectorError> {
        required(ID, "account", &self.account)?;
        required(ID, "container", &self.container)?;
        let plain = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(&self.account)
            .with_container_name(&self.container)
            .with_client_options(net::object_client(plain))
            .with_retry(net::object_retry());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        builder = match (&self.access_key, &self.sas_token) {
            _ if self.anonymous => builder.with_skip_signature(true),
            (Some(key), _) => builder.with_access_key(key.expose()),
            (None, Some(token)) => builder.with_sas_authorization(pairs(token)?),
            (None, None) => return Err(without_credential(ID, "the secret `access_key` or `sas_token`")),
        };
        let store = Arc::new(builder.build().map_err(|error| unfit(ID, error))?);
        let service = Service { id: ID, word: "container", scheme: "az", conditional: true };
        let bucket = Bucket::new(Arc::clone(&store) as _, store, service, &self.container, &self.prefix);
        Ok((bucket, Objects { streams: self.streams, csv: self.csv, write: self.write }))
    }
}

/// The parts of a shared access signature, which people copy with and without its question mark.
fn pairs(token: &Secret) -> Result<Vec<(String, String)>, ConnectorError> {
    let text = token.expose().trim().trim_start_matches('?');
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if pairs.iter().any(|(name, value)| name == "sig" && !value.is_empty()) {
        return Ok(pairs);
    }
    Err(ConnectorError::new(ErrorKind::Config, "The secret `sas_token` is not a shared access signature.")
        .advise("Copy the whole text after the question mark: `sv=…&sig=…`."))
}

#[async_trait]
impl Connector for AzureBlob {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: ID.to_owned(),
            name: "Azure Blob Storage".to_owned(),
            kind: ConnectorKind::ObjectStorage,
            description:
                "CSV, JSON lines and Parquet blobs in a container of Azure Blob Storage or Data Lake Storage Gen2."
                    .to_owned(),
            nicknames: ["azure blob", "azure storage", "blob storage", "adls", "adls gen2", "azure data lake"]
                .map(str::to_owned)
                .to_vec(),
            source: true,
            destination: true,
            secret_fields: ["access_key", "sas_token"].map(str::to_owned).to_vec(),
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        let (bucket, objects) = config.open()?;
        Ok(Some(super::source(bucket, objects)))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        let (bucket, objects) = config.open()?;
        Ok(Some(super::destination(bucket, objects)))
    }
}
