//! How far each stream has come, written by the transfer and read at a steady rate by whoever shows it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::checkpoint::Tally;
use crate::events::StreamProgress;

/// Progress of every stream of a run.
#[derive(Debug, Default)]
pub(super) struct Progress {
    streams: Mutex<BTreeMap<String, Track>>,
    /// Woken when a checkpoint lands.
    pub(super) landed: Notify,
}

#[derive(Debug)]
struct Track {
    shown: StreamProgress,
    expected: Option<u64>,
    since: Instant,
    /// Rows that had been read before `since`.
    base: u64,
    changed: bool,
}

impl Progress {
    /// A run that is taken up shows what was known of it.
    pub(super) fn restore(&self, streams: &BTreeMap<String, StreamProgress>) {
        let mut tracks = self.tracks();
        for (stream, shown) in streams {
            let track = Track {
                shown: shown.clone(),
                expected: None,
                since: Instant::now(),
                base: shown.rows_read,
                changed: false,
            };
            tracks.insert(stream.clone(), track);
        }
    }

    /// An attempt starts a stream where `tally` says.
    pub(super) fn begin(&self, stream: &str, tally: &Tally, expected: Option<u64>) {
        let shown = StreamProgress {
            rows_read: tally.read,
            rows_written: tally.written,
            bytes: tally.bytes,
            rows_quarantined: tally.quarantined,
            ..StreamProgress::default()
        };
        let track = Track { shown, expected, since: Instant::now(), base: tally.read, changed: true };
        self.tracks().insert(stream.to_owned(), track);
    }

    /// The source knows how many rows this read will show.
    pub(super) fn expect(&self, stream: &str, rows: u64) {
        self.update(stream, |track| track.expected = Some(track.base.saturating_add(rows)));
    }

    pub(super) fn read(&self, stream: &str, rows: u64) {
        self.update(stream, |track| track.shown.rows_read += rows);
    }

    /// Counts rows set aside and answers how many the whole run has.
    pub(super) fn quarantined(&self, stream: &str, rows: u64) -> u64 {
        self.update(stream, |track| track.shown.rows_quarantined += rows);
        self.tracks().values().map(|track| track.shown.rows_quarantined).sum()
    }

    /// A checkpoint landed.
    pub(super) fn committed(&self, stream: &str, tally: &Tally, last: bool) {
        self.update(stream, |track| {
            track.shown.rows_written = tally.written;
            track.shown.bytes = tally.bytes;
            track.shown.done = last;
        });
        self.landed.notify_one();
    }

    /// Everything that moved since it was asked last.
    pub(super) fn changed(&self, now: Instant) -> Vec<(String, StreamProgress)> {
        let mut tracks = self.tracks();
        tracks
            .iter_mut()
            .filter_map(|(stream, track)| std::mem::take(&mut track.changed).then(|| (stream.clone(), track.view(now))))
            .collect()
    }

    pub(super) fn all(&self, now: Instant) -> BTreeMap<String, StreamProgress> {
        self.tracks().iter().map(|(stream, track)| (stream.clone(), track.view(now))).collect()
    }

    fn update(&self, stream: &str, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks().get_mut(stream) {
            change(track);
            track.changed = true;
        }
    }

    fn tracks(&self) -> MutexGuard<'_, BTreeMap<String, Track>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track {
    #[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
    fn view(&self, now: Instant) -> StreamProgress {
        let mut shown = self.shown.clone();
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let rows = shown.rows_read.saturating_sub(self.base);
        shown.rows_per_second = if seconds > 0.0 { (rows as f64 / seconds).round() } else { 0.0 };
        if shown.done {
            shown.percent = Some(100.0);
            shown.eta_seconds = Some(0);
        } else if let Some(expected) = self.expected.filter(|expected| *expected > 0) {
            // An estimate may be too low; only the end is the end.
            let percent = (shown.rows_read as f64 / expected as f64 * 100.0).min(99.9);
            shown.percent = Some((percent * 10.0).round() / 10.0);
            let left = expected.saturating_sub(shown.rows_read);
            shown.eta_seconds = (shown.rows_per_second > 0.0)
                .then(|| std::time::Duration::from_secs_f64(left as f64 / shown.rows_per_second).as_secs());
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_shows_rate_share_and_rest_and_only_when_it_moved() {
        let progress = Progress::default();
        progress.begin("orders", &Tally { read: 100, written: 100, ..Tally::default() }, None);
        progress.expect("orders", 900);
        let later = progress.tracks()["orders"].since + std::time::Duration::from_secs(2);
        progress.read("orders", 400);
        let [(stream, shown)] = progress.changed(later).try_into().unwrap();
        assert_eq!((stream.as_str(), shown.rows_read, shown.rows_written), ("orders", 500, 100));
        assert_eq!((shown.percent, shown.rows_per_second, shown.eta_seconds), (Some(50.0), 200.0, Some(2)));
        assert!(progress.changed(later).is_empty());
        progress.committed("orders", &Tally { written: 500, ..Tally::default() }, true);
        let [(_, shown)] = progress.changed(later).try_into().unwrap();
        assert_eq!((shown.percent, shown.done), (Some(100.0), true));
    }

    #[test]
    fn rows_set_aside_are_counted_over_all_streams() {
        let progress = Progress::default();
        progress.begin("a", &Tally { quarantined: 3, ..Tally::default() }, None);
        progress.begin("b", &Tally::default(), None);
        assert_eq!(progress.quarantined("b", 2), 5);
        // Another attempt counts from its checkpoint.
        progress.begin("b", &Tally::default(), None);
        assert_eq!(progress.quarantined("b", 1), 4);
    }
}
