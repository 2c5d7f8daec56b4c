//! How many runs may move rows at once: as many as their batches fit into the memory that was set aside for them. The
//! others wait their turn, in the order in which they came.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::plan::resolution::Resolution;

const MEBIBYTE: u64 = 1 << 20;
/// Never less, whatever the machine says: one run of default size must fit.
const LEAST: u64 = 256 * MEBIBYTE;
/// Used where the machine does not say what it has.
const UNKNOWN: u64 = 1024 * MEBIBYTE;

/// Memory for the rows of all runs of this process, handed out by the mebibyte.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    free: Arc<Semaphore>,
    all: u32,
}

/// A run's part of it; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Seat {
    _part: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(super) fn of(bytes: u64) -> Self {
        let all = u32::try_from(bytes.max(LEAST) / MEBIBYTE).unwrap_or(u32::MAX).min(1 << 24);
        Self { free: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX >> 3))), all }
    }

    /// Half of what this process may have.
    pub(super) fn of_machine() -> Self {
        Self::of(available().map_or(UNKNOWN, |bytes| bytes / 2))
    }

    /// What a run holds at most: what stands between reading and writing, and what each connection gathers. A run that
    /// wants more than there is gets all there is, alone.
    fn part(&self, order: &Resolution) -> u32 {
        let batch = u64::try_from(order.batch_bytes).unwrap_or(u64::MAX);
        let lanes = u64::try_from(order.parallelism).unwrap_or(u64::MAX);
        let bytes = batch.saturating_mul(lanes.saturating_mul(2).saturating_add(4));
        u32::try_from(bytes.div_ceil(MEBIBYTE)).unwrap_or(u32::MAX).clamp(1, self.all)
    }

    /// A seat if there is one now.
    pub(super) fn try_seat(&self, order: &Resolution) -> Option<Seat> {
        let part = Arc::clone(&self.free).try_acquire_many_owned(self.part(order)).ok()?;
        Some(Seat { _part: Some(part) })
    }

    /// Waits for a seat.
    pub(super) async fn seat(&self, order: &Resolution) -> Seat {
        // It is never closed.
        Seat { _part: Arc::clone(&self.free).acquire_many_owned(self.part(order)).await.ok() }
    }
}

/// The memory that this process may have: its control group's limit, or the machine's memory, whichever is less.
fn available() -> Option<u64> {
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let machine = machine(Path::new("/proc/meminfo"));
    match (group, machine) {
        (Some(group), Some(machine)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

fn machine(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::spec::Verify;

    fn order(batch_bytes: usize, parallelism: usize) -> Resolution {
        Resolution {
            source: "a".to_owned(),
            destination: "b".to_owned(),
            streams: Vec::new(),
            batch_rows: 1,
            batch_bytes,
            parallelism,
            verify: Verify::None,
            quarantine_max_rows: 0,
        }
    }

    #[tokio::test]
    async fn those_that_do_not_fit_wait_in_order_and_the_largest_comes_alone() {
        let memory = Memory::of(256 * MEBIBYTE);
        let (usual, huge) = (order(16 << 20, 2), order(1 << 40, 64));
        let brief = Duration::from_millis(20);
        let (one, two) = (memory.try_seat(&usual).unwrap(), memory.try_seat(&usual).unwrap());
        assert!(memory.try_seat(&usual).is_none(), "two of 128 MiB are all");
        let waiting = memory.seat(&huge);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(brief, &mut waiting).await.is_err());
        drop(one);
        // The one that came first is not overtaken by one that would fit.
        assert!(tokio::time::timeout(brief, memory.seat(&usual)).await.is_err());
        drop(two);
        let alone = tokio::time::timeout(brief, &mut waiting).await.unwrap();
        assert!(memory.try_seat(&order(1, 0)).is_none());
        drop(alone);
        assert!(memory.try_seat(&usual).is_some());
    }

    #[test]
    fn the_machine_says_what_it_has() {
        assert!(available().is_some_and(|bytes| bytes > LEAST));
        assert!(Memory::of(0).all == 256 && Memory::of(u64::MAX).all == 1 << 24);
    }
}
