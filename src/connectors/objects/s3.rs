//! Amazon S3, and what speaks its protocol.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use schemars::JsonSchema;
use serde::Deserialize;

use super::bucket::{Bucket, Service};
use super::{Objects, required, unfit, without_credential};
use crate::connectors::files::{CsvConfig, StreamConfig, WriteConfig};
use crate::connectors::{About, Connector, ConnectorError, ConnectorKind, Destination, Source};
use crate::net;
use crate::secrets::Secret;

const ID: &str = "s3";

/// The `s3` connector.
#[derive(Debug)]
pub struct S3;

/// Settings of an `s3` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub bucket: String,
    /// Only objects below this are seen, and targets are written below it: `raw/shop`.
    #[serde(default)]
    pub prefix: String,
    /// `us-east-1` unless said otherwise.
    #[serde(default)]
    pub region: Option<String>,
    /// Address of a service that speaks S3's protocol, such as `https://minio.internal:9000`; Amazon's when absent.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the address's path and not in its host name; yes unless the endpoint is Amazon's.
    #[serde(default)]
    pub path_style: Option<bool>,
    #[serde(default)]
    pub access_key_id: Option<String>,
    #[serde(default)]
    pub secret_access_key: Option<Secret>,
    /// Of temporary credentials.
    #[serde(default)]
    pub session_token: Option<Secret>,
    /// Signs nothing, for buckets that everybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Whether the service honours `If-Match` when it stores an object, by which two writers to one target notice each
    /// other.
    #[serde(default = "yes")]
    pub conditional_writes: bool,
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

fn yes() -> bool {
    true
}

impl Config {
    fn open(self) -> Result<(Bucket, Objects), ConnectorError> {
        required(ID, "bucket", &self.bucket)?;
        let conditional =
            if self.conditional_writes { S3ConditionalPut::ETagMatch } else { S3ConditionalPut::Disabled };
        let plain = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(self.region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(!self.path_style.unwrap_or(self.endpoint.is_some()))
            .with_conditional_put(conditional)
            .with_client_options(net::object_client(plain))
            .with_retry(net::object_retry());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        builder = match (&self.access_key_id, &self.secret_access_key) {
            _ if self.anonymous => builder.with_skip_signature(true),
            (Some(id), Some(secret)) => {
                let builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
                match &self.session_token {
                    Some(token) => builder.with_token(token.expose()),
                    None => builder,
                }
            }
            _ => return Err(without_credential(ID, "`access_key_id` and the secret `secret_access_key`")),
        };
        let store = Arc::new(builder.build().map_err(|error| unfit(ID, error))?);
        let service = Service { id: ID, word: "bucket", scheme: "s3", conditional: self.conditional_writes };
        let bucket = Bucket::new(Arc::clone(&store) as _, store, service, &self.bucket, &self.prefix);
        Ok((bucket, Objects { streams: self.streams, csv: self.csv, write: self.write }))
    }
}

#[async_trait]
impl Connector for S3 {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: ID.to_owned(),
            name: "Amazon S3".to_owned(),
            kind: ConnectorKind::ObjectStorage,
            description: "CSV, JSON lines and Parquet objects in a bucket of Amazon S3 or a service that speaks its \
                          protocol (MinIO, Cloudflare R2, Ceph)."
                .to_owned(),
            nicknames: ["aws s3", "s3 bucket", "bucket", "minio", "s3 compatible"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: ["secret_access_key", "session_token"].map(str::to_owned).to_vec(),
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
