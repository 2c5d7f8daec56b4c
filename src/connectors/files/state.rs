//! What a target's folder remembers of commits. The file is replaced whole, and names the files of the newest epoch: once it
//! is there the epoch is committed, and whoever opens the folder next finishes the renaming.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compression::of_io;
use super::folder::{self, PENDING_PREFIX};
use crate::connectors::{Committed, ConnectorError, ErrorKind};

pub(super) const STATE_FILE: &str = "_towpath_state.json";

/// The state of a target's folder, by state key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) committed: Committed,
    /// File names of the newest epoch: pending and final.
    pub(super) files: Vec<(String, String)>,
}

impl State {
    pub(super) fn load(folder: &Path) -> Result<Self, ConnectorError> {
        let path = folder.join(STATE_FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                ConnectorError::new(
                    ErrorKind::BadData,
                    format!("`{}` is damaged, so what was committed cannot be known.", path.display()),
                )
                .advise("Restore the file from a backup, or remove the target's folder to load it anew.")
                .because(error)
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(of_io(&path, error)),
        }
    }

    pub(super) fn store(&self, folder: &Path) -> Result<(), ConnectorError> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A state cannot be written.").because(error))?;
        folder::write_whole(&folder.join(STATE_FILE), &bytes)
    }

    /// Gives every committed file its final name.
    pub(super) fn settle(&self, folder: &Path) -> Result<(), ConnectorError> {
        for (pending, name) in self.entries.values().flat_map(|entry| &entry.files) {
            let from: PathBuf = folder.join(pending);
            match std::fs::rename(&from, folder.join(name)) {
                Ok(()) => {}
                // It has its final name already.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(of_io(&from, error)),
            }
        }
        folder::sync(folder)
    }
}

/// Removes files of epochs that were never committed. Only after [`State::settle`].
pub(super) fn sweep(folder: &Path) -> Result<(), ConnectorError> {
    for entry in std::fs::read_dir(folder).map_err(|error| of_io(folder, error))? {
        let path = entry.map_err(|error| of_io(folder, error))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PENDING_PREFIX)) {
            std::fs::remove_file(&path).map_err(|error| of_io(&path, error))?;
        }
    }
    Ok(())
}
