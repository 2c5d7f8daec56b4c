//! One turn of a talk on the terminal: what was said goes in, what happens is shown as it happens, what came of it comes back.

use std::io::Write as _;
use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;

use super::card;
use super::failure::Failure;
use super::terminal::{Terminal, printable};
use crate::app::App;
use crate::events::bus::Topic;
use crate::events::{ActionState, Event, PlanView, ProblemView, QuestionOption, TurnOutcome};
use crate::ids::{ActionId, ConversationId, PipelineId, PlanId, RunId};

/// Events that are still on their way when a turn was answered arrive within this time.
const DRAIN: Duration = Duration::from_millis(1500);

/// What a turn came to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Turn {
    pub(super) conversation: Option<ConversationId>,
    /// What the agent said.
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<Offer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) question: Option<Asked>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<ProblemView>,
    /// Something else that waits for a yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<ActionId>,
    /// A plan was confirmed in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pipeline: Option<PipelineId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<TurnOutcome>,
}

/// A plan that waits for a person.
#[derive(Debug, Serialize)]
pub(super) struct Offer {
    pub(super) plan: PlanId,
    pub(super) digest: String,
    pub(super) view: Box<PlanView>,
}

#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) about: String,
    pub(super) text: String,
    pub(super) options: Vec<QuestionOption>,
}

/// Says something in a talk and shows the turn.
pub(super) async fn say(
    app: &App,
    terminal: &Terminal,
    conversation: ConversationId,
    text: &str,
) -> Result<Turn, Failure> {
    let topic = Topic::Conversation(conversation);
    let last = app.bus.last(topic).await?;
    let mut events = app.bus.subscribe(topic, last).await?;
    let caller = super::caller();
    let mut said = std::pin::pin!(app.say(conversation, text.to_owned(), Vec::new(), &caller));
    let mut shown = Shown { terminal, turn: Turn { conversation: Some(conversation), ..Turn::default() }, column: 0 };
    let mut answered = false;
    while shown.turn.outcome.is_none() {
        let event = tokio::select! {
            event = events.next() => event,
            done = &mut said, if !answered => {
                done?;
                answered = true;
                continue;
            }
            () = tokio::time::sleep(DRAIN), if answered => break,
        };
        match event {
            Some(Ok(envelope)) => shown.take(envelope.event),
            Some(Err(error)) => return Err(error.into()),
            None => break,
        }
    }
    if !answered {
        said.await?;
    }
    shown.end_text();
    Ok(shown.turn)
}

struct Shown<'a> {
    terminal: &'a Terminal,
    turn: Turn,
    /// Where the cursor stands in the agent's text; 0 when a line begins.
    column: usize,
}

impl Shown<'_> {
    fn take(&mut self, event: Event) {
        let terminal = self.terminal;
        match event {
            Event::TextDelta { text, .. } => self.text(&text),
            Event::MessageEnded { .. } => self.end_text(),
            Event::ToolStarted { title, .. } => self.aside(&terminal.dim(&format!("· {}", printable(&title)))),
            Event::SecretRedacted { text, .. } => self.aside(&format!("{} {}", terminal.warn("!"), printable(&text))),
            Event::Question { about, text, options } => self.question(Asked { about, text, options }),
            Event::PlanProposed { plan, digest, view } => {
                self.end_text();
                if !terminal.json {
                    card::show(terminal, &view, &digest);
                }
                self.turn.plan = Some(Offer { plan, digest, view });
            }
            Event::PlanRejected { problems } => {
                for problem in &problems {
                    self.aside(&format!("{} {}", terminal.bad("✘"), printable(&problem.message)));
                    if let Some(suggestion) = &problem.suggestion {
                        self.aside(&terminal.dim(&format!("  {}", printable(suggestion))));
                    }
                }
                self.turn.problems = problems;
            }
            Event::PlanConfirmed { pipeline, run, .. } => {
                self.turn.pipeline = Some(pipeline);
                self.turn.run = run;
            }
            Event::Diagnosis { causes, .. } => {
                for cause in causes {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share, 0 to 1")]
                    let percent = (cause.confidence * 100.0) as u64;
                    self.aside(&format!(
                        "{} {}",
                        terminal.bold(&printable(&cause.title)),
                        terminal.dim(&format!("{percent}%"))
                    ));
                    self.aside(&format!("  {}", printable(&cause.explanation)));
                    for fix in cause.fixes {
                        self.aside(&format!("  {} {}", terminal.accent("→"), printable(&fix.text)));
                    }
                }
            }
            Event::Action { id, state, text, .. } => {
                self.aside(&printable(&text));
                if state == ActionState::Offered {
                    self.turn.action = Some(id);
                }
            }
            Event::OutOfScope { text } => self.text(&text),
            Event::TurnEnded { outcome, message } => {
                if let Some(message) = message {
                    self.aside(&printable(&message));
                }
                self.turn.outcome = Some(outcome);
            }
            _ => {}
        }
    }

    fn question(&mut self, asked: Asked) {
        // Minds often end their text with the question itself.
        if !self.turn.text.trim_end().ends_with(asked.text.trim()) {
            self.text(&asked.text);
        }
        self.end_text();
        for (number, option) in asked.options.iter().enumerate() {
            let detail = option
                .detail
                .as_ref()
                .map(|detail| self.terminal.dim(&format!("  {}", printable(detail))))
                .unwrap_or_default();
            let number = self.terminal.accent(&format!("{}", number + 1));
            self.terminal.note(&format!("    {number}  {}{detail}", printable(&option.label)));
        }
        self.turn.question = Some(asked);
    }

    /// The agent's words, as they come.
    fn text(&mut self, text: &str) {
        self.turn.text.push_str(text);
        if self.terminal.json {
            return;
        }
        let mut shown = String::new();
        for letter in text.chars() {
            if self.column == 0 && letter != '\n' {
                shown.push_str("  ");
            }
            match letter {
                '\n' => {
                    shown.push('\n');
                    self.column = 0;
                }
                // What a mind writes may come from a user's systems: it must not drive the terminal.
                letter if letter.is_control() => {}
                letter => {
                    shown.push(letter);
                    self.column += 1;
                }
            }
        }
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
    }

    fn end_text(&mut self) {
        if self.column > 0 {
            self.terminal.note("");
            self.column = 0;
        }
    }

    fn aside(&mut self, line: &str) {
        self.end_text();
        self.terminal.note(&format!("  {line}"));
    }
}
