//! Which files make up which stream. A folder that holds data files is one stream; folders by date (`2026/01/31`) and by
//! value (`dt=2026-01-31`) below it are parts of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compression::of_name;
use super::storage::{Listed, Storage, is_control};
use super::{Compression, Format, StreamConfig};
use crate::connectors::{Column, ConnectorError, ErrorKind};

/// More files than this in one stream are refused rather than read for days.
const FILES_LIMIT: usize = 100_000;
/// How Hive spells a partition whose value is NULL.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// One file of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::connectors) struct DataFile {
    /// Below its place, with `/` between folders.
    pub(in crate::connectors) path: String,
    pub(in crate::connectors) format: Format,
    pub(in crate::connectors) compression: Compression,
    pub(in crate::connectors) bytes: u64,
    pub(in crate::connectors) version: Option<String>,
    /// Values that the file's folders give to columns, in the folders' order.
    pub(in crate::connectors) partitions: Vec<(String, Option<String>)>,
}

impl DataFile {
    /// The name that people are shown.
    pub(in crate::connectors) fn shown(&self) -> String {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Not packed.
    pub(in crate::connectors) fn is_plain(&self) -> bool {
        self.compression == Compression::None
    }

    pub(in crate::connectors) fn partition(&self, column: &str) -> Option<&Option<String>> {
        self.partitions.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }
}

/// A stream and its files, in the order in which they are read.
#[derive(Clone)]
pub(in crate::connectors) struct FileStream {
    pub(in crate::connectors) storage: Arc<dyn Storage>,
    pub(in crate::connectors) stream: String,
    pub(in crate::connectors) namespace: Option<String>,
    pub(in crate::connectors) name: String,
    pub(in crate::connectors) files: Vec<DataFile>,
    /// The folder whose files these are, where the stream is a whole folder.
    pub(in crate::connectors) folder: Option<String>,
    /// This product writes to the folder.
    pub(in crate::connectors) ours: bool,
    /// The columns as this product wrote them down.
    pub(in crate::connectors) columns: Option<Vec<Column>>,
    /// Given types, by column.
    pub(in crate::connectors) given: BTreeMap<String, String>,
}

/// Every stream of a place, by name.
pub(in crate::connectors) fn streams(
    storage: &Arc<dyn Storage>,
    given: &[StreamConfig],
) -> Result<Vec<FileStream>, ConnectorError> {
    if !given.is_empty() {
        return given.iter().map(|given| by_pattern(storage, given)).collect();
    }
    let mut found = grouped(storage, storage.below("")?)?;
    name_apart(&mut found);
    found.sort_by(|left, right| left.stream.cmp(&right.stream));
    Ok(found)
}

/// One stream by its name, with what was written down of it.
pub(in crate::connectors) fn stream(
    storage: &Arc<dyn Storage>,
    given: &[StreamConfig],
    name: &str,
) -> Result<FileStream, ConnectorError> {
    let found = if given.is_empty() {
        streams(storage, given)?.into_iter().find(|found| found.stream == name)
    } else {
        given.iter().find(|given| given.name == name).map(|given| by_pattern(storage, given)).transpose()?
    };
    let found = found.ok_or_else(|| {
        ConnectorError::new(ErrorKind::NotFound, format!("There is no stream `{name}` in `{}`.", storage.shown()))
    })?;
    settled(found)
}

/// The stream that stands in a folder, whatever the connection's patterns; `None` when nothing does.
pub(in crate::connectors) fn of_folder(
    storage: &Arc<dyn Storage>,
    folder: &str,
) -> Result<Option<FileStream>, ConnectorError> {
    let listed = storage.below(folder)?;
    grouped(storage, listed)?.into_iter().find(|found| found.folder.as_deref() == Some(folder)).map(settled).transpose()
}

/// Which of these objects belong to the stream that stands in a folder.
pub(in crate::connectors) fn own_files(
    storage: &Arc<dyn Storage>,
    folder: &str,
    listed: Vec<Listed>,
) -> Result<std::collections::HashSet<String>, ConnectorError> {
    let found = grouped(storage, listed)?.into_iter().find(|found| found.folder.as_deref() == Some(folder));
    Ok(found.into_iter().flat_map(|found| found.files).map(|file| file.path).collect())
}

fn settled(mut found: FileStream) -> Result<FileStream, ConnectorError> {
    if let (true, Some(folder)) = (found.ours, found.folder.clone()) {
        let contents = found.storage.contents(&folder)?;
        found.columns = contents.columns;
        if let Some(files) = contents.files {
            let parts = grouped(&found.storage, files)?;
            let same = parts.into_iter().find(|part| part.folder.as_deref() == Some(folder.as_str()));
            found.files = same.map_or_else(Vec::new, |part| part.files);
        }
    }
    Ok(found)
}

/// What is wrong with a stream's pattern.
pub(in crate::connectors) fn bad_pattern(given: &StreamConfig, reason: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Config,
        format!("The pattern `{}` of stream `{}` {reason}.", given.files, given.name),
    )
}

