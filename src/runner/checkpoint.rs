//! What the runner commits together with the rows: where the source stands, what was delivered at the edge, and the
//! counts so far, so that a receipt is right whatever interrupted the run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::boundary::Edge;
use super::checksum::Checksum;
use super::failure::Failure;
use crate::connectors::{Committed, Cursor, Epoch, ErrorKind};

/// The checkpoint of one stream, kept by the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Where the source goes on from.
    #[serde(default)]
    pub(super) source: Option<Cursor>,
    #[serde(default)]
    pub(super) boundary: Edge,
    /// Counts of the run that wrote this.
    #[serde(default)]
    pub(super) tally: Tally,
    /// Sums over the rows of the run that wrote this, where checksums are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
}

/// Counts of one stream in one run. Always `read = written + quarantined + unchanged`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Rows that the source showed, unreadable ones included.
    pub(super) read: u64,
    /// Rows that the writer took.
    pub(super) written: u64,
    pub(super) quarantined: u64,
    /// Rows dropped because an earlier run had delivered them.
    pub(super) unchanged: u64,
    /// Of those in quarantine, the ones that the destination refused.
    pub(super) refused: u64,
    pub(super) bytes: u64,
    /// Rows at the target before the run's first row.
    #[serde(default)]
    pub(super) before: Option<u64>,
    /// Where the run went on from.
    #[serde(default)]
    pub(super) cursor_from: Option<Value>,
    /// Distinct keys that a merge has written, at its end and where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<u64>,
    /// The run was interrupted after a commit and went on.
    #[serde(default)]
    pub(super) resumed: bool,
}

/// Where a stream stands when a run opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The run has brought this stream to its end already.
    Done { epoch: Epoch, checkpoint: Checkpoint, rows: u64 },
    /// Reading goes on after `epoch` commits of this run; none on a fresh start.
    Open { epoch: Epoch, checkpoint: Checkpoint },
}

impl Standing {
    /// Reads the destination's own word, which is the truth. `incremental`: an earlier run's position is good to go on
    /// from.
    pub(super) fn of(committed: Option<Committed>, run: &str, incremental: bool) -> Result<Self, Failure> {
        let Some(committed) = committed else { return Ok(Self::fresh(Checkpoint::default())) };
        let checkpoint: Checkpoint = match committed.checkpoint {
            Some(value) => serde_json::from_value(value).map_err(|error| {
                let message = "The checkpoint that the destination keeps cannot be read.";
                let mut failure = Failure::new(ErrorKind::Bug, message);
                failure.error = failure.error.because(error);
                failure
            })?,
            None => Checkpoint::default(),
        };
        if committed.run != run {
            if !incremental {
                return Ok(Self::fresh(Checkpoint::default()));
            }
            let cursor_from = checkpoint.source.as_ref().map(|cursor| cursor.0.clone());
            let tally = Tally { cursor_from, ..Tally::default() };
            return Ok(Self::fresh(Checkpoint { tally, checksum: None, ..checkpoint }));
        }
        if committed.last {
            return Ok(Self::Done { epoch: committed.epoch, checkpoint, rows: committed.rows });
        }
        let tally = Tally { resumed: true, ..checkpoint.tally };
        Ok(Self::Open { epoch: committed.epoch, checkpoint: Checkpoint { tally, ..checkpoint } })
    }

    fn fresh(checkpoint: Checkpoint) -> Self {
        Self::Open { epoch: Epoch(0), checkpoint }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn committed(run: &str, last: bool) -> Committed {
        let checkpoint = Checkpoint {
            source: Some(Cursor(json!(7))),
            tally: Tally { read: 10, written: 10, ..Tally::default() },
            ..Checkpoint::default()
        };
        let checkpoint = serde_json::to_value(checkpoint).unwrap();
        Committed { run: run.to_owned(), epoch: Epoch(3), checkpoint: Some(checkpoint), last, rows: 10 }
    }

    #[test]
    fn the_destination_says_where_to_go_on() {
        assert!(matches!(Standing::of(Some(committed("a", true)), "a", true), Ok(Standing::Done { .. })));
        let Ok(Standing::Open { epoch, checkpoint }) = Standing::of(Some(committed("a", false)), "a", true) else {
            panic!()
        };
        assert_eq!((epoch, checkpoint.tally.read, checkpoint.tally.resumed), (Epoch(3), 10, true));
        // Another run's position, but none of its counts; even if it never came to its end.
        for last in [true, false] {
            let Ok(Standing::Open { epoch, checkpoint }) = Standing::of(Some(committed("a", last)), "b", true) else {
                panic!()
            };
            assert_eq!((epoch, checkpoint.tally.read), (Epoch(0), 0));
            assert_eq!(checkpoint.source, Some(Cursor(json!(7))));
            assert_eq!(checkpoint.tally.cursor_from, Some(json!(7)));
        }
        // A full read starts anew.
        let fresh = Standing::Open { epoch: Epoch(0), checkpoint: Checkpoint::default() };
        assert_eq!(Standing::of(Some(committed("a", true)), "b", false).unwrap(), fresh);
        assert_eq!(Standing::of(None, "b", true).unwrap(), fresh);
    }
}
