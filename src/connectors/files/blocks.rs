//! A file somewhere else, read in any order: the end of it for a footer, then row group by row group, each fetched side by
//! side and the next one while the last is decoded. What is held is bounded.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::fetch::{Fetch, wait};
use super::storage::{Failure, Ranged};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::tasks;

/// Bytes fetched at once.
const BLOCK: u64 = 1024 * 1024;
/// Blocks held at most.
const HELD: usize = 64;
/// Blocks on their way at once.
const UNDER_WAY: usize = 6;
/// What of the end is fetched first. Most footers fit.
const TAIL: u64 = 64 * 1024;
/// Blocks fetched ahead in a row group that does not fit.
const AHEAD: u64 = 2;

pub(in crate::connectors) struct Blocks {
    file: Arc<dyn Fetch>,
    size: u64,
    inner: Mutex<Inner>,
    gate: Arc<Semaphore>,
    failure: Failure,
}

#[derive(Default)]
struct Inner {
    tail: Option<Bytes>,
    blocks: HashMap<u64, Held>,
    groups: Vec<Group>,
    /// The row group that is being read.
    group: Option<usize>,
    /// Counts accesses, to know what was not wanted for longest.
    tick: u64,
}

/// A row group that will be read.
struct Group {
    /// From the first of its bytes to the last.
    span: Range<u64>,
    ranges: usize,
    /// The blocks that it touches, in the file's order.
    blocks: Vec<u64>,
}

impl Group {
    fn new(ranges: &[Range<u64>]) -> Self {
        let ranges: Vec<&Range<u64>> = ranges.iter().filter(|range| !range.is_empty()).collect();
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
        let mut blocks: Vec<u64> =
            ranges.iter().flat_map(|range| range.start / BLOCK..=(range.end - 1) / BLOCK).collect();
        blocks.sort_unstable();
        blocks.dedup();
        Self { span: start..end, ranges: ranges.len(), blocks }
    }

    fn fits(&self) -> bool {
        self.blocks.len() <= HELD
    }

    /// It has so many columns that blocks would be fetched over and over; then each page is fetched by itself.
    fn is_crowded(&self) -> bool {
        !self.fits() && self.ranges > HELD / 2
    }
}

impl Inner {
    fn current(&self) -> Option<&Group> {
        self.group.and_then(|group| self.groups.get(group))
    }
}

struct Held {
    state: State,
    tick: u64,
}

enum State {
    Coming(AbortOnDropHandle<Result<Bytes, ConnectorError>>),
    Here(Bytes),
}

