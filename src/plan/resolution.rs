//! What validation worked out against the live systems. The runner follows this and nothing else; the digest covers it.

use serde::{Deserialize, Serialize};

use super::spec::{MaskSpec, SchemaPolicy, Verify};
use crate::connectors::filter::Filter;
use crate::connectors::{Column, Deletes, Fidelity, NullCursor, TargetName};

/// A plan with every default filled in and every name resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// Names of connections; never their settings.
    pub source: String,
    pub destination: String,
    pub streams: Vec<ResolvedStream>,
    pub batch_rows: usize,
    pub batch_bytes: usize,
    pub parallelism: usize,
    pub verify: Verify,
    /// More rejected rows than this fail the run.
    pub quarantine_max_rows: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvedStream {
    pub stream: String,
    pub target: TargetName,
    pub read: ResolvedRead,
    pub write: ResolvedWrite,
    pub filter: Option<Filter>,
    /// Columns moved, in order; metadata columns are not among them.
    pub columns: Vec<ResolvedColumn>,
    pub schema_policy: SchemaPolicy,
    /// Estimated rows and bytes to read, where the source could tell.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ResolvedRead {
    Full,
    Incremental {
        cursor: String,
        #[serde(default)]
        lookback_seconds: Option<u64>,
        nulls: NullCursor,
    },
    Cdc,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ResolvedWrite {
    Replace,
    Append,
    /// `key` holds *source* column names.
    Merge {
        key: Vec<String>,
        deletes: Deletes,
    },
}

/// Where one column goes and what happens to it on the way: mask, then cast, then landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedColumn {
    pub source: Column,
    /// Name at the target.
    pub target: String,
    /// The column as the writer gets it: after mask and cast (a hashed integer is text by then). Its name is the target's.
    pub written: Column,
    /// As the destination spells the type.
    pub target_type: String,
    pub fidelity: Fidelity,
    pub note: Option<String>,
    pub mask: Option<MaskSpec>,
    /// The plan's cast, as written.
    pub cast: Option<String>,
}
