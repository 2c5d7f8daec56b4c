//! A bucket below a prefix: listing, reading under the version that was listed, and small objects of our own.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion,
};

use super::failure;
use super::state::{self, State};
use crate::connectors::files::StreamConfig;
use crate::connectors::files::blocks::Blocks;
use crate::connectors::files::fetch::{Fetch, Onward, changed, cut_short, vanished, wait};
use crate::connectors::files::folder::SCHEMA_FILE;
use crate::connectors::files::layout::{self, DataFile};
use crate::connectors::files::storage::{Contents, Listed, Ranged, Storage, is_control};
use crate::connectors::{ConnectorError, ErrorKind};

/// More objects than this below one prefix are refused rather than listed for hours.
const OBJECTS_LIMIT: usize = 1_000_000;
/// Objects that a check looks at.
const CHECKED: usize = 1_000;
/// How often a folder is listed anew because it was rewritten meanwhile.
const LISTINGS: usize = 5;

/// What a service is called, and what it can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub(super) id: &'static str,
    /// What it calls a bucket.
    pub(super) word: &'static str,
    pub(super) scheme: &'static str,
    /// It stores an object only if the one that stands is the one that was seen.
    pub(super) conditional: bool,
}

/// A bucket, as one connection sees it.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) uploads: Arc<dyn MultipartStore>,
    pub(super) service: Service,
    pub(super) name: String,
    /// Without slashes at its ends; empty for the whole bucket.
    prefix: String,
    pub(super) shown: String,
}

/// A small object and what to say when it is replaced.
pub(super) struct Small {
    pub(super) bytes: Bytes,
    pub(super) version: UpdateVersion,
}

/// What became of a conditional put.
pub(super) enum Put {
    Done(UpdateVersion),
    /// What stands is not what was seen.
    Overtaken,
}

