//! What is ours in a target's folder besides the data: the schema, the state, the lock, the staging folder.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::compression::of_io;
use crate::connectors::{Column, ConnectorError, ErrorKind, TargetName};

/// The columns of our files, so that text formats keep their types.
pub(in crate::connectors) const SCHEMA_FILE: &str = "_towpath_schema.json";
/// Files of an epoch that is not committed yet begin with this.
pub(super) const PENDING_PREFIX: &str = "_towpath_pending_";

/// The folder of a target.
pub(super) fn of_target(root: &Path, target: &TargetName) -> Result<PathBuf, ConnectorError> {
    Ok(root.join(below(target)?))
}

/// The same, below wherever the connection's files stand.
pub(in crate::connectors) fn below(target: &TargetName) -> Result<String, ConnectorError> {
    let mut folder = Vec::new();
    let namespace = target.namespace.iter().flat_map(|namespace| namespace.split('.'));
    for part in namespace.chain([target.name.as_str()]) {
        if part.is_empty()
            || part.starts_with(['_', '.'])
            || part.contains(|letter: char| matches!(letter, '/' | '\\') || letter.is_control())
            || part.len() > 200
        {
            return Err(ConnectorError::new(ErrorKind::Config, format!("`{target}` cannot be a folder's name."))
                .advise("Use a target name without slashes that does not begin with a dot or an underscore."));
        }
        folder.push(part);
    }
    Ok(folder.join("/"))
}

/// Where a replacement grows until it is complete, beside the target's folder.
pub(super) fn staging(target: &Path, state_key: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    target.with_file_name(format!("_towpath_staging_{name}_{}", short_digest(state_key)))
}

/// Tells state keys apart in file names.
pub(in crate::connectors) fn short_digest(state_key: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(state_key.as_bytes()));
    digest.truncate(12);
    digest
}

pub(super) fn read_schema(folder: &Path) -> Result<Option<Vec<Column>>, ConnectorError> {
    let path = folder.join(SCHEMA_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            ConnectorError::new(ErrorKind::BadData, format!("`{}` is damaged.", path.display())).because(error)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_io(&path, error)),
    }
}

/// Writes a small file so that a reader sees the old or the new whole, also after a crash.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ConnectorError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix(PENDING_PREFIX).tempfile_in(folder).map_err(|error| of_io(path, error))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|error| of_io(path, error))?;
    file.persist(path).map_err(|error| of_io(path, error.error))?;
    sync(folder)
}

/// Waits until the disk has a folder's entries.
pub(super) fn sync(folder: &Path) -> Result<(), ConnectorError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| of_io(folder, error))
}
