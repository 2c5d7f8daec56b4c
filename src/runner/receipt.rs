//! The proof that a run leaves: per stream, what the source showed, what the destination says it holds, and whether they
//! agree. Signed with the workspace's key, so that a receipt that was changed is found out.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::plan::canonical;
use crate::workspace::keys::SigningKey;

/// How well a stream's arrival is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Checksums over every row are equal on both sides.
    Proven,
    /// The destination's own count is what was written.
    Counted,
    /// Nothing was compared, by choice or because it could not be.
    Unverified,
    /// The sides disagree; such a run has failed.
    Mismatch,
}

/// One stream of a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamReceipt {
    pub stream: String,
    pub target: String,
    pub read: String,
    pub write: String,
    /// Rows that the source showed, unreadable ones included.
    pub rows_read: u64,
    /// Rows that the filter left out, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_filtered: Option<u64>,
    pub rows_written: u64,
    pub rows_quarantined: u64,
    /// Rows at the edge of an incremental read that an earlier run had delivered.
    pub rows_unchanged: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_rows_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_rows_after: Option<u64>,
    /// Bytes of the written rows in memory form.
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_from: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_to: Option<Value>,
    pub checksum: Option<ChecksumReceipt>,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero_rows_reason: Option<String>,
    pub notes: Vec<String>,
}

/// Checksums over every row of the run, independent of their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecksumReceipt {
    pub source: String,
    pub destination: String,
    pub equal: bool,
    /// Columns that differ, where they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differing: Vec<String>,
    /// Where they differ, as far as it can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<RangeReceipt>,
}

/// Rows with values of one column in a range, which differ in some columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeReceipt {
    pub column: String,
    /// First and last value; absent for rows that have none.
    pub range: Option<(String, String)>,
    /// Columns that differ there; empty when values have changed rows.
    pub differing: Vec<String>,
}

/// What a receipt says of the run as a whole.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) run: String,
    pub(super) plan_digest: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: DateTime<Utc>,
    /// `completed` or `failed`.
    pub(super) outcome: &'static str,
}

/// Writes and signs a receipt.
pub(super) fn write(heading: &Heading, streams: &[StreamReceipt], key: &SigningKey) -> Value {
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut receipt = Map::new();
    receipt.insert("run".to_owned(), json!(heading.run));
    receipt.insert("plan_digest".to_owned(), json!(heading.plan_digest));
    receipt.insert("started_at".to_owned(), json!(at(heading.started_at)));
    receipt.insert("finished_at".to_owned(), json!(at(heading.finished_at)));
    receipt.insert("outcome".to_owned(), json!(heading.outcome));
    receipt.insert("streams".to_owned(), json!(streams));
    let signature = key.sign(canonical(&Value::Object(receipt.clone())).as_bytes());
    receipt.insert("signature".to_owned(), Value::String(signature));
    Value::Object(receipt)
}

/// Whether a receipt is as it was signed.
pub fn is_genuine(receipt: &Value, key: &SigningKey) -> bool {
    let Value::Object(mut receipt) = receipt.clone() else { return false };
    match receipt.remove("signature") {
        Some(Value::String(signature)) => key.sign(canonical(&Value::Object(receipt)).as_bytes()) == signature,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_that_was_changed_is_found_out() {
        let key = SigningKey::new([9; 32]);
        let heading = Heading {
            run: "r".to_owned(),
            plan_digest: "d".to_owned(),
            started_at: DateTime::UNIX_EPOCH,
            finished_at: DateTime::UNIX_EPOCH,
            outcome: "completed",
        };
        let stream = StreamReceipt {
            stream: "orders".to_owned(),
            target: "orders".to_owned(),
            read: "full".to_owned(),
            write: "replace".to_owned(),
            rows_read: 3,
            rows_filtered: None,
            rows_written: 3,
            rows_quarantined: 0,
            rows_unchanged: 0,
            target_rows_before: Some(0),
            target_rows_after: Some(3),
            bytes: 42,
            cursor_from: None,
            cursor_to: None,
            checksum: None,
            verdict: Verdict::Counted,
            zero_rows_reason: None,
            notes: Vec::new(),
        };
        let receipt = write(&heading, &[stream], &key);
        assert!(is_genuine(&receipt, &key));
        // The order of members is no change, another count is.
        assert!(is_genuine(&serde_json::from_str(&canonical(&receipt)).unwrap(), &key));
        let mut forged = receipt.clone();
        forged["streams"][0]["rows_written"] = json!(4);
        assert!(!is_genuine(&forged, &key));
        assert!(!is_genuine(&receipt, &SigningKey::new([8; 32])));
        assert!(!is_genuine(&json!({}), &key));
    }
}
