//! Worlds: a workspace's connections and what their systems hold, as files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::CaseError;
use crate::workspace::Role;

/// What the agent sees in place of live systems.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    pub now: DateTime<Utc>,
    pub connections: Vec<WorldConnection>,
    #[serde(default)]
    pub pipelines: Vec<WorldPipeline>,
    #[serde(default)]
    pub runs: Vec<WorldRun>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldConnection {
    pub name: String,
    pub connector: String,
    #[serde(default)]
    pub label: Option<String>,
    pub roles: Vec<Role>,
    #[serde(default)]
    pub streams: Vec<WorldStream>,
    #[serde(default)]
    pub namespaces: Vec<String>,
    #[serde(default)]
    pub cdc: Option<WorldCdc>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldCdc {
    pub ready: bool,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub retained_log: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldStream {
    pub name: String,
    #[serde(default)]
    pub rows: Option<u64>,
    #[serde(default)]
    pub primary_key: Vec<String>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default = "yes")]
    pub granted: bool,
    #[serde(default)]
    pub columns: Vec<WorldColumn>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub spelled: String,
    #[serde(default = "yes")]
    pub nullable: bool,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub indexed: bool,
    /// Share of rows in which it is NULL.
    #[serde(default)]
    pub nulls: f64,
    #[serde(default)]
    pub distinct: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldPipeline {
    pub name: String,
    pub plan: Value,
    #[serde(default)]
    pub paused: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldRun {
    pub pipeline: String,
    pub state: String,
    #[serde(default)]
    pub error: Option<Value>,
    /// One block of text.
    #[serde(default)]
    pub log: Option<String>,
}

fn yes() -> bool {
    true
}

impl World {
    pub fn connection(&self, name: &str) -> Option<&WorldConnection> {
        self.connections.iter().find(|connection| connection.name == name)
    }
}

impl WorldConnection {
    pub fn stream(&self, name: &str) -> Option<&WorldStream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}

impl WorldStream {
    /// Namespace and last part of the name.
    pub fn parts(&self) -> (Option<&str>, &str) {
        match self.name.rsplit_once('.') {
            // `exports/orders.csv` is one name.
            Some((namespace, name)) if !self.name.contains('/') && !is_file(name) => (Some(namespace), name),
            _ => (None, &self.name),
        }
    }
}

fn is_file(extension: &str) -> bool {
    matches!(extension, "csv" | "json" | "jsonl" | "parquet" | "gz" | "zst" | "avro" | "orc" | "txt" | "tsv" | "ndjson" | "xlsx")
}

/// The worlds of a folder, each read once.
pub(super) struct Worlds {
    folder: PathBuf,
    read: BTreeMap<String, Arc<World>>,
}

impl Worlds {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, read: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, name: &str) -> Result<Arc<World>, CaseError> {
        if let Some(world) = self.read.get(name) {
            return Ok(Arc::clone(world));
        }
        let files = [format!("{name}.yaml"), format!("{name}.yml")].map(|file| self.folder.join(file));
        let file = files.into_iter().find(|file| file.is_file()).ok_or_else(|| CaseError::NoWorld(name.to_owned(), self.folder.clone()))?;
        let text = std::fs::read_to_string(&file).map_err(|error| CaseError::Unreadable(file.clone(), error))?;
        let world: World = serde_saphyr::from_str(&text).map_err(|error| CaseError::Malformed(file, error.to_string()))?;
        let world = Arc::new(world);
        self.read.insert(name.to_owned(), Arc::clone(&world));
        Ok(world)
    }
}
