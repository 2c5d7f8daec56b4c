//! A multipart upload as something to write to: parts of one size, a few on their way while the next is filled. It is never
//! completed here.

use std::collections::VecDeque;
use std::io::Write;

use object_store::path::Path;
use tokio_util::task::AbortOnDropHandle;

use super::PART_BYTES;
use super::bucket::Bucket;
use super::state::Upload;
use crate::connectors::files::fetch::wait;
use crate::connectors::files::storage::Failure;
use crate::connectors::{ConnectorError, ErrorKind};
use crate::tasks;

/// Parts on their way at once. With the one being filled they bound a writer's memory.
const UNDER_WAY: usize = 2;
/// Parts that every service takes.
pub(super) const PARTS_LIMIT: usize = 9_000;

type Coming = AbortOnDropHandle<Result<String, ConnectorError>>;

pub(super) struct Sink {
    bucket: Bucket,
    object: String,
    key: Path,
    id: String,
    buffer: Vec<u8>,
    coming: VecDeque<Coming>,
    parts: Vec<String>,
    sent: usize,
    bytes: u64,
    /// What went wrong, for whoever writes through a format that can only say that something did.
    failure: Failure,
}

impl Sink {
    pub(super) async fn begin(bucket: &Bucket, object: String) -> Result<Self, ConnectorError> {
        let key = bucket.key(&object)?;
        let id = bucket.uploads.create_multipart(&key).await.map_err(|error| bucket.failed(&object, error))?;
        Ok(Self {
            bucket: bucket.clone(),
            object,
            key,
            id,
            buffer: Vec::with_capacity(PART_BYTES),
            coming: VecDeque::new(),
            parts: Vec::new(),
            sent: 0,
            bytes: 0,
            failure: Failure::default(),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// Sends the part that is filled, once there is room on the way.
    fn send(&mut self) -> Result<(), ConnectorError> {
        while self.coming.len() >= UNDER_WAY {
            self.arrived()?;
        }
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART_BYTES));
        let (bucket, object, key, id) = (self.bucket.clone(), self.object.clone(), self.key.clone(), self.id.clone());
        let number = self.sent;
        self.sent += 1;
        self.coming.push_back(AbortOnDropHandle::new(tasks::spawn("upload_part", async move {
            let put = bucket.uploads.put_part(&key, &id, number, part.into()).await;
            put.map(|part| part.content_id).map_err(|error| bucket.failed(&object, error))
        })));
        Ok(())
    }

    /// Waits for the part that has been on its way for longest.
    fn arrived(&mut self) -> Result<(), ConnectorError> {
        let Some(first) = self.coming.pop_front() else { return Ok(()) };
        let part = wait(first).map_err(|error| {
            ConnectorError::new(ErrorKind::Bug, "A part of an upload was lost on its way.").because(error)
        })??;
        self.parts.push(part);
        Ok(())
    }

    /// Sends what is left and waits until the service has all of it; answers what completes the upload, and its bytes.
    pub(super) fn finish(mut self) -> Result<(Upload, u64), ConnectorError> {
        if !self.buffer.is_empty() {
            self.send()?;
        }
        while !self.coming.is_empty() {
            self.arrived()?;
        }
        Ok((Upload { id: self.id, parts: self.parts }, self.bytes))
    }

    pub(super) fn parts(&self) -> usize {
        self.sent
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = PART_BYTES - self.buffer.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        self.bytes += taken.len() as u64;
        if self.buffer.len() == PART_BYTES {
            self.send().map_err(|error| self.failure.keep(error))?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // Smaller parts than agreed cannot be sent; nothing is durable before `finish` anyway.
        Ok(())
    }
}
