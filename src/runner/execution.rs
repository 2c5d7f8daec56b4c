//! Carries a run out: opens both ends, analyzes, transfers, verifies, and moves the run's state by what happens. It can be
//! cancelled, shut down or outlived at any point; whoever takes the run up goes on from what is durable.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::admission::Memory;
use super::analysis::{Ground, Prepared, prepare};
use super::backoff::Backoff;
use super::drift::Additions;
use super::failure::Failure;
use super::journal::{Entry, Journal, JournalError, LEASE};
use super::progress::Progress;
use super::receipt::{self, Heading, StreamReceipt, Verdict};
use super::stage::Rhythm;
use super::state::{Happening, RunState};
use super::sync::{Ends, transfer};
use super::verify::{mismatch, verify};
use crate::clock::Clock;
use crate::connectors::{Destination, ErrorKind, Source};
use crate::events::{Event, LogLevel, RunPhase};
use crate::plan::resolution::Resolution;
use crate::tasks;
use crate::workspace::keys::WorkspaceKeys;

/// How often progress is told, at most.
const TICK: Duration = Duration::from_millis(300);
/// How long work that was told to stop may take to let go.
const LET_GO: Duration = Duration::from_secs(3);

/// Opens the two ends of a pipeline by the names of their connections.
#[async_trait]
pub(super) trait Systems: Send + Sync {
    async fn source(&self, connection: &str) -> Result<Arc<dyn Source>, Failure>;
    async fn destination(&self, connection: &str) -> Result<Arc<dyn Destination>, Failure>;
}

/// What a run carries out.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) resolution: Resolution,
    pub(super) plan_digest: String,
    /// Which new columns each stream would take, in the resolution's order.
    pub(super) additions: Vec<Additions>,
    pub(super) rhythm: Rhythm,
    pub(super) backoff: Backoff,
}

/// What stops a run from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// A person wants it to end.
    pub(super) cancel: CancellationToken,
    /// The process ends; the run goes on elsewhere.
    pub(super) shut_down: CancellationToken,
}

/// Why guarded work ended without a result.
enum Stop {
    Cancelled,
    ShutDown,
    Failed(Failure),
}

/// Why a run was let go of without an end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Abandoned {
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another process carries it out now.
    #[error("the lease of the run was lost")]
    LeaseLost,
}

/// A run being carried out by this process.
pub(super) struct Execution {
    pub(super) entry: Entry,
    pub(super) order: Arc<Order>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) systems: Arc<dyn Systems>,
    pub(super) clock: Clock,
    pub(super) keys: WorkspaceKeys,
    pub(super) signals: Signals,
    pub(super) memory: Memory,
    progress: Arc<Progress>,
    opened: Option<(Arc<dyn Source>, Arc<dyn Destination>)>,
    prepared: Vec<Arc<Prepared>>,
    receipts: Arc<Mutex<BTreeMap<usize, StreamReceipt>>>,
    renewed: Instant,
}

/// What an execution is made of.
pub(super) struct Parts {
    pub(super) entry: Entry,
    pub(super) order: Arc<Order>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) systems: Arc<dyn Systems>,
    pub(super) clock: Clock,
    pub(super) keys: WorkspaceKeys,
    pub(super) signals: Signals,
    pub(super) memory: Memory,
}

