//! Further connections that write to a staging table beside the writer's own. What they commit is nothing until the writer's
//! own transaction has committed: the staging table is nobody's before that, and is dropped when the writer opens anew.

use std::ops::Range;
use std::sync::Arc;

use futures::future::try_join_all;
use tokio_util::task::AbortOnDropHandle;

use super::Config;
use super::connect::{Purpose, Session};
use super::failure::failure;
use super::load::{Load, Parcel, Refused, load};
use crate::connectors::{ConnectorError, ErrorKind, RawRows};
use crate::tasks;

/// Fewer bytes than this are not worth a second connection.
const SHARE: usize = 512 * 1024;
/// Connections of one writer, its own included.
const MOST: usize = 8;

#[derive(Default)]
pub(super) struct Hands {
    sessions: Vec<Session>,
    /// Whether their transactions are open.
    open: bool,
}

impl Hands {
    pub(super) fn are_open(&self) -> bool {
        self.open
    }

    /// Opens as many connections as are wanted beside the writer's own, and their transactions.
    pub(super) async fn begin(&mut self, config: &Config, wanted: usize) -> Result<(), ConnectorError> {
        if self.open {
            return Ok(());
        }
        while self.sessions.len() < wanted.min(MOST).saturating_sub(1) {
            self.sessions.push(Session::open(config, Purpose::Write).await?);
        }
        for session in &self.sessions {
            session.batch_execute("begin").await.map_err(|error| failure("Beginning to write failed", error))?;
        }
        self.open = true;
        Ok(())
    }

    pub(super) async fn commit(&mut self, shown: &str) -> Result<(), ConnectorError> {
        for session in self.sessions.iter().filter(|_| self.open) {
            let doing = |error| failure(format!("Committing to `{shown}` failed"), error);
            session.batch_execute("commit").await.map_err(doing)?;
        }
        self.open = false;
        Ok(())
    }

    /// Gives up what was not committed, and the connections with it.
    pub(super) fn drop_all(&mut self) {
        *self = Self::default();
    }

    /// Loads parcels at once, the first over the writer's own connection. Answers what was refused of each.
    pub(super) async fn load(
        &mut self,
        own: &Session,
        parcels: Vec<Parcel>,
        how: &Load,
    ) -> Result<Vec<Vec<Refused>>, ConnectorError> {
        let mut parcels = parcels.into_iter();
        let first = parcels.next();
        let how = Arc::new(how.clone());
        let mut work = Vec::new();
        for parcel in parcels {
            let session = self.sessions.pop().ok_or_else(|| {
                ConnectorError::new(ErrorKind::Bug, "Rows were shared among more connections than there are.")
            })?;
            let how = Arc::clone(&how);
            work.push(AbortOnDropHandle::new(tasks::spawn("postgres_write", async move {
                let refused = load(&session, &parcel, &how).await?;
                Ok::<_, ConnectorError>((session, refused))
            })));
        }
        let mut refused = Vec::new();
        if let Some(parcel) = first {
            refused.push(load(own, &parcel, &how).await?);
        }
        let ended = try_join_all(work).await.map_err(|error| {
            ConnectorError::new(ErrorKind::Bug, "A connection that writes ended unexpectedly.").because(error)
        })?;
        for done in ended {
            let (session, of_it) = done?;
            self.sessions.push(session);
            refused.push(of_it);
        }
        Ok(refused)
    }
}

/// How many connections these bytes are worth.
pub(super) fn shares(bytes: usize, most: usize) -> usize {
    (bytes / SHARE).clamp(1, most.clamp(1, MOST))
}

/// Cuts rows into ranges of about the same number.
pub(super) fn cut(rows: usize, shares: usize) -> Vec<Range<usize>> {
    let size = rows.div_ceil(shares.max(1)).max(1);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

/// Cuts raw rows into parts of about the same size, with the number of the first row of each.
pub(super) fn cut_raw(rows: RawRows, shares: usize) -> Vec<(usize, RawRows)> {
    let size = rows.bytes().div_ceil(u64::try_from(shares.max(1)).unwrap_or(1)).max(1);
    let mut parts: Vec<(usize, RawRows)> = Vec::new();
    let mut first = 0;
    for piece in rows.pieces {
        let count = usize::try_from(piece.rows).unwrap_or(usize::MAX);
        match parts.last_mut().filter(|(_, part)| part.bytes() < size) {
            Some((_, part)) => part.pieces.push(piece),
            None => parts.push((first, RawRows { pieces: vec![piece] })),
        }
        first += count;
    }
    parts
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::connectors::RawPiece;

    #[test]
    fn every_row_is_in_one_share() {
        assert_eq!(cut(10, 3), [0..4, 4..8, 8..10]);
        assert!(cut(1, 4).into_iter().eq(std::iter::once(0..1)));
        let piece = |rows| RawPiece { bytes: Bytes::from(vec![0; 100]), rows };
        let parts = cut_raw(RawRows { pieces: (1..=5).map(piece).collect() }, 2);
        let shown: Vec<_> = parts.iter().map(|(first, part)| (*first, part.rows(), part.pieces.len())).collect();
        assert_eq!(shown, [(0, 6, 3), (6, 9, 2)]);
        assert_eq!((shares(100, 4), shares(2_000_000, 2), shares(2_000_000, 0)), (1, 2, 1));
    }
}
