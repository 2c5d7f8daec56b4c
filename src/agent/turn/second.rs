//! A second reader. Before a model's plan is put forward, the embedded planner reads the same talk with the same tools, and
//! says what it would have planned. It puts nothing before the person; what comes of it is a comparison, in `plan::doubt`.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Turn;
use super::ledger::key;
use crate::agent::builtin::Builtin;
use crate::agent::model::{ChatModel as _, ChatRequest, Delta, Message, ToolCall};
use crate::agent::tool::{Effect, ToolContext};
use crate::agent::tools::{answer, merge};
use crate::plan::{self, spec::PlanSpec};

/// How long the reader may take; the person waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
/// Replies of the reader.
const ROUNDS: u32 = 8;

/// What the second reader found.
#[derive(Debug, Default)]
pub(super) enum Heard {
    /// It was not asked in this turn.
    #[default]
    NotYet,
    /// It would propose no plan.
    Nothing,
    Plan(Arc<PlanSpec>),
}

impl Turn<'_> {
    /// What the planner would propose for what the person said last. `None` when it would propose nothing: then there is
    /// nothing to compare.
    pub(super) async fn read_again(&mut self) -> Option<Arc<PlanSpec>> {
        if self.planner() {
            return None;
        }
        if matches!(self.heard, Heard::NotYet) {
            let read = timeout(PATIENCE, self.read()).await.ok().flatten();
            self.heard = read.map_or(Heard::Nothing, |spec| Heard::Plan(Arc::new(spec)));
        }
        match &self.heard {
            Heard::Plan(spec) => Some(Arc::clone(spec)),
            Heard::NotYet | Heard::Nothing => None,
        }
    }

    async fn read(&self) -> Option<PlanSpec> {
        let said = self.messages.iter().rposition(|message| matches!(message, Message::User { .. }))?;
        let mut messages = self.messages.get(..=said)?.to_vec();
        for _ in 0..ROUNDS {
            let request = ChatRequest {
                system: self.system.clone(),
                messages: messages.clone(),
                tools: Arc::clone(&self.specs),
                now: self.agent.workspace.clock.now(),
                cancel: self.cancel.child_token(),
            };
            let reply: Vec<Delta> =
                Builtin::new().stream(request).await.ok()?.filter_map(async |delta| delta.ok()).collect().await;
            let calls: Vec<ToolCall> = reply
                .into_iter()
                .filter_map(|delta| if let Delta::Call(call) = delta { Some(call) } else { None })
                .collect();
            if calls.is_empty() {
                return None;
            }
            messages.push(Message::Assistant { text: String::new(), calls: calls.clone() });
            for call in calls {
                match call.name.as_str() {
                    "propose_plan" => return serde_json::from_value(call.arguments.get("plan")?.clone()).ok(),
                    "revise_plan" => return self.revised(call.arguments.get("changes")?.clone()).await,
                    _ => messages.push(self.look(call, said).await?),
                }
            }
        }
        None
    }

    async fn revised(&self, changes: Value) -> Option<PlanSpec> {
        let offered = plan::on_offer(&self.agent.workspace, self.conversation).await.ok()??;
        let mut draft = json!(offered.spec);
        merge(&mut draft, changes);
        serde_json::from_value(draft).ok()
    }

    /// The answer of a call that only looks: the one that the model has had already, where it asked the same.
    async fn look(&self, call: ToolCall, said: usize) -> Option<Message> {
        let wanted = key(&call.name, &call.arguments);
        let since = self.messages.get(said..)?;
        let asked = since.iter().find_map(|message| match message {
            Message::Assistant { calls, .. } => calls.iter().find(|made| key(&made.name, &made.arguments) == wanted),
            _ => None,
        });
        let known = asked.and_then(|asked| {
            since.iter().find_map(|message| match message {
                Message::Tool { call, content, refused: false, .. } if *call == asked.id => Some(content.clone()),
                _ => None,
            })
        });
        let content = if let Some(content) = known {
            content
        } else {
            let tool = self.agent.tools.admit(&call.name, &call.arguments).ok()?;
            if tool.spec().effect == Effect::Propose {
                return None;
            }
            let context = ToolContext {
                workspace: self.agent.workspace.clone(),
                conversation: self.conversation,
                cancel: self.cancel.child_token(),
                heard: None,
            };
            let output = tool.call(&context, call.arguments.clone()).await.ok()?;
            answer(&call.name, output.content, tool.untrusted())
        };
        Some(Message::Tool { call: call.id, tool: call.name, content, refused: false })
    }
}
