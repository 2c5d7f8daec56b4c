//! What a case expects of a turn, as it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::connectors::{Deletes, NullCursor};
use crate::plan::spec::{ByteSize, MaskSpec, NotifySpec, QuarantineSpec, ReadSpec, SchemaPolicy, Verify, WriteSpec};

/// What questions and assumptions can be about.
pub(super) const SLOTS: &[&str] = &[
    "source.connection",
    "destination.connection",
    "destination.namespace",
    "streams",
    "streams.columns",
    "streams.cursor",
    "streams.key",
    "streams.filter",
    "streams.mode",
    "schedule",
    "runtime",
    "goal",
];

/// Something that a case leaves free, wants to be absent, or wants to be this.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Wish<T> {
    #[default]
    Free,
    Absent,
    Is(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Wish<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Absent, Self::Is))
    }
}

/// What must be true after a turn; every member that is not free.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    pub plan: Wish<Box<ExpectedPlan>>,
    pub ask: Option<Vec<String>>,
    pub assumptions: Option<Vec<String>>,
    pub either: Option<Vec<Self>>,
    pub problem: Option<String>,
    pub diagnosis: Option<String>,
    pub action: Option<String>,
    pub on: Option<String>,
    pub destructive: Option<Vec<String>>,
    pub secret_redacted: Option<bool>,
    pub out_of_scope: Option<bool>,
    pub runs: Option<usize>,
}

impl Expected {
    /// What the types do not see.
    pub(super) fn check(&self) -> Result<(), String> {
        for slot in self.ask.iter().chain(&self.assumptions).flatten() {
            if !SLOTS.contains(&slot.as_str()) {
                return Err(format!("`{slot}` is no slot"));
            }
        }
        if self.ask.as_ref().is_some_and(Vec::is_empty) {
            return Err("`ask` names no slot".to_owned());
        }
        if self.on.is_some() && self.action.is_none() {
            return Err("`on` goes with `action`".to_owned());
        }
        match &self.either {
            Some(either) if either.is_empty() => Err("`either` names nothing".to_owned()),
            Some(either) => either.iter().try_for_each(Self::check),
            None => Ok(()),
        }
    }

    /// Whether a secret is expected to be found, in whichever way the turn goes.
    pub(super) fn wants_redaction(&self) -> bool {
        self.secret_redacted == Some(true) || self.either.iter().flatten().any(Self::wants_redaction)
    }
}

/// The part of a plan that a case is about.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedPlan {
    pub version: Wish<u32>,
    pub name: Wish<String>,
    pub source: Wish<ExpectedSource>,
    pub destination: Wish<ExpectedDestination>,
    pub streams: Wish<Vec<ExpectedStream>>,
    pub schedule: Wish<ExpectedSchedule>,
    pub runtime: Wish<String>,
    pub options: Wish<ExpectedOptions>,
    pub quarantine: Wish<QuarantineSpec>,
    pub notify: Wish<Vec<NotifySpec>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedSource {
    pub connection: Wish<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedDestination {
    pub connection: Wish<String>,
    pub namespace: Wish<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedSchedule {
    pub cron: Wish<String>,
    pub timezone: Wish<String>,
    pub every: Wish<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedOptions {
    pub batch_rows: Wish<u64>,
    pub batch_bytes: Wish<ByteSize>,
    pub parallelism: Wish<u32>,
    pub verify: Wish<Verify>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedStream {
    pub stream: String,
    #[serde(default)]
    pub target: Wish<String>,
    #[serde(default)]
    pub read: Wish<ReadSpec>,
    #[serde(default)]
    pub cursor: Wish<String>,
    #[serde(default)]
    pub lookback: Wish<String>,
    #[serde(default)]
    pub null_cursor: Wish<NullCursor>,
    #[serde(default)]
    pub write: Wish<WriteSpec>,
    #[serde(default)]
    pub key: Wish<Vec<String>>,
    #[serde(default)]
    pub deletes: Wish<Deletes>,
    #[serde(default)]
    pub filter: Wish<String>,
    #[serde(default)]
    pub select: Wish<Vec<String>>,
    #[serde(default)]
    pub exclude: Wish<Vec<String>>,
    #[serde(default)]
    pub rename: Wish<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    pub cast: Wish<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    pub mask: Wish<BTreeMap<String, Option<MaskSpec>>>,
    #[serde(default)]
    pub schema_policy: Wish<SchemaPolicy>,
}
