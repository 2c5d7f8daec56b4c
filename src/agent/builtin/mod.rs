//! The embedded planner: no key, no network, deterministic. It reads the talk with a grammar and the workspace's own
//! vocabulary and emits the same tool calls that a model would, so that the loop, the tools, validation and the guards
//! are one code path. It keeps no state: a reply is a pure function of the request.

mod aside;
mod condition;
mod dialogue;
mod draft;
mod fold;
mod intent;
mod knowledge;
mod lexicon;
mod link;
mod reading;
mod resolve;
mod schedule;
mod step;
#[cfg(test)]
mod tests;
mod token;
mod transcript;
mod treatment;

use async_trait::async_trait;
use futures::StreamExt as _;

use super::model::{ChatModel, ChatRequest, Delta, DeltaStream, Finish, ModelError, ToolCall, Usage};
use step::Step;

/// The planner. It answers at once and never fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builtin;

impl Builtin {
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl ChatModel for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        Ok(futures::stream::iter(reply(&request).into_iter().map(Ok)).boxed())
    }
}

/// The whole reply to a request.
fn reply(request: &ChatRequest) -> Vec<Delta> {
    let mut deltas = Vec::new();
    let mut calls = Vec::new();
    // Calls are numbered over the whole talk, so that no two have the same name.
    let made = request.messages.len();
    match dialogue::next(request) {
        Ok(Step::Say(text)) => deltas.extend(words(&text)),
        Ok(Step::Call { say, tool, arguments }) => {
            deltas.extend(say.iter().flat_map(|text| words(text)));
            calls.push((tool, arguments));
        }
        Err(need) => calls.extend(need.0),
    }
    let finish = if calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
    deltas.extend(calls.into_iter().enumerate().map(|(index, (name, arguments))| {
        Delta::Call(ToolCall { id: format!("call_{made}_{index}"), name: name.to_owned(), arguments })
    }));
    deltas.push(Delta::Done { finish, usage: Some(Usage::default()) });
    deltas
}

/// A text in the pieces in which it is streamed.
fn words(text: &str) -> Vec<Delta> {
    text.split_inclusive(' ').map(|word| Delta::Text(word.to_owned())).collect()
}
