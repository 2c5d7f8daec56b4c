//! Reading over a network what is parsed on a blocking thread: pieces are fetched side by side and ahead of the parser.

use std::future::Future;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::connectors::ConnectorError;
use crate::tasks;

/// Bytes asked for at once.
const PIECE: u64 = 4 * 1024 * 1024;
/// Pieces on their way at once. With those that wait they bound a reader's memory.
const UNDER_WAY: usize = 3;

/// A file somewhere else that is read in ranges.
#[async_trait]
pub(in crate::connectors) trait Fetch: Send + Sync + 'static {
    /// Exactly these bytes of the file that was listed. Fewer bytes, or bytes of another file, are an error.
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ConnectorError>;
}

/// Waits for the network on a blocking thread.
pub(in crate::connectors) fn wait<F: Future>(future: F) -> F::Output {
    Handle::current().block_on(future)
}

/// A file read from its beginning to its end.
pub(in crate::connectors) struct Onward {
    pieces: mpsc::Receiver<Result<Bytes, ConnectorError>>,
    current: Bytes,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    shown: String,
    /// Ends with the reader.
    _feeder: AbortOnDropHandle<()>,
}

impl Onward {
    /// Reads `size` bytes in ranges.
    pub(in crate::connectors) fn ranges(file: Arc<dyn Fetch>, size: u64, shown: String) -> Self {
        let starts = (0..size.div_ceil(PIECE)).map(move |number| number * PIECE..((number + 1) * PIECE).min(size));
        let pieces = futures::stream::iter(starts)
            .map(move |range| {
                let file = Arc::clone(&file);
                async move { file.fetch(range).await }
            })
            .buffered(UNDER_WAY);
        Self::of(pieces, Some(size), shown)
    }

    /// Reads what a stream gives, which must be `size` bytes where that is known; otherwise the stream's own end counts.
    pub(in crate::connectors) fn of(
        pieces: impl futures::Stream<Item = Result<Bytes, ConnectorError>> + Send + 'static,
        size: Option<u64>,
        shown: String,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        let feeder = tasks::spawn("fetch_file", async move {
            futures::pin_mut!(pieces);
            while let Some(piece) = pieces.next().await {
                let over = piece.is_err();
                if sender.send(piece).await.is_err() || over {
                    return;
                }
            }
        });
        let feeder = AbortOnDropHandle::new(feeder);
        Self { pieces: receiver, current: Bytes::new(), left: size, shown, _feeder: feeder }
    }
}

impl Read for Onward {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => {
                    let length = piece.len() as u64;
                    if let Some(left) = &mut self.left {
                        *left = left.checked_sub(length).ok_or_else(|| std::io::Error::other(changed(&self.shown)))?;
                    }
                    self.current = piece;
                }
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                None => match self.left {
                    None | Some(0) => return Ok(0),
                    Some(left) => return Err(std::io::Error::other(cut_short(&self.shown, left))),
                },
            }
        }
        let length = to.len().min(self.current.len());
        if let Some(to) = to.get_mut(..length) {
            self.current.copy_to_slice(to);
        }
        Ok(length)
    }
}

/// A file that is not the one that was listed.
pub(in crate::connectors) fn changed(shown: &str) -> ConnectorError {
    ConnectorError::new(
        crate::connectors::ErrorKind::Unreachable,
        format!("`{shown}` was changed while it was being read."),
    )
    .advise(
        "Run it again: the files are listed anew. Files that are rewritten in place want a pause while they are read.",
    )
}

/// A file that was listed and is gone.
pub(in crate::connectors) fn vanished(shown: &str) -> ConnectorError {
    ConnectorError::new(
        crate::connectors::ErrorKind::Unreachable,
        format!("`{shown}` was listed, and was gone when it was to be read."),
    )
    .advise("Run it again: the files are listed anew.")
}

/// An answer that ended before it should.
pub(in crate::connectors) fn cut_short(shown: &str, missing: u64) -> ConnectorError {
    ConnectorError::new(
        crate::connectors::ErrorKind::Unreachable,
        format!("`{shown}` broke off while it was being read: {missing} bytes are missing."),
    )
}
