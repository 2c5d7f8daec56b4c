//! How many bytes of rows may be under way between a source and a destination.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Room for so many bytes. It may be overdrawn by one batch: how large one is, is known once it is there.
#[derive(Debug)]
pub(super) struct Room {
    limit: u64,
    used: AtomicU64,
    freed: Notify,
}

/// Bytes that are under way; dropping it frees them.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    pub(super) fn of(limit: usize) -> Arc<Self> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        Arc::new(Self { limit, used: AtomicU64::new(0), freed: Notify::new() })
    }

    /// Waits until not all of it is taken. For one waiter.
    pub(super) async fn some(&self) {
        while self.used.load(Ordering::SeqCst) >= self.limit {
            self.freed.notified().await;
        }
    }

    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Held {
        self.used.fetch_add(bytes, Ordering::SeqCst);
        Held { room: Arc::clone(self), bytes }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes, Ordering::SeqCst);
        self.room.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_overdraws_waits_until_something_is_freed() {
        let room = Room::of(100);
        let (small, large) = (room.take(99), {
            room.some().await;
            room.take(1_000)
        });
        let brief = Duration::from_millis(20);
        assert!(tokio::time::timeout(brief, room.some()).await.is_err());
        drop(small);
        assert!(tokio::time::timeout(brief, room.some()).await.is_err());
        drop(large);
        assert!(tokio::time::timeout(brief, room.some()).await.is_ok());
    }
}
