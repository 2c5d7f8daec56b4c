//! The plan as people and models write it, version 1. `tools/schema/plan.v1.json` describes the same shape; a test keeps
//! the two together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::connectors::{Deletes, NullCursor};

/// What data should move, from where to where, how and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// Always 1.
    pub version: u32,
    pub name: String,
    pub source: SourceSpec,
    pub destination: DestinationSpec,
    pub streams: Vec<StreamSpec>,
    /// Absent: runs on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(default, skip_serializing_if = "OptionsSpec::is_default")]
    pub options: OptionsSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifySpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<AssumptionSpec>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    pub connection: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationSpec {
    pub connection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// As discovered: `public.customers`.
    pub stream: String,
    /// The stream's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default = "full")]
    pub read: ReadSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// ISO 8601 duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_cursor: Option<NullCursor>,
    /// `replace` with full, `merge` with a key, otherwise `append`, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<WriteSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<Deletes>,
    /// A boolean expression over the stream's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Only these columns; all when empty. Not together with `exclude`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// From source name to target name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// From source name to type, such as `decimal(18,4)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cast: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mask: BTreeMap<String, MaskSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_policy: Option<SchemaPolicy>,
}

impl StreamSpec {
    /// A stream moved whole, with every default.
    pub fn of(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            target: None,
            read: ReadSpec::Full,
            cursor: None,
            lookback: None,
            null_cursor: None,
            write: None,
            key: Vec::new(),
            deletes: None,
            filter: None,
            select: Vec::new(),
            exclude: Vec::new(),
            rename: BTreeMap::new(),
            cast: BTreeMap::new(),
            mask: BTreeMap::new(),
            schema_policy: None,
        }
    }
}

fn full() -> ReadSpec {
    ReadSpec::Full
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadSpec {
    Full,
    Incremental,
    Cdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteSpec {
    Replace,
    Append,
    Merge,
}

/// What a masked column carries instead of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskSpec {
    /// Keyed SHA-256 as hex: equal values stay equal.
    Hash,
    /// The text `[redacted]`.
    Redact,
    /// First character and length kept, the rest `*`.
    Partial,
    /// NULL.
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaPolicy {
    Evolve,
    Freeze,
    Pause,
}

/// When a pipeline runs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScheduleSpec {
    Cron(CronSpec),
    Every(EverySpec),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronSpec {
    /// Five fields.
    pub cron: String,
    /// IANA name.
    #[serde(default = "utc")]
    pub timezone: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EverySpec {
    /// ISO 8601 duration between starts.
    pub every: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionsSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<u64>,
    /// `16MiB`, `500kB`, or a number of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_bytes: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

impl OptionsSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A size as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ByteSize {
    Bytes(u64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    None,
    Counts,
    Checksums,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineSpec {
    /// More than this many rejected rows fail the run.
    pub max_rows: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifySpec {
    pub channel: String,
    pub on: Vec<String>,
}

/// Something the planner took for granted, for the person to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssumptionSpec {
    /// `streams`, `destination.namespace`, …
    pub slot: String,
    pub text: String,
}