impl Execution {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { entry, order, journal, systems, clock, keys, signals, memory } = parts;
        let progress = Progress::default();
        progress.restore(&entry.progress);
        Self {
            entry,
            order,
            journal,
            systems,
            clock,
            keys,
            signals,
            memory,
            progress: Arc::new(progress),
            opened: None,
            prepared: Vec::new(),
            receipts: Arc::default(),
            renewed: Instant::now(),
        }
    }

    /// Carries the run to its end. The lease is held by the caller's journal already.
    pub(super) async fn drive(mut self) -> Result<RunPhase, Abandoned> {
        if self.entry.state.phase().is_final() {
            return Ok(self.entry.state.phase());
        }
        if self.entry.state != RunState::Queued {
            self.log(LogLevel::Info, "The run is taken up where it was left.").await;
            self.step(Happening::Resumed, None).await?;
        }
        loop {
            let outcome = match self.entry.state.clone() {
                RunState::Queued => self.step(Happening::Started, None).await.map(|()| Ok(()))?,
                RunState::Initializing { .. } => self.initialize().await?,
                RunState::Analyzing { .. } => self.analyze().await?,
                RunState::Transferring { .. } => self.transfer().await?,
                RunState::BackingOff { until, .. } => self.back_off(until).await?,
                RunState::Cancelling => self.step(Happening::Stopped, None).await.map(|()| Ok(()))?,
                RunState::Completed | RunState::Failed { .. } | RunState::Cancelled => {
                    return Ok(self.entry.state.phase());
                }
            };
            match outcome {
                Ok(()) => {}
                Err(Stop::Cancelled) => {
                    // Whoever cancelled has written it down, here or in another process.
                    self.step(Happening::CancelRequested, None).await?;
                }
                Err(Stop::ShutDown) => {
                    self.step(Happening::Released, None).await?;
                    self.journal.release(self.entry.run).await?;
                    return Ok(self.entry.state.phase());
                }
                Err(Stop::Failed(failure)) => self.fail(failure).await?,
            }
        }
    }

    async fn initialize(&mut self) -> Result<Result<(), Stop>, Abandoned> {
        let systems = Arc::clone(&self.systems);
        let order = Arc::clone(&self.order);
        let work = async move {
            let source = systems.source(&order.resolution.source).await?;
            Ok((source, systems.destination(&order.resolution.destination).await?))
        };
        match self.guarded(work).await? {
            Ok(opened) => self.opened = Some(opened),
            Err(stop) => return Ok(Err(stop)),
        }
        self.step(Happening::Opened, None).await.map(Ok)
    }

    async fn analyze(&mut self) -> Result<Result<(), Stop>, Abandoned> {
        let Some((source, destination)) = self.opened.clone() else { return Ok(Err(Stop::Failed(out_of_order()))) };
        let order = Arc::clone(&self.order);
        let ground = Ground {
            pipeline: self.entry.pipeline.to_string(),
            run: self.entry.run.to_string(),
            started_at: self.started_at(),
            mask_key: self.keys.mask.clone(),
        };
        let work = async move {
            let mut prepared = Vec::new();
            for (stream, additions) in order.resolution.streams.iter().zip(&order.additions) {
                let ends = (source.as_ref(), destination.as_ref());
                let one = prepare(&ground, &order.resolution, stream, additions, ends).await;
                prepared.push(Arc::new(one.map_err(|failure| failure.in_stream(&stream.stream))?));
            }
            Ok(prepared)
        };
        match self.guarded(work).await? {
            Ok(prepared) => self.prepared = prepared,
            Err(stop) => return Ok(Err(stop)),
        }
        for prepared in &self.prepared {
            for note in &prepared.notes {
                self.say(LogLevel::Warn, "analyzing", Some(prepared.stream.stream.clone()), note.clone()).await;
            }
        }
        self.step(Happening::Analyzed, None).await.map(Ok)
    }

    /// Streams go one after the other: an embedded destination has one writer, and what one stream has brought to its
    /// end is safe when the next one fails.
    async fn transfer(&mut self) -> Result<Result<(), Stop>, Abandoned> {
        let Some((source, destination)) = self.opened.clone() else { return Ok(Err(Stop::Failed(out_of_order()))) };
        let resolution = &self.order.resolution;
        let ends = Ends {
            entry: self.entry.clone(),
            journal: Arc::clone(&self.journal),
            source,
            destination,
            progress: Arc::clone(&self.progress),
            verify: resolution.verify,
            quarantine_max_rows: resolution.quarantine_max_rows,
            rhythm: self.order.rhythm,
        };
        let prepared = self.prepared.clone();
        let receipts = Arc::clone(&self.receipts);
        let (memory, order) = (self.memory.clone(), Arc::clone(&self.order));
        let seat = memory.try_seat(resolution);
        if seat.is_none() {
            self.log(LogLevel::Info, "Other runs hold the memory for rows; this one waits for its turn.").await;
        }
        let work = async move {
            let _seat = match seat {
                Some(seat) => seat,
                None => memory.seat(&order.resolution).await,
            };
            for (place, prepared) in prepared.iter().enumerate() {
                let stream = &prepared.stream.stream;
                let done = transfer(&ends, prepared).await.map_err(|failure| failure.in_stream(stream))?;
                let receipt = verify(&ends, prepared, &done).await.map_err(|failure| failure.in_stream(stream))?;
                let (rows, aside) = (receipt.rows_written, receipt.rows_quarantined);
                let failed = (receipt.verdict == Verdict::Mismatch).then(|| mismatch(&receipt));
                let zero = receipt.zero_rows_reason.clone();
                receipts.lock().unwrap_or_else(PoisonError::into_inner).insert(place, receipt);
                if let Some(failure) = failed {
                    return Err(failure);
                }
                let said = format!("`{stream}` has come to its end: {rows} rows are in `{}`.", prepared.stream.target);
                let said = zero.map_or(said, |reason| format!("`{stream}` brought no rows. {reason}"));
                ends.log(LogLevel::Info, "transferring", stream, said).await;
                if aside > 0 {
                    let said = format!(
                        "Rows of `{stream}` set aside: {aside}. The run's quarantine holds them with the reasons."
                    );
                    ends.log(LogLevel::Warn, "transferring", stream, said).await;
                }
            }
            Ok(())
        };
        if let Err(stop) = self.guarded(work).await? {
            return Ok(Err(stop));
        }
        let receipt = self.receipt("completed");
        self.step(Happening::Finished, Some(receipt)).await.map(Ok)
    }

    async fn back_off(&mut self, until: chrono::DateTime<chrono::Utc>) -> Result<Result<(), Stop>, Abandoned> {
        let wait = (until - self.clock.now()).to_std().unwrap_or_default();
        let work = async move {
            tokio::time::sleep(wait).await;
            Ok(())
        };
        match self.guarded(work).await? {
            Ok(()) => self.step(Happening::Started, None).await.map(Ok),
            Err(stop) => Ok(Err(stop)),
        }
    }

    async fn fail(&mut self, failure: Failure) -> Result<(), Abandoned> {
        let error = failure.shown();
        tracing::warn!(run = %self.entry.run, kind = %failure.kind(), cause = ?failure.error.source, "{}", error.message);
        let level = if failure.kind().is_transient() { LogLevel::Warn } else { LogLevel::Error };
        let stage = super::state::phase_word(self.entry.state.phase());
        self.say(level, stage, error.stream.clone(), error.message.clone()).await;
        let attempt = self.entry.state.attempt().unwrap_or(1);
        let wait = self.order.backoff.delay(attempt, rand::random());
        let retry_at = self.clock.now() + wait;
        // A receipt that proves that something is wrong is worth keeping.
        let has_mismatch = self.receipts_now().iter().any(|receipt| receipt.verdict == Verdict::Mismatch);
        let receipt = has_mismatch.then(|| self.receipt("failed"));
        self.step(Happening::Failed { kind: failure.kind(), error, retry_at }, receipt).await?;
        match &self.entry.state {
            RunState::BackingOff { .. } => {
                let text = format!("Attempt {attempt} failed; the next one follows in {:.1} s.", wait.as_secs_f64());
                self.log(LogLevel::Info, &text).await;
            }
            RunState::Failed { .. } if failure.kind().is_transient() => {
                self.log(LogLevel::Error, &format!("Gave up after {attempt} attempts without a checkpoint.")).await;
            }
            _ => {}
        }
        Ok(())
    }

    fn receipts_now(&self) -> Vec<StreamReceipt> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn receipt(&self, outcome: &'static str) -> Value {
        let heading = Heading {
            run: self.entry.run.to_string(),
            plan_digest: self.order.plan_digest.clone(),
            started_at: self.started_at(),
            finished_at: self.clock.now(),
            outcome,
        };
        receipt::write(&heading, &self.receipts_now(), &self.keys.receipt)
    }

    fn started_at(&self) -> chrono::DateTime<chrono::Utc> {
        self.entry.started_at.unwrap_or_else(|| self.clock.now())
    }

    /// Does work on its own task, and meanwhile keeps the lease, tells progress, and listens for who wants it to stop.
    async fn guarded<T, F>(&mut self, work: F) -> Result<Result<T, Stop>, Abandoned>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut task = tasks::spawn("run", work);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let progress = Arc::clone(&self.progress);
        let stopped = loop {
            tokio::select! {
                biased;
                () = self.signals.cancel.cancelled() => break Ok(Stop::Cancelled),
                () = self.signals.shut_down.cancelled() => break Ok(Stop::ShutDown),
                // Before the task's end is looked at: a checkpoint that landed counts, even if a failure came right after.
                () = progress.landed.notified() => {
                    if matches!(self.entry.state, RunState::Transferring { .. })
                        && let Err(lost) = self.step(Happening::Progressed, None).await
                    {
                        break Err(lost);
                    }
                }
                done = &mut task => {
                    self.tell_progress().await;
                    return Ok(match done {
                        Ok(result) => result.map_err(Stop::Failed),
                        Err(panicked) => {
                            let mut failure = Failure::new(ErrorKind::Bug, "The transfer broke in a way that it must not.");
                            failure.error = failure.error.because(panicked);
                            Err(Stop::Failed(failure))
                        }
                    });
                }
                _ = ticks.tick() => {
                    self.tell_progress().await;
                    if let Err(lost) = self.keep_lease().await {
                        break Err(lost);
                    }
                }
            }
        };
        // What hangs in a system's answer is dropped; what does not let go at once ends by itself.
        task.abort();
        let _ = timeout(LET_GO, task).await;
        self.tell_progress().await;
        stopped.map(Err)
    }

    /// Renews the lease a few times within its length, and sees whether somebody cancelled the run elsewhere.
    async fn keep_lease(&mut self) -> Result<(), Abandoned> {
        let since = self.renewed.elapsed();
        if since < LEASE / 15 {
            return Ok(());
        }
        let kept = async {
            let held = self.journal.claim(self.entry.run).await?;
            Ok::<_, JournalError>((held, self.journal.load(self.entry.run).await?))
        };
        match kept.await {
            Ok((true, entry)) => {
                self.renewed = Instant::now();
                if entry.state == RunState::Cancelling {
                    self.signals.cancel.cancel();
                }
                Ok(())
            }
            Ok((false, _)) | Err(JournalError::Gone) => Err(Abandoned::LeaseLost),
            // The store may be back before the lease ends.
            Err(_) if since < LEASE => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn tell_progress(&self) {
        let changed = self.progress.changed(Instant::now());
        if changed.is_empty() {
            return;
        }
        for (stream, progress) in changed {
            self.journal.announce(&self.entry, Event::RunProgress { run: self.entry.run, stream, progress }).await;
        }
        self.journal.progress(self.entry.run, &self.progress.all(Instant::now())).await;
    }

    /// Moves the run, and tells where it stands. When somebody else moved it meanwhile, it is looked at again.
    async fn step(&mut self, happening: Happening, receipt: Option<Value>) -> Result<(), Abandoned> {
        loop {
            let Ok(next) = self.entry.state.clone().next(happening.clone()) else {
                // Somebody else brought it to another end.
                return if self.entry.state.phase().is_final() { Ok(()) } else { Err(Abandoned::LeaseLost) };
            };
            if next == self.entry.state {
                return Ok(());
            }
            match self.journal.advance(self.entry.run, self.entry.version, &next, receipt.as_ref()).await {
                Ok(version) => {
                    let from = std::mem::replace(&mut self.entry.state, next);
                    self.entry.version = version;
                    if matches!(self.entry.state, RunState::Initializing { .. }) {
                        self.entry.started_at.get_or_insert_with(|| self.clock.now());
                    }
                    self.announce_move(&from, receipt).await;
                    return Ok(());
                }
                Err(JournalError::Conflict) => {
                    let progress = std::mem::take(&mut self.entry.progress);
                    self.entry = Entry { progress, ..self.journal.load(self.entry.run).await? };
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn announce_move(&self, from: &RunState, receipt: Option<Value>) {
        let (run, phase) = (self.entry.run, self.entry.state.phase());
        if from.phase() == phase {
            return;
        }
        announce_phase(self.journal.as_ref(), &self.entry).await;
        if phase.is_final() {
            self.journal.announce(&self.entry, Event::RunFinished { run, phase, receipt }).await;
        }
    }

    async fn log(&self, level: LogLevel, message: &str) {
        self.say(level, super::state::phase_word(self.entry.state.phase()), None, message.to_owned()).await;
    }

    async fn say(&self, level: LogLevel, stage: &str, stream: Option<String>, message: String) {
        let event = Event::RunLog { run: self.entry.run, level, stage: stage.to_owned(), stream, message };
        self.journal.announce(&self.entry, event).await;
    }
}

/// Tells where a run stands, and what went wrong where something did.
pub(super) async fn announce_phase(journal: &dyn Journal, entry: &Entry) {
    let error = entry.state.error();
    let event = Event::RunMoved {
        run: entry.run,
        pipeline: Some(entry.pipeline),
        phase: entry.state.phase(),
        message: error.map(|error| error.message.clone()),
        hint: error.and_then(|error| error.hint.clone()),
    };
    journal.announce(entry, event).await;
}

fn out_of_order() -> Failure {
    Failure::new(ErrorKind::Bug, "The run was taken up in the middle of a phase.")
}
