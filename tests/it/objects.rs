//! Object storage against servers that speak its protocols: moto for S3 and for the XML API of Google Cloud Storage, Azurite
//! for Azure Blob Storage. Each test has a bucket of its own, filled and looked at without the connector.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod azure;
mod commits;
mod contract;
mod proxy;
mod reading;
mod refusals;

use std::path::Path as FilePath;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value as Json, json};
use towpath::connectors::objects::{AzureBlob, Gcs, S3};
use towpath::connectors::{ConnectorError, Destination, DynConnector, Item, ReadMode, ReadRequest, Source};

use crate::server::{azure_url, s3_url};

/// Which service a bucket is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    S3,
    /// moto, which ignores conditions on generations.
    Gcs,
    Azure,
}

/// A bucket that nobody else uses.
pub(crate) struct Bucket {
    pub(crate) cloud: Cloud,
    pub(crate) name: String,
    /// The same bucket without the connector.
    pub(crate) store: Arc<dyn ObjectStore>,
}

impl Bucket {
    pub(crate) async fn create(cloud: Cloud) -> Self {
        towpath::net::install_tls();
        let name = format!("b{}", uuid::Uuid::new_v4().simple());
        let store: Arc<dyn ObjectStore> = match cloud {
            Cloud::S3 | Cloud::Gcs => {
                let made = client().put(format!("{}/{name}", s3_url())).send().await.unwrap();
                assert!(made.status().is_success(), "{}", made.status());
                let builder =
                    object_store::aws::AmazonS3Builder::new().with_bucket_name(&name).with_region("us-east-1");
                let builder = builder.with_endpoint(s3_url()).with_allow_http(true);
                Arc::new(builder.with_access_key_id("test").with_secret_access_key("test").build().unwrap())
            }
            Cloud::Azure => azure::create(&name).await,
        };
        Self { cloud, name, store }
    }

    /// A connection's settings, with its secrets in place.
    pub(crate) fn config(&self) -> Json {
        let endpoint = if self.cloud == Cloud::Azure { azure_url() } else { s3_url() };
        self.config_at(&endpoint)
    }

    /// The same through another address.
    pub(crate) fn config_at(&self, endpoint: &str) -> Json {
        match self.cloud {
            Cloud::S3 => json!({
                "bucket": self.name, "endpoint": endpoint, "access_key_id": "test", "secret_access_key": "test",
            }),
            Cloud::Gcs => json!({"bucket": self.name, "endpoint": endpoint, "access_token": "test"}),
            Cloud::Azure => json!({
                "account": azure::ACCOUNT, "container": self.name, "endpoint": endpoint, "access_key": azure::KEY,
            }),
        }
    }

    pub(crate) fn connector(&self) -> &'static dyn DynConnector {
        match self.cloud {
            Cloud::S3 => &S3,
            Cloud::Gcs => &Gcs,
            Cloud::Azure => &AzureBlob,
        }
    }

    pub(crate) fn source(&self, more: &Json) -> Arc<dyn Source> {
        self.connector().source(merged(self.config(), more)).unwrap()
    }

    pub(crate) fn destination(&self, more: &Json) -> Arc<dyn Destination> {
        self.connector().destination(merged(self.config(), more)).unwrap()
    }

    pub(crate) async fn put(&self, object: &str, bytes: impl Into<Vec<u8>>) {
        self.store.put(&Path::parse(object).unwrap(), bytes.into().into()).await.unwrap();
    }

    pub(crate) async fn delete(&self, object: &str) {
        self.store.delete(&Path::parse(object).unwrap()).await.unwrap();
    }

    /// Names of everything that can be seen.
    pub(crate) async fn all(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
        names.sort();
        names
    }

    /// Names of the data objects that can be seen.
    pub(crate) async fn parts(&self) -> Vec<String> {
        self.all().await.into_iter().filter(|name| name.contains("/part-")).collect()
    }

    /// Copies what can be seen of a target's data into one folder.
    pub(crate) async fn download(&self, target: &str, to: &FilePath) -> Option<usize> {
        let objects = self.all().await.into_iter().filter(|name| name.starts_with(&format!("{target}/")));
        let mut found = None;
        for object in objects {
            let number = found.get_or_insert(0);
            if object.contains("/part-") {
                let bytes = self.store.get(&Path::parse(&object).unwrap()).await.unwrap().bytes().await.unwrap();
                std::fs::create_dir_all(to).unwrap();
                std::fs::write(to.join(object.rsplit('/').next().unwrap()), bytes).unwrap();
                *number += 1;
            }
        }
        found
    }
}

/// A client that signs nothing; moto asks for no signature.
pub(crate) fn client() -> reqwest::Client {
    towpath::net::client(std::time::Duration::from_secs(20)).unwrap()
}

pub(crate) fn merged(mut config: Json, more: &Json) -> Json {
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

pub(crate) fn request(stream: &str, columns: &[&str]) -> ReadRequest {
    ReadRequest {
        stream: stream.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        filter: None,
        mode: ReadMode::Full,
        after: None,
        batch_rows: 1000,
        batch_bytes: 1 << 20,
        parallelism: 1,
    }
}

/// Rows that a full read delivers, or why it failed.
pub(crate) async fn rows(source: &Arc<dyn Source>, stream: &str, columns: &[&str]) -> Result<u64, ConnectorError> {
    let mut items = source.read(request(stream, columns)).await?;
    let mut rows = 0;
    while let Some(item) = items.next().await {
        match item? {
            Item::Batch(batch) => rows += batch.records.num_rows() as u64,
            Item::End(end) => {
                assert_eq!(end.rows, rows);
                return Ok(rows);
            }
            _ => {}
        }
    }
    panic!("the read stopped without an end or an error")
}
