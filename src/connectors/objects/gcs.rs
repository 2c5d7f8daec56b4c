//! Google Cloud Storage.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::bucket::{Bucket, Service};
use super::{Objects, required, unfit, without_credential};
use crate::connectors::files::{CsvConfig, StreamConfig, WriteConfig};
use crate::connectors::{About, Connector, ConnectorError, ConnectorKind, Destination, Source};
use crate::net;
use crate::secrets::Secret;

const ID: &str = "gcs";

/// The `gcs` connector.
#[derive(Debug)]
pub struct Gcs;

/// Settings of a `gcs` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bucket: String,
    /// Only objects below this are seen, and targets are written below it: `raw/shop`.
    #[serde(default)]
    pub prefix: String,
    /// A service account's key file: the JSON text itself.
    #[serde(default)]
    pub service_account: Option<Secret>,
    /// An OAuth access token in place of a service account. It is not renewed when it expires.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// Signs nothing, for buckets that everybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Address of the service's XML API; Google's when absent.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Streams by pattern, for buckets that are not laid out as one stream per folder. When given, only these are seen.
    #[serde(default)]
    pub streams: Vec<StreamConfig>,
    /// How to read CSV objects.
    #[serde(default)]
    pub csv: CsvConfig,
    /// How to write.
    #[serde(default)]
    pub write: WriteConfig,
}

impl Config {
    fn open(self) -> Result<(Bucket, Objects), ConnectorError> {
        required(ID, "bucket", &self.bucket)?;
        let plain = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.bucket)
            .with_client_options(net::object_client(plain))
            .with_retry(net::object_retry());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint.trim_end_matches('/'));
        }
        builder = match (&self.service_account, &self.access_token) {
            _ if self.anonymous => builder.with_skip_signature(true),
            (Some(account), _) => builder.with_service_account_key(account.expose()),
            (None, Some(token)) => {
                let credential = GcpCredential { bearer: token.expose().to_owned() };
                builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
            }
            (None, None) => return Err(without_credential(ID, "the secret `service_account`")),
        };
        let store = Arc::new(builder.build().map_err(|error| unfit(ID, error))?);
        let service = Service { id: ID, word: "bucket", scheme: "gs", conditional: true };
        let bucket = Bucket::new(Arc::clone(&store) as _, store, service, &self.bucket, &self.prefix);
        Ok((bucket, Objects { streams: self.streams, csv: self.csv, write: self.write }))
    }
}

#[async_trait]
impl Connector for Gcs {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: ID.to_owned(),
            name: "Google Cloud Storage".to_owned(),
            kind: ConnectorKind::ObjectStorage,
            description: "CSV, JSON lines and Parquet objects in a bucket of Google Cloud Storage.".to_owned(),
            nicknames: ["google storage", "gs", "gs bucket", "gcs bucket"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: ["service_account", "access_token"].map(str::to_owned).to_vec(),
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