fn by_pattern(storage: &Arc<dyn Storage>, given: &StreamConfig) -> Result<FileStream, ConnectorError> {
    if given.files.starts_with('/') || given.files.split('/').any(|part| part == "..") {
        return Err(bad_pattern(given, "leaves the connection's folder"));
    }
    let mut files = Vec::new();
    for listed in storage.matching(given)? {
        let segments: Vec<&str> = listed.path.split('/').collect();
        let partitions = segments.split_last().map(|(_, folders)| partitions(folders)).unwrap_or_default();
        let mut file = data_file(&listed, partitions);
        if let Some(format) = given.format {
            let compression = compression_of(&listed.path);
            file = Some(DataFile { format, compression, ..bare(&listed) });
        }
        files.push(file.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Config,
                format!(
                    "`{}` matches stream `{}` but is no CSV, JSONL or Parquet file by its ending.",
                    bare(&listed).shown(),
                    given.name
                ),
            )
            .advise("Give the stream's `format`, or a pattern that leaves the file out.")
        })?);
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(FileStream {
        storage: Arc::clone(storage),
        stream: given.name.clone(),
        namespace: None,
        name: given.name.clone(),
        files,
        folder: None,
        ours: false,
        columns: None,
        given: given.schema.clone(),
    })
}

#[derive(Default)]
struct Group {
    files: Vec<DataFile>,
    ours: bool,
}

/// The streams that a listing shows: a folder with its parts, or at the top a file by itself.
fn grouped(storage: &Arc<dyn Storage>, listed: Vec<Listed>) -> Result<Vec<FileStream>, ConnectorError> {
    let mut groups: BTreeMap<Vec<String>, Group> = BTreeMap::new();
    for listed in &listed {
        let mut folders: Vec<String> = listed.path.split('/').map(str::to_owned).collect();
        if folders.pop().is_some_and(|name| is_control(&name)) {
            groups.entry(folders).or_default().ours = true;
        }
    }
    let ours: Vec<Vec<String>> = groups.keys().cloned().collect();
    let mut alone = Vec::new();
    for listed in listed {
        let segments: Vec<&str> = listed.path.split('/').collect();
        let Some((name, folders)) = segments.split_last() else { continue };
        if is_control(name) {
            continue;
        }
        // A folder that this product writes to is a stream, whatever it is called.
        let kept = ours.iter().filter(|kept| folders.iter().take(kept.len()).eq(kept.iter())).map(Vec::len).max();
        let own = own_folder(folders);
        let own = folders.get(..own.len().max(kept.unwrap_or(0))).unwrap_or(own);
        let Some(file) = data_file(&listed, partitions(folders.get(own.len()..).unwrap_or_default())) else {
            continue;
        };
        if folders.is_empty() && kept.is_none() {
            alone.push(file);
            continue;
        }
        let group = groups.entry(own.iter().map(|&folder| folder.to_owned()).collect()).or_default();
        group.files.push(file);
        if group.files.len() > FILES_LIMIT {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                format!("`{}` holds more than {FILES_LIMIT} files.", own.join("/")),
            )
            .advise("Give streams by narrower patterns."));
        }
    }
    let made = |stream: String, namespace, name, mut files: Vec<DataFile>, folder, ours| {
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let (storage, given) = (Arc::clone(storage), BTreeMap::new());
        FileStream { storage, stream, namespace, name, files, folder, ours, columns: None, given }
    };
    let mut found: Vec<FileStream> = alone
        .into_iter()
        .map(|file| {
            let shown = file.shown();
            let stem = shown.split('.').next().unwrap_or(&shown).to_owned();
            made(stem.clone(), None, stem, vec![file], None, false)
        })
        .collect();
    for (parts, group) in groups {
        let Some((name, above)) = parts.split_last() else {
            // Parts without a folder of their own: the place itself is the stream.
            if !group.files.is_empty() {
                found.push(made(storage.name(), None, storage.name(), group.files, Some(String::new()), group.ours));
            }
            continue;
        };
        let namespace = (!above.is_empty()).then(|| above.join("."));
        let folder = Some(parts.join("/"));
        found.push(made(parts.join("."), namespace, name.clone(), group.files, folder, group.ours));
    }
    Ok(found)
}

