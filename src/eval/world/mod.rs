//! A world: the systems that a case's connections answer from, in a file in place of live ones.

pub(super) mod connector;
mod data_type;
mod destination;
pub(super) mod ground;
mod source;

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::EvalError;
use crate::connectors::{Column, ColumnType, StreamSchema, StreamSummary};
use crate::events::RunPhase;
use crate::workspace::Role;

/// A world as its file writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct World {
    /// Not in the file: its name.
    #[serde(skip)]
    pub name: String,
    pub now: DateTime<Utc>,
    pub connections: Vec<Place>,
    #[serde(default)]
    pub pipelines: Vec<Kept>,
    #[serde(default)]
    pub runs: Vec<PastRun>,
}

/// A connection and what stands behind it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub name: String,
    pub connector: String,
    #[serde(default)]
    pub label: Option<String>,
    pub roles: Vec<Role>,
    #[serde(default)]
    pub streams: Vec<Table>,
    #[serde(default)]
    pub namespaces: Vec<String>,
    #[serde(default)]
    pub cdc: Option<Log>,
}

/// Whether a system's log of changes can be read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub ready: bool,
    #[serde(default)]
    pub reason: Option<String>,
    /// ISO 8601 duration.
    #[serde(default, rename = "retained_log")]
    pub retained: Option<String>,
}

/// A stream of a source, or a table that stands at a destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub name: String,
    #[serde(default)]
    pub rows: Option<u64>,
    #[serde(default)]
    pub primary_key: Vec<String>,
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether the account may read it.
    #[serde(default = "yes")]
    pub granted: bool,
    pub columns: Vec<Field>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default = "yes")]
    pub nullable: bool,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub indexed: bool,
    /// Share of rows in which it is NULL, 0 to 1.
    #[serde(default)]
    pub nulls: Option<f64>,
    #[serde(default)]
    pub distinct: Option<u64>,
}

/// A pipeline that the workspace keeps already.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub name: String,
    pub plan: Value,
}

/// A run that began before the talk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PastRun {
    pub pipeline: String,
    pub state: RunPhase,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub log: Option<String>,
}

fn yes() -> bool {
    true
}

impl World {
    /// Reads `NAME.yaml` of a folder.
    pub(super) fn load(folder: &Path, name: &str) -> Result<Self, EvalError> {
        let path = folder.join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(&path).map_err(|error| EvalError::Unreadable(path.clone(), error))?;
        let mut world: Self =
            serde_saphyr::from_str(&text).map_err(|error| EvalError::malformed(path.clone(), &error.to_string()))?;
        name.clone_into(&mut world.name);
        world.check().map_err(|what| EvalError::malformed(path, &what))?;
        Ok(world)
    }

    /// What a file can get wrong that its types do not see.
    fn check(&self) -> Result<(), String> {
        for (index, place) in self.connections.iter().enumerate() {
            if self.connections.iter().skip(index + 1).any(|other| other.name == place.name) {
                return Err(format!("there are two connections named `{}`", place.name));
            }
            for table in &place.streams {
                if let Some(key) = table.primary_key.iter().find(|key| table.field(key).is_none()) {
                    return Err(format!(
                        "`{}` of `{}` has no column `{key}` for its primary key",
                        table.name, place.name
                    ));
                }
            }
        }
        match self.runs.iter().find(|run| !self.pipelines.iter().any(|kept| kept.name == run.pipeline)) {
            Some(run) => Err(format!("there is a run of `{}` and no such pipeline", run.pipeline)),
            None => Ok(()),
        }
    }

    pub(super) fn place(&self, connection: &str) -> Option<&Place> {
        self.connections.iter().find(|place| place.name == connection)
    }

    /// A stream in full, whether or not the account may read it.
    pub(super) fn schema(&self, connection: &str, stream: &str) -> Option<StreamSchema> {
        let place = self.place(connection)?;
        place.table(stream).map(|table| place.schema(table))
    }
}

impl Place {
    pub(super) fn table(&self, stream: &str) -> Option<&Table> {
        self.streams.iter().find(|table| table.name == stream)
    }

    /// Namespace and bare name of a table. Where a system has no namespaces a dot is a letter like others.
    pub(super) fn split<'a>(&self, table: &'a str) -> (Option<&'a str>, &'a str) {
        // A namespace may have dots of its own: `main.sales` of Databricks.
        let listed = self.namespaces.iter().filter_map(|namespace| {
            let name = table.strip_prefix(namespace.as_str())?.strip_prefix('.')?;
            Some((table.get(..namespace.len())?, name))
        });
        if let Some((namespace, name)) = listed.max_by_key(|(namespace, _)| namespace.len()) {
            return (Some(namespace), name);
        }
        if !connector::names_have_namespaces(&self.connector) {
            return (None, table);
        }
        table.split_once('.').map_or((None, table), |(namespace, name)| (Some(namespace), name))
    }

    pub(super) fn summary(&self, table: &Table) -> StreamSummary {
        let (namespace, name) = self.split(&table.name);
        StreamSummary {
            stream: table.name.clone(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            rows: table.rows,
            bytes: None,
            comment: table.comment.clone(),
            readable: table.granted,
        }
    }

    pub(super) fn schema(&self, table: &Table) -> StreamSchema {
        let column = |field: &Field| Column {
            name: field.name.clone(),
            data_type: ColumnType::new(
                data_type::logical(&self.connector, &field.data_type),
                &self.connector,
                field.data_type.clone(),
            ),
            nullable: field.nullable && !table.primary_key.contains(&field.name),
            comment: field.comment.clone(),
            indexed: field.indexed || table.primary_key.first() == Some(&field.name),
            generated: false,
        };
        StreamSchema {
            summary: self.summary(table),
            columns: table.columns.iter().map(column).collect(),
            primary_key: table.primary_key.clone(),
        }
    }
}

impl Table {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.columns.iter().find(|field| field.name == name)
    }

    /// Rows in which a column is NULL: a share is of the rows that there are, and never rounded down to none.
    pub(super) fn nulls(&self, field: &Field) -> u64 {
        let (rows, share) = (self.rows.unwrap_or_default(), field.nulls.unwrap_or_default().clamp(0.0, 1.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a count for sentences, between 0 and the rows"
        )]
        let nulls = (rows as f64 * share).ceil() as u64;
        nulls.min(rows)
    }

    /// Different values of a column, where the file says so or a key does.
    pub(super) fn distinct(&self, field: &Field) -> Option<u64> {
        field.distinct.or_else(|| (self.primary_key == [field.name.as_str()]).then_some(self.rows).flatten())
    }
}
