//! The one door through which background work starts. Every task has a name, a span and an owner that waits for it.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// A set of tasks that ends together.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that [`Tasks::shut_down`] waits for.
    pub fn spawn<F>(&self, name: &'static str, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(work.instrument(tracing::info_span!("task", task.name = name)))
    }

    /// Cancelled when the owner shuts down; long tasks listen to it.
    pub fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Number of tasks that still run.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Tells every task to end and waits for them.
    pub async fn shut_down(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Starts a task that ends with its handle's owner, for work inside one call (a reader feeding a channel).
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn<F>(name: &'static str, work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(work.instrument(tracing::info_span!("task", task.name = name)))
}

/// Runs blocking work (an embedded database, a compressor) on the blocking pool.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn_blocking<F, T>(name: &'static str, work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let span = tracing::info_span!("blocking", task.name = name);
    tokio::task::spawn_blocking(move || span.in_scope(work))
}
