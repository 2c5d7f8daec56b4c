//! The folder of a target: its state as it was last seen, and bringing what was committed to its end, whoever began it.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::UpdateVersion;
use object_store::multipart::PartId;
use serde_json::json;

use super::bucket::{Bucket, Put};
use super::state::{self, Entry, Part, State, Totals};
use crate::connectors::files::folder::short_digest;
use crate::connectors::files::layout;
use crate::connectors::files::storage::{Listed, Storage};
use crate::connectors::{ConnectorError, ErrorKind};

/// Requests under way at once.
const UNDER_WAY: usize = 8;
/// How often a change is tried anew because somebody else's came first.
const TRIES: usize = 10;
/// Objects that one manifest tells of.
pub(super) const MANIFEST_PARTS: usize = 1_000;

/// A target's folder.
pub(super) struct Target {
    pub(super) bucket: Bucket,
    pub(super) folder: String,
    pub(super) state: State,
    /// What stands; `None` when nothing does.
    seen: Option<UpdateVersion>,
}

impl Target {
    /// The same folder, for cleaning up after a writer that is gone.
    pub(super) fn abandoned(of: &Self) -> Self {
        Self { bucket: of.bucket.clone(), folder: of.folder.clone(), state: State::default(), seen: None }
    }

    pub(super) async fn load(bucket: &Bucket, folder: &str) -> Result<Self, ConnectorError> {
        let mut target =
            Self { bucket: bucket.clone(), folder: folder.to_owned(), state: State::default(), seen: None };
        target.reload().await?;
        Ok(target)
    }

    async fn reload(&mut self) -> Result<(), ConnectorError> {
        let object = state::object(&self.folder);
        let found = self.bucket.small(&object).await?;
        self.state = match &found {
            Some(found) => State::parse(&found.bytes, &self.bucket.shown_object(&object))?,
            None => State::default(),
        };
        self.seen = found.map(|found| found.version);
        Ok(())
    }

    /// Whether anything was ever committed here.
    pub(super) fn stands(&self) -> bool {
        self.seen.is_some() && !(self.state.entries.is_empty() && self.state.columns.is_empty())
    }

    pub(super) fn shown(&self) -> String {
        self.bucket.shown_object(&self.folder)
    }

    fn path(&self, part: &str) -> String {
        state::below(&self.folder, part)
    }

    /// Stores what `change` makes of the state, and tries again on what somebody else has stored meanwhile.
    pub(super) async fn change(
        &mut self,
        mut change: impl FnMut(&State) -> Result<Option<State>, ConnectorError>,
    ) -> Result<(), ConnectorError> {
        for _ in 0..TRIES {
            let Some(mut next) = change(&self.state)? else { return Ok(()) };
            next.mark = uuid::Uuid::new_v4().to_string();
            let bytes = serde_json::to_vec_pretty(&next)
                .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A state cannot be written.").because(error))?;
            match self.bucket.put_over(&state::object(&self.folder), bytes, self.seen.clone()).await? {
                Put::Done(version) => {
                    self.state = next;
                    self.seen = Some(version);
                    return Ok(());
                }
                Put::Overtaken => {
                    self.reload().await?;
                    // A put that was sent twice, because its first answer was lost, is refused the second time.
                    if self.state.mark == next.mark {
                        return Ok(());
                    }
                }
            }
        }
        Err(overtaken(&self.shown()))
    }

    /// Brings what was committed to its end. Does nothing, and writes nothing, when all is done.
    pub(super) async fn settle(&mut self) -> Result<(), ConnectorError> {
        for _ in 0..TRIES {
            let pending: Vec<Part> = self
                .state
                .entries
                .values()
                .flat_map(|entry| &entry.files)
                .filter(|part| part.upload.is_some())
                .cloned()
                .collect();
            if let Some(key) = self.state.swap.clone() {
                let parts = self.state.staged.get(&key).map(|staged| staged.entry.files.clone());
                self.complete(&parts.unwrap_or_default()).await?;
                self.swap(&key).await?;
            } else if !self.state.hidden.is_empty() {
                self.clear().await?;
            } else if !pending.is_empty() {
                self.complete(&pending).await?;
                return self.change(|state| Ok(completed(state, &pending))).await;
            } else {
                return Ok(());
            }
        }
        Err(overtaken(&self.shown()))
    }

    /// Completes uploads. One whose object stands has been completed before.
    pub(super) async fn complete(&self, parts: &[Part]) -> Result<(), ConnectorError> {
        let pending: Vec<Part> = parts.iter().filter(|part| part.upload.is_some()).cloned().collect();
        let completed = pending.into_iter().map(|part| self.complete_one(part));
        futures::stream::iter(completed).buffer_unordered(UNDER_WAY).try_collect().await
    }

    async fn complete_one(&self, part: Part) -> Result<(), ConnectorError> {
        let Some(upload) = &part.upload else { return Ok(()) };
        let path = self.path(&part.path);
        let ids = upload.parts.iter().map(|id| PartId { content_id: id.clone() }).collect();
        let done = self.bucket.uploads.complete_multipart(&self.bucket.key(&path)?, &upload.id, ids).await;
        let Err(error) = done else { return Ok(()) };
        match self.bucket.head(&path).await? {
            Some(found) if found.size == part.bytes => Ok(()),
            Some(_) => Err(ConnectorError::new(
                ErrorKind::BadData,
                format!("`{}` is not what was committed: its size differs.", self.bucket.shown_object(&path)),
            )
            .because(error)),
            None => {
                let told = self.bucket.failed(&path, error);
                if told.kind != ErrorKind::NotFound {
                    return Err(told);
                }
                Err(ConnectorError::new(
                    ErrorKind::BadData,
                    format!("`{}` was committed, and its upload is gone.", self.bucket.shown_object(&path)),
                )
                .advise("Load the target anew. Keep the bucket from expiring uploads within a day.")
                .because(told))
            }
        }
    }

