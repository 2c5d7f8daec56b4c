//! The suite that every connector passes, on each service.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use towpath::connectors::contract::{self, DestinationHarness, Row, Seed, SourceHarness};
use towpath::connectors::{ConnectorError, Destination, Source, TargetName};

use super::{Bucket, Cloud, merged};
use crate::files::{Folder, schema};

/// A bucket whose objects are of one format.
struct Lake {
    bucket: Bucket,
    format: &'static str,
    packed: &'static str,
}

impl Lake {
    async fn new(cloud: Cloud, format: &'static str, packed: &'static str) -> Self {
        Self { bucket: Bucket::create(cloud).await, format, packed }
    }

    fn more(&self) -> Json {
        let compression = match self.packed {
            ".gz" => "gzip",
            ".zst" => "zstd",
            _ => "none",
        };
        json!({"prefix": "raw", "write": {"format": self.format, "compression": compression, "rows_per_file": 50}})
    }

    async fn upload(&self, stream: &str, number: usize, seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        let folder = Folder::new(self.format, self.packed);
        let path = folder.root.path().join("data");
        folder.write_rows(&path, seed, rows)?;
        let object = format!("raw/{stream}/data-{number}.{}{}", self.format, self.packed);
        self.bucket.put(&object, std::fs::read(&path)?).await;
        Ok(())
    }

    /// The same bucket with a credential that the service refuses, where it looks at credentials at all.
    fn wrong(&self) -> Option<Json> {
        let config = merged(self.bucket.config(), &self.more());
        (self.bucket.cloud == Cloud::Azure).then(|| merged(config, &json!({"access_key": "d3Jvbmc="})))
    }
}

#[async_trait]
impl SourceHarness for Lake {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        self.bucket.connector().source(merged(self.bucket.config(), &self.more()))
    }

    fn refused(&self) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        self.wrong().map(|config| self.bucket.connector().source(config)).transpose()
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        if self.format != "parquet" {
            self.bucket.put(&format!("raw/{}/_towpath_schema.json", seed.name), schema(seed)?).await;
        }
        let (first, second) = seed.rows.split_at(seed.rows.len() / 2);
        self.upload(&seed.name, 1, seed, first).await?;
        self.upload(&seed.name, 2, seed, second).await?;
        Ok(seed.name.clone())
    }

    async fn append(&self, stream: &str, seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        let number = self.bucket.all().await.iter().filter(|name| name.starts_with(&format!("raw/{stream}/"))).count();
        self.upload(stream, number + 1, seed, rows).await
    }
}

#[async_trait]
impl DestinationHarness for Lake {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        self.bucket.connector().destination(merged(self.bucket.config(), &self.more()))
    }

    fn refused(&self) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        self.wrong().map(|config| self.bucket.connector().destination(config)).transpose()
    }

    /// Downloads the objects that can be seen and reads them with DuckDB.
    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let folder = Folder::new(self.format, self.packed);
        let below = target.to_string().replace('.', "/");
        let to = folder.root.path().join(&below);
        match self.bucket.download(&format!("raw/{below}"), &to).await {
            None => Ok(None),
            Some(0) => Ok(Some(Vec::new())),
            Some(_) => DestinationHarness::native(&folder, target, columns).await,
        }
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        let below = format!("raw/{}/", target.to_string().replace('.', "/"));
        for object in self.bucket.all().await.iter().filter(|object| object.starts_with(&below)) {
            self.bucket.delete(object).await;
        }
        Ok(())
    }
}

macro_rules! suite {
    ($name:ident, $check:ident, $cloud:expr, $format:expr, $packed:expr) => {
        #[tokio::test]
        async fn $name() {
            contract::$check(&Lake::new($cloud, $format, $packed).await).await.unwrap();
        }
    };
}

suite!(s3_parquet_keeps_the_source_contract, source, Cloud::S3, "parquet", "");
suite!(s3_parquet_keeps_the_destination_contract, destination, Cloud::S3, "parquet", "");
suite!(s3_packed_csv_keeps_the_source_contract, source, Cloud::S3, "csv", ".gz");
suite!(s3_packed_json_lines_keep_the_destination_contract, destination, Cloud::S3, "jsonl", ".zst");
suite!(azure_parquet_keeps_the_source_contract, source, Cloud::Azure, "parquet", "");
suite!(azure_csv_keeps_the_destination_contract, destination, Cloud::Azure, "csv", "");
suite!(gcs_parquet_keeps_the_source_contract, source, Cloud::Gcs, "parquet", "");
suite!(gcs_parquet_keeps_the_destination_contract, destination, Cloud::Gcs, "parquet", "");
