//! A local folder as a place that files are read from.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::StreamConfig;
use super::compression::of_io;
use super::folder;
use super::layout::{self, DataFile};
use super::storage::{Contents, Listed, Ranged, Storage, is_control};
use crate::connectors::{ConnectorError, ErrorKind};

/// How deep files may lie below the connection's folder.
const DEPTH: usize = 16;

/// A folder of this machine.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn ensure(&self) -> Result<(), ConnectorError> {
        let metadata = std::fs::metadata(&self.root).map_err(|error| of_io(&self.root, error))?;
        if metadata.is_dir() {
            return Ok(());
        }
        Err(ConnectorError::new(ErrorKind::Config, format!("`{}` is not a folder.", self.root.display()))
            .advise("Give the folder that the file stands in as `path`, and the file's name as a stream's `files`."))
    }

    fn listed(path: &Path, below: String) -> Result<Listed, ConnectorError> {
        let bytes = std::fs::metadata(path).map_err(|error| of_io(path, error))?.len();
        Ok(Listed { path: below, bytes, version: None })
    }

    fn walk(folder: &Path, below: &str, depth: usize, found: &mut Vec<Listed>) -> Result<(), ConnectorError> {
        for entry in std::fs::read_dir(folder).map_err(|error| of_io(folder, error))? {
            let entry = entry.map_err(|error| of_io(folder, error))?;
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str() else {
                return Err(ConnectorError::new(
                    ErrorKind::Config,
                    format!("`{}` has a name that is not UTF-8.", path.display()),
                )
                .advise("Rename it, or give the streams by patterns that leave it out."));
            };
            if name.starts_with(['_', '.']) && !is_control(name) {
                continue;
            }
            let below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if !path.is_dir() {
                found.push(Self::listed(&path, below)?);
            } else if depth < DEPTH {
                Self::walk(&path, &below, depth + 1, found)?;
            }
        }
        Ok(())
    }
}

impl Storage for Folder {
    fn shown(&self) -> String {
        self.root.display().to_string()
    }

    fn name(&self) -> String {
        self.root.file_name().map_or_else(|| "files".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn check(&self, given: &[StreamConfig]) -> Result<String, ConnectorError> {
        let here: Arc<dyn Storage> = Arc::new(Self { root: self.root.clone() });
        let streams = layout::streams(&here, given)?;
        let files: usize = streams.iter().map(|stream| stream.files.len()).sum();
        Ok(format!("Folder `{}`: {} streams in {files} files.", self.root.display(), streams.len()))
    }

    fn below(&self, folder: &str) -> Result<Vec<Listed>, ConnectorError> {
        self.ensure()?;
        let (mut found, start) = (Vec::new(), self.root.join(folder));
        if folder.is_empty() || start.exists() {
            Self::walk(&start, folder, 0, &mut found)?;
        }
        Ok(found)
    }

    fn matching(&self, given: &StreamConfig) -> Result<Vec<Listed>, ConnectorError> {
        self.ensure()?;
        let pattern = format!("{}/{}", glob::Pattern::escape(&self.root.to_string_lossy()), given.files);
        let mut found = Vec::new();
        for path in glob::glob(&pattern).map_err(|_| layout::bad_pattern(given, "is not a valid glob"))? {
            let path = path.map_err(|error| of_io(error.path(), std::io::Error::from(error.error().kind())))?;
            if let (true, Some(below)) = (path.is_file(), path.strip_prefix(&self.root).ok().and_then(Path::to_str)) {
                found.push(Self::listed(&path, below.to_owned())?);
            }
        }
        Ok(found)
    }

    fn contents(&self, folder: &str) -> Result<Contents, ConnectorError> {
        Ok(Contents { columns: folder::read_schema(&self.root.join(folder))?, files: None })
    }

    fn open(&self, file: &DataFile) -> Result<Box<dyn Read + Send>, ConnectorError> {
        let path = self.root.join(&file.path);
        Ok(Box::new(File::open(&path).map_err(|error| of_io(&path, error))?))
    }

    fn ranged(&self, file: &DataFile) -> Result<Arc<dyn Ranged>, ConnectorError> {
        let path = self.root.join(&file.path);
        File::open(&path).and_then(ranged).map_err(|error| of_io(&path, error))
    }
}

/// An open file, read in any order.
pub(in crate::connectors) fn ranged(file: File) -> std::io::Result<Arc<dyn Ranged>> {
    let size = file.metadata()?.len();
    Ok(Arc::new(LocalFile { file, size }))
}

struct LocalFile {
    file: File,
    size: u64,
}

impl Ranged for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, start: u64, length: usize) -> std::io::Result<Bytes> {
        let mut bytes = BytesMut::zeroed(length);
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.freeze())
    }
}