/// The folders before the first that only parts its stream.
fn own_folder<'a, 'b>(folders: &'a [&'b str]) -> &'a [&'b str] {
    let mut end = folders.len();
    for start in 0..folders.len() {
        if folders.get(start..).is_some_and(only_parts) {
            end = start;
            break;
        }
    }
    folders.get(..end).unwrap_or_default()
}

/// Whether these folders are partitions by value and by date, and nothing else.
fn only_parts(folders: &[&str]) -> bool {
    let dates: Vec<&str> = folders.iter().copied().filter(|folder| hive(folder).is_none()).collect();
    if dates.is_empty() {
        return !folders.is_empty();
    }
    let number = |text: &str, digits: usize, least: u32, most: u32| {
        text.len() == digits && text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
    };
    match dates.as_slice() {
        [year, month, rest @ ..] if number(year, 4, 1900, 2999) && number(month, 2, 1, 12) => match rest {
            [] => true,
            [day] => number(day, 2, 1, 31),
            [day, hour] => number(day, 2, 1, 31) && number(hour, 2, 0, 23),
            _ => false,
        },
        _ => false,
    }
}

/// `dt=2026-01-31` as a column and its value.
fn hive(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    if name.is_empty() {
        return None;
    }
    let value = (value != NULL_PARTITION).then(|| unescaped(value));
    Some((unescaped(name), value))
}

fn partitions(folders: &[&str]) -> Vec<(String, Option<String>)> {
    folders.iter().filter_map(|folder| hive(folder)).collect()
}

/// Hive writes characters that file systems dislike as `%3A`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(decoded) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(decoded);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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

fn bare(listed: &Listed) -> DataFile {
    let (path, bytes, version) = (listed.path.clone(), listed.bytes, listed.version.clone());
    let (format, compression) = (Format::Csv, Compression::None);
    DataFile { path, format, compression, bytes, version, partitions: Vec::new() }
}

fn compression_of(path: &str) -> Compression {
    let stem = DataFile { path: path.to_owned(), ..bare(&Listed { path: String::new(), bytes: 0, version: None }) };
    match stem.shown().to_lowercase().rsplit_once('.').map(|(_, ending)| ending) {
        Some("gz") => Compression::Gzip,
        Some("zst" | "zstd") => Compression::Zstd,
        _ => Compression::None,
    }
}

fn data_file(listed: &Listed, partitions: Vec<(String, Option<String>)>) -> Option<DataFile> {
    let plain = bare(listed);
    let (format, compression) = of_name(&plain.shown())?;
    Some(DataFile { format, compression, partitions, ..plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(path: &str) -> String {
        let folders: Vec<&str> = path.split('/').collect();
        own_folder(&folders).join("/")
    }

    #[test]
    fn folders_by_date_and_by_value_belong_to_their_stream() {
        assert_eq!(own("raw/orders/2026/01/31"), "raw/orders");
        assert_eq!(own("raw/orders/2026/01"), "raw/orders");
        assert_eq!(own("raw/orders/2026/01/31/23"), "raw/orders");
        assert_eq!(own("raw/orders/dt=2026-01-31/region=eu"), "raw/orders");
        assert_eq!(own("raw/orders/region=eu/2026/01/31"), "raw/orders");
        assert_eq!(own("2026/01/31"), "");
        // A year alone may be a name, and what has another folder below is one.
        assert_eq!(own("raw/2026"), "raw/2026");
        assert_eq!(own("raw/2026/13"), "raw/2026/13");
        assert_eq!(own("raw/2026/01/orders"), "raw/2026/01/orders");
    }

    #[test]
    fn a_partition_is_read_as_hive_writes_it() {
        assert_eq!(hive("at=10%3A30"), Some(("at".to_owned(), Some("10:30".to_owned()))));
        assert_eq!(hive("region=__HIVE_DEFAULT_PARTITION__"), Some(("region".to_owned(), None)));
        assert_eq!(hive("share=50%"), Some(("share".to_owned(), Some("50%".to_owned()))));
        assert_eq!(hive("=x"), None);
        assert_eq!(hive("plain"), None);
    }
}
