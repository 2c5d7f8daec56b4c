//! Files in a local folder, both ways: CSV, JSON lines and Parquet, plain or compressed with gzip or zstd.
//!
//! A folder that holds data files is one stream, named by its path below the connection's folder (`raw.customers`), with
//! the folders by date (`2026/01/31`) and by value (`dt=2026-01-31`) below it; a data file that stands alone is one too,
//! named without its endings. Names that begin with `_` or `.` are not data: ours are there (`_towpath_schema.json`,
//! `_towpath_state.json`, staging folders).
//!
//! Formats, layout and reading know files only through [`storage::Storage`], so that objects in a bucket and files of a
//! web server are read the same way.

pub(in crate::connectors) mod blocks;
pub(in crate::connectors) mod compression;
mod csv;
mod destination;
mod encodings;
pub(in crate::connectors) mod fetch;
pub(in crate::connectors) mod folder;
mod infer;
mod infinity;
mod jsonl;
pub(in crate::connectors) mod layout;
pub(in crate::connectors) mod lines;
pub(in crate::connectors) mod local;
mod parquet;
pub(in crate::connectors) mod part;
mod read;
mod render;
mod scalar;
mod scan;
pub(in crate::connectors) mod source;
mod state;
pub(in crate::connectors) mod storage;
pub(in crate::connectors) mod survey;
pub(in crate::connectors) mod target;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Connector, ConnectorError, ConnectorKind, Destination, Source};

/// The `files` connector.
#[derive(Debug)]
pub struct Files;

/// Settings of a `files` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder that the files stand in.
    pub path: PathBuf,
    /// Streams by pattern, for folders that are not laid out as one stream per folder or file. When given, only these
    /// are seen.
    #[serde(default)]
    pub streams: Vec<StreamConfig>,
    /// How to read CSV files.
    #[serde(default)]
    pub csv: CsvConfig,
    /// How to write.
    #[serde(default)]
    pub write: WriteConfig,
}

/// A stream given by a pattern.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    pub name: String,
    /// A glob below the folder: `2026/*/orders-*.csv.gz`.
    pub files: String,
    /// What the files hold, where their endings do not tell.
    #[serde(default)]
    pub format: Option<Format>,
    /// Types of columns, by name, where they should not be inferred: `text`, `bigint`, `decimal(12,2)`, `date`, ….
    #[serde(default)]
    pub schema: BTreeMap<String, String>,
}

/// How CSV files are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvConfig {
    /// One character; a comma unless said otherwise.
    pub delimiter: char,
    /// Whether the first row names the columns; otherwise they are `column_1`, `column_2`, ….
    pub header: bool,
    /// An unquoted field with this text is NULL. An unquoted empty field always is; `""` is the empty text.
    pub null_text: Option<String>,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self { delimiter: ',', header: true, null_text: None }
    }
}

/// How files are written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WriteConfig {
    pub format: Format,
    /// For CSV and JSON lines; Parquet always compresses its pages with zstd.
    pub compression: Compression,
    /// A new part begins after this many rows.
    pub rows_per_file: u64,
}

impl Default for WriteConfig {
    fn default() -> Self {
        Self { format: Format::Parquet, compression: Compression::None, rows_per_file: 5_000_000 }
    }
}

/// What a data file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Csv,
    Jsonl,
    Parquet,
}

/// How a data file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

#[async_trait]
impl Connector for Files {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "files".to_owned(),
            name: "Files".to_owned(),
            kind: ConnectorKind::Files,
            description: "CSV, JSON lines and Parquet files in a local folder, plain or compressed with gzip or zstd."
                .to_owned(),
            nicknames: [
                "file",
                "folder",
                "csv",
                "jsonl",
                "ndjson",
                "json lines",
                "parquet",
                "local files",
                "directory",
                "lake",
            ]
            .map(str::to_owned)
            .to_vec(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        let folder = Arc::new(local::Folder::new(config.path));
        Ok(Some(Arc::new(source::FileSource::new(folder, config.streams, config.csv))))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(Some(Arc::new(destination::FileDestination::new(config))))
    }
}
