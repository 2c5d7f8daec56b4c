//! What a target's folder remembers. `_towpath_state.json` is replaced whole, and only where the one that was read still
//! stands: that put is a commit. It names the objects of what was committed with the uploads that make them, so that
//! whoever comes next can complete them, and says which objects do not count while a replacement takes the place of what
//! stood there:
//!
//! 1. `swap` names a complete replacement: its objects may appear, and do not count yet;
//! 2. `hidden` lists what was replaced: it may still stand, and does not count any more;
//! 3. neither: what stands counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::connectors::{Column, Committed, ConnectorError, ErrorKind};

pub(super) const STATE_OBJECT: &str = "_towpath_state.json";

/// The state object of a folder.
pub(super) fn object(folder: &str) -> String {
    below(folder, STATE_OBJECT)
}

pub(super) fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The columns of the objects that count.
    pub(super) columns: Vec<Column>,
    /// What was committed, by state key.
    pub(super) entries: BTreeMap<String, Entry>,
    /// Replacements that grow unseen, by state key.
    #[serde(default)]
    pub(super) staged: BTreeMap<String, Staged>,
    /// The state key of a replacement that is complete.
    #[serde(default)]
    pub(super) swap: Option<String>,
    /// Objects that were replaced, below the folder.
    #[serde(default)]
    pub(super) hidden: Vec<String>,
    /// Of everything that manifests tell of.
    #[serde(default)]
    pub(super) totals: Totals,
    /// Differs with every put, so that a put whose answer was lost is known again.
    #[serde(default)]
    pub(super) mark: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) committed: Committed,
    /// Objects of the run that no manifest tells of yet.
    pub(super) files: Vec<Part>,
    /// Manifests that the run has written.
    #[serde(default)]
    pub(super) manifests: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Staged {
    pub(super) columns: Vec<Column>,
    pub(super) entry: Entry,
}

/// One object of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Below the folder.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// What makes the object; absent once it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<Upload>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) parts: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Totals {
    pub(super) fn and(self, parts: &[Part]) -> Self {
        Self {
            files: self.files + parts.len() as u64,
            rows: self.rows + parts.iter().map(|part| part.rows).sum::<u64>(),
            bytes: self.bytes + parts.iter().map(|part| part.bytes).sum::<u64>(),
        }
    }
}

impl State {
    pub(super) fn parse(bytes: &[u8], shown: &str) -> Result<Self, ConnectorError> {
        serde_json::from_slice(bytes).map_err(|error| {
            ConnectorError::new(
                ErrorKind::BadData,
                format!("`{shown}` is damaged, so what was committed cannot be known."),
            )
            .advise("Restore the object from a backup, or remove the target's objects to load it anew.")
            .because(error)
        })
    }

    /// Whether an object that is listed does not count.
    pub(super) fn hides(&self, folder: &str, path: &str) -> bool {
        let Some(inside) = path.strip_prefix(folder).map(|path| path.trim_start_matches('/')) else { return false };
        let staged = self.swap.as_ref().and_then(|key| self.staged.get(key));
        self.hidden.iter().any(|hidden| hidden == inside)
            || staged.is_some_and(|staged| staged.entry.files.iter().any(|part| part.path == inside))
    }

    /// Everything that counts, as it was committed.
    pub(super) fn everything(&self) -> Totals {
        self.entries.values().fold(self.totals, |totals, entry| totals.and(&entry.files))
    }
}
