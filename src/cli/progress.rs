//! A run as it goes: a bar per stream on a terminal, plain lines elsewhere, nothing beside JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::failure::Failure;
use super::terminal::{Terminal, count, printable, size};
use crate::events::bus::{Bus, Topic};
use crate::events::{Event, LogLevel, RunPhase, StreamProgress};
use crate::ids::RunId;

/// Off a terminal, a stream's progress is said at most this often.
const SAY_EVERY: Duration = Duration::from_secs(2);
/// How often the log is asked about a run that another process carries out.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Shows a run until it ends, and says how.
pub(super) async fn follow(terminal: &Terminal, bus: &Bus, run: RunId) -> Result<RunPhase, Failure> {
    let mut shown = Shown::new(terminal);
    let mut last = 0;
    loop {
        let mut events = bus.subscribe(Topic::Run(run), last).await?;
        // Another process may carry the run out (a server on the same store): what it appends is found by looking.
        while let Ok(Some(event)) = tokio::time::timeout(LOOK_EVERY, events.next()).await {
            let Ok(envelope) = event else { break };
            last = envelope.seq;
            if let Some(phase) = shown.take(&envelope.event) {
                shown.end();
                return Ok(phase);
            }
        }
    }
}

struct Shown<'a> {
    terminal: &'a Terminal,
    bars: Option<MultiProgress>,
    head: Option<ProgressBar>,
    streams: BTreeMap<String, Line>,
}

struct Line {
    bar: Option<ProgressBar>,
    said: Option<Instant>,
    done: bool,
}

impl<'a> Shown<'a> {
    fn new(terminal: &'a Terminal) -> Self {
        let bars = terminal.live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15)));
        let head = bars.as_ref().map(|bars| {
            let head =
                bars.add(ProgressBar::new_spinner().with_style(style("  {spinner:.cyan} {msg}  {elapsed:.dim}")));
            head.enable_steady_tick(Duration::from_millis(120));
            head
        });
        Self { terminal, bars, head, streams: BTreeMap::new() }
    }

    /// The phase that a run ended in, once it did.
    fn take(&mut self, event: &Event) -> Option<RunPhase> {
        match event {
            Event::RunMoved { phase, message, .. } => {
                let text = match message {
                    Some(message) => format!("{} – {}", word(*phase), printable(message)),
                    None => word(*phase).to_owned(),
                };
                match &self.head {
                    Some(head) => head.set_message(text),
                    None => self.terminal.note(&format!("  {text}")),
                }
            }
            Event::RunProgress { stream, progress, .. } => self.progress(stream, progress),
            Event::RunLog { level: LogLevel::Warn | LogLevel::Error, message, .. } => {
                self.say(&format!("  {} {}", self.terminal.warn("!"), printable(message)));
            }
            Event::RunFinished { phase, .. } => return Some(*phase),
            _ => {}
        }
        None
    }

    fn progress(&mut self, stream: &str, progress: &StreamProgress) {
        let width = self.streams.keys().map(|name| name.chars().count()).chain([stream.chars().count(), 12]).max();
        let name = format!("{:<width$}", printable(stream), width = width.unwrap_or(12));
        let line = self.streams.entry(stream.to_owned()).or_insert_with(|| Line {
            bar: self.bars.as_ref().map(|bars| bars.add(ProgressBar::new(1000))),
            said: None,
            done: false,
        });
        let rate = if progress.rows_per_second > 0.0 && !progress.done {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of rows, shown")]
            let rate = progress.rows_per_second as u64;
            format!("  {} rows/s", count(rate))
        } else {
            String::new()
        };
        let eta =
            progress.eta_seconds.filter(|_| !progress.done).map(|eta| format!("  {eta} s left")).unwrap_or_default();
        let text = if progress.done || progress.rows_written > 0 {
            format!("{} rows  {}{rate}{eta}", count(progress.rows_written), size(progress.bytes))
        } else {
            // Nothing is safe at the destination before the first checkpoint.
            format!("{} read{rate}{eta}", count(progress.rows_read))
        };
        if let Some(bar) = &line.bar {
            bar.set_style(match (progress.done, progress.percent) {
                (true, _) => style("    {prefix} {bar:28.green} {msg}").progress_chars("━━─"),
                (false, Some(_)) => style("    {prefix} {bar:28.cyan/dim} {msg}").progress_chars("━╸─"),
                (false, None) => style("    {prefix} {spinner:.cyan}                            {msg}"),
            });
            bar.set_prefix(name);
            bar.set_message(text);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            let place =
                if progress.done { 1000 } else { (progress.percent.unwrap_or(0.0) * 10.0).clamp(0.0, 1000.0) as u64 };
            bar.set_position(place);
            bar.tick();
        } else {
            let due = line.said.is_none_or(|said| said.elapsed() >= SAY_EVERY);
            if (due || progress.done) && !line.done {
                let percent = progress.percent.map(|percent| format!("{percent:>3.0}%  ")).unwrap_or_default();
                let done = if progress.done { "  done" } else { "" };
                self.terminal.note(&format!("    {name} {percent}{text}{done}"));
                line.said = Some(Instant::now());
                line.done = progress.done;
            }
        }
    }

    fn say(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                // A bar that cannot be redrawn is no reason to stop.
                let _ = bars.println(text);
            }
            None => self.terminal.note(text),
        }
    }

    fn end(&mut self) {
        for line in self.streams.values() {
            if let Some(bar) = &line.bar {
                bar.abandon();
            }
        }
        if let Some(head) = self.head.take() {
            head.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A phase as people read it.
pub(super) fn word(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Queued => "Queued",
        RunPhase::Initializing => "Initializing",
        RunPhase::Analyzing => "Analyzing",
        RunPhase::Transferring => "Transferring",
        RunPhase::Streaming => "Streaming",
        RunPhase::Retrying => "Waiting to try again",
        RunPhase::Cancelling => "Stopping",
        RunPhase::Completed => "Completed",
        RunPhase::Failed => "Failed",
        RunPhase::Cancelled => "Cancelled",
    }
}