impl Bucket {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        uploads: Arc<dyn MultipartStore>,
        service: Service,
        name: &str,
        prefix: &str,
    ) -> Self {
        let prefix = prefix.trim_matches('/').to_owned();
        let mut shown = format!("{}://{name}", service.scheme);
        if !prefix.is_empty() {
            shown = format!("{shown}/{prefix}");
        }
        Self { store, uploads, service, name: name.to_owned(), prefix, shown }
    }

    /// An object as people are shown it.
    pub(super) fn shown_object(&self, object: &str) -> String {
        if object.is_empty() { self.shown.clone() } else { format!("{}/{object}", self.shown) }
    }

    /// The store's own name of an object below the prefix.
    pub(super) fn key(&self, object: &str) -> Result<Path, ConnectorError> {
        let key = if self.prefix.is_empty() { object.to_owned() } else { format!("{}/{object}", self.prefix) };
        Path::parse(key).map_err(|error| self.failed(object, error.into()))
    }

    pub(super) fn failed(&self, object: &str, error: object_store::Error) -> ConnectorError {
        failure::of(self, object, error)
    }

    fn prefix_of(&self, folder: &str) -> Result<Option<Path>, ConnectorError> {
        if folder.is_empty() && self.prefix.is_empty() { Ok(None) } else { self.key(folder).map(Some) }
    }

    fn below_prefix<'a>(&self, location: &'a Path) -> Option<&'a str> {
        let location = location.as_ref();
        if self.prefix.is_empty() {
            return Some(location);
        }
        location.strip_prefix(self.prefix.as_str())?.strip_prefix('/')
    }

    /// Everything below a folder that is data or a [`is_control`] object, by name.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Listed>, ConnectorError> {
        let (mut found, mut markers) = (Vec::new(), Vec::new());
        let mut all = self.store.list(self.prefix_of(folder)?.as_ref());
        while let Some(object) = all.try_next().await.map_err(|error| self.failed("", error))? {
            let Some(path) = self.below_prefix(&object.location) else { continue };
            let hidden = |part: &str| part.starts_with(['_', '.']);
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            if above.split('/').any(hidden) || hidden(name) && !is_control(name) {
                continue;
            }
            if object.size == 0 {
                markers.push(path.to_owned());
            }
            found.push(Listed { path: path.to_owned(), bytes: object.size, version: version(&object) });
            if found.len() > OBJECTS_LIMIT {
                return Err(ConnectorError::new(
                    ErrorKind::Unsupported,
                    format!("`{}` holds more than {OBJECTS_LIMIT} objects.", self.shown_object(folder)),
                )
                .advise("Give a narrower `prefix` in the connection, or streams by patterns."));
            }
        }
        found.sort_by(|left: &Listed, right| left.path.cmp(&right.path));
        // Some tools make an empty object stand for a folder. It is no file of its own.
        for marker in markers {
            let inside = format!("{marker}/");
            let next = found.partition_point(|listed| listed.path < inside);
            if found.get(next).is_some_and(|listed| listed.path.starts_with(&inside)) {
                found.retain(|listed| listed.path != marker);
            }
        }
        Ok(found)
    }

    /// A small object whole; `None` when it is not there.
    pub(super) async fn small(&self, object: &str) -> Result<Option<Small>, ConnectorError> {
        let found = match self.store.get(&self.key(object)?).await {
            Ok(found) => found,
            Err(error) => return self.unless_missing(object, error).map(|()| None),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(|error| self.failed(object, error))?;
        Ok(Some(Small { bytes, version }))
    }

    /// Nothing when an object, though not the bucket, is missing; otherwise the failure.
    fn unless_missing(&self, object: &str, error: object_store::Error) -> Result<(), ConnectorError> {
        let missing = matches!(error, object_store::Error::NotFound { .. });
        let told = self.failed(object, error);
        // A missing bucket is told as such, and is no missing object.
        let bucket = told.message.starts_with("There is no");
        if missing && !bucket { Ok(()) } else { Err(told) }
    }

    pub(super) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), ConnectorError> {
        let put = self.store.put(&self.key(object)?, bytes.into()).await;
        put.map(|_| ()).map_err(|error| self.failed(object, error))
    }

    /// Stores an object only where `seen` still stands; `None` where nothing must stand.
    pub(super) async fn put_over(
        &self,
        object: &str,
        bytes: Vec<u8>,
        seen: Option<UpdateVersion>,
    ) -> Result<Put, ConnectorError> {
        // A stand-in for Google's service may number no generations; nothing can be compared then.
        let comparable = |seen: &UpdateVersion| self.service.id != "gcs" || seen.version.is_some();
        let mode = match seen {
            _ if !self.service.conditional => PutMode::Overwrite,
            Some(seen) if comparable(&seen) => PutMode::Update(seen),
            Some(_) => PutMode::Overwrite,
            None => PutMode::Create,
        };
        match self.store.put_opts(&self.key(object)?, bytes.into(), PutOptions::from(mode)).await {
            Ok(put) => Ok(Put::Done(UpdateVersion { e_tag: put.e_tag, version: put.version })),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                Ok(Put::Overtaken)
            }
            Err(error) => Err(self.failed(object, error)),
        }
    }

    pub(super) async fn head(&self, object: &str) -> Result<Option<ObjectMeta>, ConnectorError> {
        match self.store.head(&self.key(object)?).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => self.unless_missing(object, error).map(|()| None),
        }
    }

    /// Removes objects; one that is gone already is as good as removed.
    pub(super) async fn delete(&self, objects: &[String]) -> Result<(), ConnectorError> {
        let keys = objects.iter().map(|object| self.key(object)).collect::<Result<Vec<_>, _>>()?;
        let mut gone = self.store.delete_stream(futures::stream::iter(keys).map(Ok).boxed());
        while let Some(outcome) = gone.next().await {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("", error)),
            }
        }
        Ok(())
    }

    /// Objects of our own that stand right in a folder and whose names begin so.
    pub(super) async fn own_objects(&self, folder: &str, begins: &str) -> Result<Vec<String>, ConnectorError> {
        let listed = self.store.list_with_delimiter(self.prefix_of(folder)?.as_ref()).await;
        let listed = listed.map_err(|error| self.failed(folder, error))?;
        let paths = listed.objects.iter().filter_map(|object| self.below_prefix(&object.location));
        let own = paths.filter(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with(begins)));
        Ok(own.map(str::to_owned).collect())
    }

    /// Names of the folders right below.
    pub(super) async fn folders(&self) -> Result<Vec<String>, ConnectorError> {
        let listed = self.store.list_with_delimiter(self.prefix_of("")?.as_ref()).await;
        let listed = listed.map_err(|error| self.failed("", error))?;
        let folders = listed.common_prefixes.iter().filter_map(|prefix| self.below_prefix(prefix).map(str::to_owned));
        Ok(folders.filter(|name| !name.starts_with(['_', '.'])).collect())
    }

    /// The objects of a folder that is ours, as of one moment: those that a replacement has not made visible yet, or has
    /// replaced, do not count.
    async fn consistent(&self, folder: &str) -> Result<(Option<State>, Vec<Listed>), ConnectorError> {
        let object = state::object(folder);
        for _ in 0..LISTINGS {
            let before = self.small(&object).await?;
            let listed = self.list(folder).await?;
            let Some(before) = before else { return Ok((None, listed)) };
            let after = self.head(&object).await?;
            if after.is_some_and(|after| same_tag(after.e_tag.as_deref(), before.version.e_tag.as_deref())) {
                let state = State::parse(&before.bytes, &self.shown_object(&object))?;
                let counted = listed.into_iter().filter(|listed| !state.hides(folder, &listed.path)).collect();
                return Ok((Some(state), counted));
            }
        }
        Err(ConnectorError::new(
            ErrorKind::Unreachable,
            format!("`{}` is being written to all the time.", self.shown_object(folder)),
        )
        .advise("Read it when no run writes to it."))
    }
}