    /// The data that stands here, without what lies in folders that are streams of their own.
    pub(super) async fn standing(&self) -> Result<Vec<Listed>, ConnectorError> {
        let listed = self.bucket.list(&self.folder).await?;
        let storage: Arc<dyn Storage> = Arc::new(self.bucket.clone());
        let own = layout::own_files(&storage, &self.folder, listed.clone())?;
        Ok(listed.into_iter().filter(|listed| own.contains(&listed.path)).collect())
    }

    /// What stood here is hidden, and the replacement counts.
    async fn swap(&mut self, key: &str) -> Result<(), ConnectorError> {
        let standing = self.standing().await?;
        let inside = |path: &str| path.strip_prefix(&self.folder).unwrap_or(path).trim_start_matches('/').to_owned();
        let standing: Vec<String> = standing.iter().map(|listed| inside(&listed.path)).collect();
        self.change(|state| {
            if state.swap.as_deref() != Some(key) {
                return Ok(None);
            }
            let mut next = State { staged: state.staged.clone(), ..State::default() };
            let Some(mut staged) = next.staged.remove(key) else { return Ok(None) };
            staged.entry.files.iter_mut().for_each(|part| part.upload = None);
            let stays = |path: &String| !staged.entry.files.iter().any(|part| part.path == *path);
            let replaced = state.entries.values().flat_map(|entry| entry.files.iter().map(|part| part.path.clone()));
            next.hidden = standing.iter().cloned().chain(replaced).filter(stays).collect();
            next.hidden.sort();
            next.hidden.dedup();
            next.columns = staged.columns;
            next.entries.insert(key.to_owned(), staged.entry);
            Ok(Some(next))
        })
        .await
    }

    /// Removes what was replaced, and the manifests that told of it.
    async fn clear(&mut self) -> Result<(), ConnectorError> {
        let hidden = self.state.hidden.clone();
        let mut doomed: Vec<String> = hidden.iter().map(|path| self.path(path)).collect();
        doomed.extend(self.manifests().await?);
        self.bucket.delete(&doomed).await?;
        self.change(|state| {
            if state.hidden != hidden {
                return Ok(None);
            }
            Ok(Some(State { hidden: Vec::new(), ..state.clone() }))
        })
        .await
    }

    /// The manifests of runs whose objects count no more: none of the run that has just replaced them is written yet.
    async fn manifests(&self) -> Result<Vec<String>, ConnectorError> {
        let kept: Vec<String> = self.state.entries.iter().map(|(key, entry)| manifest_stem(key, entry)).collect();
        let found = self.bucket.own_objects(&self.folder, "_towpath_manifest_").await?;
        Ok(found.into_iter().filter(|path| !kept.iter().any(|stem| path.contains(stem.as_str()))).collect())
    }

    /// Tells in a manifest of the objects of a run, and forgets them here.
    pub(super) async fn fold(&mut self, key: &str) -> Result<(), ConnectorError> {
        let Some(entry) = self.state.entries.get(key).filter(|entry| !entry.files.is_empty()).cloned() else {
            return Ok(());
        };
        for (number, parts) in (entry.manifests + 1..).zip(entry.files.chunks(MANIFEST_PARTS)) {
            let totals = Totals::default().and(parts);
            let parts: Vec<_> =
                parts.iter().map(|part| json!({"path": part.path, "rows": part.rows, "bytes": part.bytes})).collect();
            let manifest = json!({
                "run": entry.committed.run, "objects": parts, "rows": totals.rows, "bytes": totals.bytes,
            });
            let object = self.path(&format!("{}{number:04}.json", manifest_stem(key, &entry)));
            self.bucket.put(&object, manifest.to_string().into_bytes()).await?;
        }
        let written = u32::try_from(entry.files.len().div_ceil(MANIFEST_PARTS)).unwrap_or(u32::MAX);
        self.change(|state| {
            let mut next = state.clone();
            let Some(same) = next.entries.get_mut(key).filter(|same| same.files == entry.files) else {
                return Ok(None);
            };
            next.totals = next.totals.and(&same.files);
            same.files.clear();
            same.manifests = same.manifests.saturating_add(written);
            Ok(Some(next))
        })
        .await
    }

    /// Gives up uploads that nobody will complete. One that is gone already is as good as given up.
    pub(super) async fn abort(&self, uploads: Vec<(String, String)>) -> Result<(), ConnectorError> {
        let uploads = uploads.into_iter().filter(|(_, id)| !id.is_empty());
        let aborted = uploads.map(|(path, id)| self.abort_one(path, id));
        futures::stream::iter(aborted).buffer_unordered(UNDER_WAY).try_collect().await
    }

    async fn abort_one(&self, path: String, id: String) -> Result<(), ConnectorError> {
        match self.bucket.uploads.abort_multipart(&self.bucket.key(&path)?, &id).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.bucket.failed(&path, error)),
        }
    }
}

fn manifest_stem(key: &str, entry: &Entry) -> String {
    format!("_towpath_manifest_{}-{}-", entry.committed.run, short_digest(key))
}

/// The state without the uploads of parts that stand; `None` when it has none of them.
fn completed(state: &State, parts: &[Part]) -> Option<State> {
    let mut next = state.clone();
    let mut changed = false;
    for part in next.entries.values_mut().flat_map(|entry| &mut entry.files) {
        if parts.contains(part) {
            part.upload = None;
            changed = true;
        }
    }
    changed.then_some(next)
}

/// Somebody else writes to the target.
pub(super) fn overtaken(shown: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unreachable, format!("Another run is writing to `{shown}`."))
        .advise("Wait until it ends, or cancel it.")
}
