//! Which files make up which stream.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::compression::{of_io, of_name};
use super::{Compression, Config, Format};
use crate::connectors::{ConnectorError, ErrorKind};

/// How deep streams may lie below the connection's folder.
const DEPTH: usize = 8;
/// More files than this in one stream are refused rather than listed for minutes.
const FILES_LIMIT: usize = 100_000;

/// One file of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataFile {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) compression: Compression,
    pub(super) bytes: u64,
}

impl DataFile {
    /// The name that people are shown.
    pub(super) fn shown(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// A stream and its files, in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileStream {
    pub(super) stream: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) files: Vec<DataFile>,
    /// The folder whose files these are, where the stream is a whole folder.
    pub(super) folder: Option<PathBuf>,
    /// Given types, by column.
    pub(super) given: BTreeMap<String, String>,
}

/// Every stream of a connection, by name.
pub(super) fn streams(config: &Config) -> Result<Vec<FileStream>, ConnectorError> {
    let metadata = std::fs::metadata(&config.path).map_err(|error| of_io(&config.path, error))?;
    if !metadata.is_dir() {
        return Err(ConnectorError::new(ErrorKind::Config, format!("`{}` is not a folder.", config.path.display()))
            .advise("Give the folder that the file stands in as `path`, and the file's name as a stream's `files`."));
    }
    if !config.streams.is_empty() {
        return config.streams.iter().map(|stream| by_pattern(config, stream)).collect();
    }
    let mut found = Vec::new();
    walk(&config.path, &mut Vec::new(), &mut found)?;
    name_apart(&mut found);
    found.sort_by(|left, right| left.stream.cmp(&right.stream));
    Ok(found)
}

/// One stream by its name.
pub(super) fn stream(config: &Config, name: &str) -> Result<FileStream, ConnectorError> {
    streams(config)?.into_iter().find(|found| found.stream == name).ok_or_else(|| {
        ConnectorError::new(ErrorKind::NotFound, format!("There is no stream `{name}` in `{}`.", config.path.display()))
    })
}

fn by_pattern(config: &Config, given: &super::StreamConfig) -> Result<FileStream, ConnectorError> {
    let bad = |reason: &str| {
        ConnectorError::new(
            ErrorKind::Config,
            format!("The pattern `{}` of stream `{}` {reason}.", given.files, given.name),
        )
    };
    if given.files.starts_with('/') || given.files.split('/').any(|part| part == "..") {
        return Err(bad("leaves the connection's folder"));
    }
    let pattern = format!("{}/{}", glob::Pattern::escape(&config.path.to_string_lossy()), given.files);
    let mut files = Vec::new();
    for path in glob::glob(&pattern).map_err(|_| bad("is not a valid glob"))? {
        let path = path.map_err(|error| of_io(error.path(), std::io::Error::from(error.error().kind())))?;
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = data_file(&path, &name)?.ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::Config,
                    format!(
                        "`{name}` matches stream `{}` but is no CSV, JSONL or Parquet file by its ending.",
                        given.name
                    ),
                )
            })?;
            files.push(file);
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(FileStream {
        stream: given.name.clone(),
        namespace: None,
        name: given.name.clone(),
        files,
        folder: None,
        given: given.schema.clone(),
    })
}

/// Collects a folder's streams: the folder itself when its files are many, its files alone at the top.
fn walk(folder: &Path, parts: &mut Vec<String>, found: &mut Vec<FileStream>) -> Result<(), ConnectorError> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| of_io(folder, error))? {
        let entry = entry.map_err(|error| of_io(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(['_', '.']) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            folders.push((name, path));
        } else if let Some(file) = data_file(&path, &name)? {
            files.push(file);
            if files.len() > FILES_LIMIT {
                return Err(ConnectorError::new(
                    ErrorKind::Unsupported,
                    format!("`{}` holds more than {FILES_LIMIT} files.", folder.display()),
                )
                .advise("Give streams by narrower patterns."));
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    folders.sort();
    let ours = folder.join(super::folder::SCHEMA_FILE).exists();
    if parts.is_empty() {
        for file in files {
            let shown = file.shown();
            let stem = shown.split('.').next().unwrap_or(&shown).to_owned();
            found.push(FileStream {
                stream: stem.clone(),
                namespace: None,
                name: stem,
                files: vec![file],
                folder: None,
                given: BTreeMap::new(),
            });
        }
    } else if !files.is_empty() || ours {
        let (name, above) = parts.split_last().map_or((String::new(), &[][..]), |(last, above)| (last.clone(), above));
        let namespace = (!above.is_empty()).then(|| above.join("."));
        found.push(FileStream {
            stream: parts.join("."),
            namespace,
            name,
            files,
            folder: Some(folder.to_owned()),
            given: BTreeMap::new(),
        });
    }
    if parts.len() < DEPTH {
        for (name, path) in folders {
            parts.push(name);
            walk(&path, parts, found)?;
            parts.pop();
        }
    }
    Ok(())
}

/// Streams of the same name (`orders.csv` and a folder `orders`) are told apart by the file's full name.
fn name_apart(found: &mut [FileStream]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for stream in found.iter() {
        *seen.entry(stream.stream.clone()).or_default() += 1;
    }
    for stream in found.iter_mut() {
        if stream.folder.is_none()
            && seen.get(&stream.stream).is_some_and(|count| *count > 1)
            && let Some(file) = stream.files.first()
        {
            stream.stream = file.shown();
            stream.name = file.shown();
        }
    }
}

fn data_file(path: &Path, name: &str) -> Result<Option<DataFile>, ConnectorError> {
    let Some((format, compression)) = of_name(name) else { return Ok(None) };
    let bytes = std::fs::metadata(path).map_err(|error| of_io(path, error))?.len();
    Ok(Some(DataFile { path: path.to_owned(), format, compression, bytes }))
}