/// What changes with an object's bytes, in the form in which a request wants it back.
fn version(object: &ObjectMeta) -> Option<String> {
    let tag = object.e_tag.as_deref()?;
    // Azure lists tags without the quotes that it wants in a header.
    Some(if tag.starts_with(['"', 'W']) { tag.to_owned() } else { format!("\"{tag}\"") })
}

fn same_tag(left: Option<&str>, right: Option<&str>) -> bool {
    let bare = |tag: &str| tag.trim_matches('"').to_owned();
    left.map(bare) == right.map(bare)
}

impl Storage for Bucket {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn name(&self) -> String {
        self.prefix.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(&self.name).to_owned()
    }

    fn check(&self, _given: &[StreamConfig]) -> Result<String, ConnectorError> {
        let seen = wait(async {
            let all = self.store.list(self.prefix_of("")?.as_ref());
            all.take(CHECKED)
                .try_fold(0_usize, |seen, _| async move { Ok(seen + 1) })
                .await
                .map_err(|error| self.failed("", error))
        })?;
        let more = if seen == CHECKED { " or more" } else { "" };
        Ok(format!("`{}` can be listed: {seen}{more} objects.", self.shown))
    }

    fn below(&self, folder: &str) -> Result<Vec<Listed>, ConnectorError> {
        wait(self.list(folder))
    }

    fn matching(&self, given: &StreamConfig) -> Result<Vec<Listed>, ConnectorError> {
        let pattern =
            glob::Pattern::new(&given.files).map_err(|_| layout::bad_pattern(given, "is not a valid glob"))?;
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let literal = given.files.split(['*', '?', '[']).next().unwrap_or_default();
        let folder = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
        wait(async {
            let mut listed = self.list(folder).await?;
            let ours: Vec<String> = listed
                .iter()
                .filter_map(|listed| listed.path.strip_suffix(&format!("/{}", state::STATE_OBJECT)))
                .map(str::to_owned)
                .collect();
            for ours in ours {
                let inside = format!("{ours}/");
                listed.retain(|listed| !listed.path.starts_with(&inside));
                listed.extend(self.consistent(&ours).await?.1);
            }
            listed.retain(|listed| {
                let name = listed.path.rsplit('/').next().unwrap_or_default();
                !is_control(name) && pattern.matches_with(&listed.path, options)
            });
            Ok(listed)
        })
    }

    fn contents(&self, folder: &str) -> Result<Contents, ConnectorError> {
        wait(async {
            let (state, files) = self.consistent(folder).await?;
            if let Some(state) = state {
                return Ok(Contents { columns: Some(state.columns), files: Some(files) });
            }
            let object = state::below(folder, SCHEMA_FILE);
            let Some(schema) = self.small(&object).await? else { return Ok(Contents::default()) };
            let columns = serde_json::from_slice(&schema.bytes).map_err(|error| {
                ConnectorError::new(ErrorKind::BadData, format!("`{}` is damaged.", self.shown_object(&object)))
                    .because(error)
            })?;
            Ok(Contents { columns: Some(columns), files: Some(files) })
        })
    }

    fn open(&self, file: &DataFile) -> Result<Box<dyn Read + Send>, ConnectorError> {
        let object = Arc::new(Object::new(self, file)?);
        Ok(Box::new(Onward::ranges(object, file.bytes, self.shown_object(&file.path))))
    }

    fn ranged(&self, file: &DataFile) -> Result<Arc<dyn Ranged>, ConnectorError> {
        Ok(Arc::new(Blocks::new(Arc::new(Object::new(self, file)?), file.bytes)))
    }

    fn breadth(&self) -> usize {
        16
    }
}

/// One object, in the version that was listed.
struct Object {
    bucket: Bucket,
    key: Path,
    file: DataFile,
}

impl Object {
    fn new(bucket: &Bucket, file: &DataFile) -> Result<Self, ConnectorError> {
        Ok(Self { bucket: bucket.clone(), key: bucket.key(&file.path)?, file: file.clone() })
    }
}

#[async_trait]
impl Fetch for Object {
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ConnectorError> {
        let shown = || self.bucket.shown_object(&self.file.path);
        let failed = |error| match error {
            object_store::Error::Precondition { .. } => changed(&shown()).because(error),
            object_store::Error::NotFound { .. } => vanished(&shown()).because(error),
            error => self.bucket.failed(&self.file.path, error),
        };
        let wanted = range.end - range.start;
        let options = GetOptions {
            if_match: self.file.version.clone(),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.bucket.store.get_opts(&self.key, options).await.map_err(failed)?;
        if found.meta.size != self.file.bytes {
            return Err(changed(&shown()));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        match wanted.checked_sub(bytes.len() as u64) {
            Some(0) => Ok(bytes),
            missing => Err(cut_short(&shown(), missing.unwrap_or(0))),
        }
    }
}