impl Blocks {
    pub(in crate::connectors) fn new(file: Arc<dyn Fetch>, size: u64) -> Self {
        let gate = Arc::new(Semaphore::new(UNDER_WAY));
        Self { file, size, inner: Mutex::default(), gate, failure: Failure::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range_of(&self, block: u64) -> Range<u64> {
        block * BLOCK..((block + 1) * BLOCK).min(self.size)
    }

    /// Sets a block on its way unless it is.
    fn order(&self, inner: &mut Inner, block: u64) {
        if inner.blocks.contains_key(&block) || block * BLOCK >= self.size {
            return;
        }
        let (file, gate, range) = (Arc::clone(&self.file), Arc::clone(&self.gate), self.range_of(block));
        let coming = tasks::spawn("fetch_block", async move {
            let Ok(_turn) = gate.acquire().await else { return Err(lost()) };
            file.fetch(range).await
        });
        let state = State::Coming(AbortOnDropHandle::new(coming));
        inner.blocks.insert(block, Held { state, tick: inner.tick });
    }

    /// Orders what will be wanted from here on, as far as there is room.
    fn look_ahead(&self, inner: &mut Inner, start: u64) {
        if let Some(group) = inner.current().filter(|group| group.span.contains(&start)) {
            if !group.fits() && !group.is_crowded() {
                let block = start / BLOCK;
                for block in block + 1..=block + AHEAD {
                    self.order(inner, block);
                }
            }
            return;
        }
        let Some(group) = inner.groups.iter().position(|group| group.span.contains(&start)) else { return };
        inner.group = Some(group);
        if inner.current().is_some_and(Group::is_crowded) {
            inner.blocks.clear();
            return;
        }
        let next = inner.groups.iter().skip(group).take(2);
        let wanted: Vec<u64> = next.flat_map(|group| group.blocks.iter().copied()).take(HELD).collect();
        // What neither this row group nor the next wants has been read.
        inner.blocks.retain(|block, _| wanted.contains(block));
        for block in wanted {
            self.order(inner, block);
        }
    }

    fn block(&self, block: u64) -> Result<Bytes, ConnectorError> {
        let coming = {
            let mut inner = self.inner();
            inner.tick += 1;
            self.order(&mut inner, block);
            let tick = inner.tick;
            match inner.blocks.remove(&block) {
                Some(Held { state: State::Here(bytes), .. }) => {
                    inner.blocks.insert(block, Held { state: State::Here(bytes.clone()), tick });
                    return Ok(bytes);
                }
                Some(Held { state: State::Coming(coming), .. }) => coming,
                None => return Err(lost()),
            }
        };
        let bytes = wait(coming).map_err(|error| lost().because(error))??;
        let mut inner = self.inner();
        let tick = inner.tick;
        inner.blocks.insert(block, Held { state: State::Here(bytes.clone()), tick });
        while inner.blocks.len() > HELD {
            let oldest = inner.blocks.iter().min_by_key(|(_, held)| held.tick).map(|(block, _)| *block);
            oldest.and_then(|block| inner.blocks.remove(&block));
        }
        Ok(bytes)
    }

    fn tail(&self) -> Result<(u64, Bytes), ConnectorError> {
        let start = self.size.saturating_sub(TAIL);
        if let Some(tail) = self.inner().tail.clone() {
            return Ok((start, tail));
        }
        let tail = wait(self.file.fetch(start..self.size))?;
        self.inner().tail = Some(tail.clone());
        Ok((start, tail))
    }

    fn get(&self, start: u64, end: u64) -> Result<Bytes, ConnectorError> {
        let beyond = || ConnectorError::new(ErrorKind::BadData, "A file points beyond its own end.");
        if end > self.size || start > end {
            return Err(beyond());
        }
        let announced = !self.inner().groups.is_empty();
        if !announced || start >= self.size.saturating_sub(TAIL) {
            let (from, tail) = self.tail()?;
            if start >= from {
                return within(&tail, start - from, end - from).ok_or_else(beyond);
            }
            if !announced {
                return wait(self.file.fetch(start..end));
            }
        }
        let crowded = {
            let mut inner = self.inner();
            self.look_ahead(&mut inner, start);
            inner.current().is_some_and(Group::is_crowded)
        };
        if crowded {
            return wait(self.file.fetch(start..end));
        }
        let (first, last) = (start / BLOCK, end.saturating_sub(1).max(start) / BLOCK);
        if first == last {
            let bytes = self.block(first)?;
            return within(&bytes, start - first * BLOCK, end - first * BLOCK).ok_or_else(beyond);
        }
        let mut joined = BytesMut::new();
        for block in first..=last {
            let (from, to) = (start.max(block * BLOCK), end.min((block + 1) * BLOCK));
            let bytes = self.block(block)?;
            joined.extend_from_slice(&within(&bytes, from - block * BLOCK, to - block * BLOCK).ok_or_else(beyond)?);
        }
        Ok(joined.freeze())
    }
}

impl Ranged for Blocks {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, start: u64, length: usize) -> std::io::Result<Bytes> {
        self.get(start, start.saturating_add(length as u64)).map_err(|error| self.failure.keep(error))
    }

    fn announce(&self, groups: Vec<Vec<Range<u64>>>) {
        self.inner().groups = groups.iter().map(|ranges| Group::new(ranges)).collect();
    }

    fn failure(&self) -> Option<ConnectorError> {
        self.failure.take()
    }
}

fn within(bytes: &Bytes, start: u64, end: u64) -> Option<Bytes> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}

fn lost() -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A piece of a file was lost on its way.")
}
