//! Where files stand, seen alike: a local folder, a bucket, a web server. Formats, layout and reading know only this.

use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use super::StreamConfig;
use super::layout::DataFile;
use crate::connectors::{Column, ConnectorError};

/// A place that files are read from. Every call may block and runs on the blocking pool.
pub(in crate::connectors) trait Storage: Send + Sync + 'static {
    /// As people are shown it: `/data/inbox`, `s3://lake/raw`.
    fn shown(&self) -> String;

    /// What a stream is called whose files stand right here, without a folder of their own.
    fn name(&self) -> String;

    /// Asks the least that proves that files can be read, and says what was found in a sentence.
    fn check(&self, given: &[StreamConfig]) -> Result<String, ConnectorError>;

    /// Every file below a folder (the place itself when it is empty), and every [`is_control`] file. Names that begin with
    /// `_` or `.` are not data.
    fn below(&self, folder: &str) -> Result<Vec<Listed>, ConnectorError>;

    /// The files of a stream that is given by a pattern.
    fn matching(&self, given: &StreamConfig) -> Result<Vec<Listed>, ConnectorError>;

    /// What this product wrote down of a folder that it writes to.
    fn contents(&self, folder: &str) -> Result<Contents, ConnectorError>;

    /// A file's bytes from beginning to end. A file that is not the one that was listed, or ends early, is an error and
    /// never just shorter.
    fn open(&self, file: &DataFile) -> Result<Box<dyn Read + Send>, ConnectorError>;

    /// A file's bytes in any order, under the same promise.
    fn ranged(&self, file: &DataFile) -> Result<Arc<dyn Ranged>, ConnectorError>;

    /// How many footers are worth fetching at once.
    fn breadth(&self) -> usize {
        1
    }
}

/// A file as a listing tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::connectors) struct Listed {
    /// Below the place, with `/` between folders.
    pub(in crate::connectors) path: String,
    pub(in crate::connectors) bytes: u64,
    /// What changes whenever the bytes do, where the place has such a thing.
    pub(in crate::connectors) version: Option<String>,
}

/// What a folder of ours holds.
#[derive(Debug, Default)]
pub(in crate::connectors) struct Contents {
    pub(in crate::connectors) columns: Option<Vec<Column>>,
    /// The files that count, where that is not all that are listed.
    pub(in crate::connectors) files: Option<Vec<Listed>>,
}

/// Whether a file of this name says that its folder is one that this product writes to.
pub(in crate::connectors) fn is_control(name: &str) -> bool {
    matches!(name, super::folder::SCHEMA_FILE | super::state::STATE_FILE)
}

/// A file that is read in pieces.
pub(in crate::connectors) trait Ranged: Send + Sync {
    fn size(&self) -> u64;

    /// Exactly these bytes.
    fn bytes(&self, start: u64, length: usize) -> std::io::Result<Bytes>;

    /// Which ranges will be asked for, group by group, so that they can be on their way before.
    fn announce(&self, _groups: Vec<Vec<std::ops::Range<u64>>>) {}

    /// Why a call failed, where an I/O error cannot tell.
    fn failure(&self) -> Option<ConnectorError> {
        None
    }
}

/// The first failure of something that others read or write through, who could only say that it failed.
#[derive(Clone, Debug, Default)]
pub(in crate::connectors) struct Failure(Arc<Mutex<Option<ConnectorError>>>);

impl Failure {
    pub(in crate::connectors) fn keep(&self, error: ConnectorError) -> std::io::Error {
        let message = error.message.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        std::io::Error::other(message)
    }

    pub(in crate::connectors) fn take(&self) -> Option<ConnectorError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A ranged file as the Parquet reader wants it.
#[derive(Clone)]
pub(super) struct Chunks(pub(super) Arc<dyn Ranged>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Onward>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let onward = Onward { file: Arc::clone(&self.0), position: start };
        // A page's header is read this way, and little else.
        Ok(BufReader::with_capacity(2 * 1024, onward))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        Ok(self.0.bytes(start, length)?)
    }
}

/// A ranged file read onward from some position.
pub(super) struct Onward {
    file: Arc<dyn Ranged>,
    position: u64,
}

impl Read for Onward {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let left = self.file.size().saturating_sub(self.position);
        let wanted = to.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let bytes = self.file.bytes(self.position, wanted)?;
        for (to, from) in to.iter_mut().zip(&bytes) {
            *to = *from;
        }
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}
