//! Endpoints cut replies into chunks, and tool calls into shards. Text goes on at once; calls are put together, whole.

use serde_json::{Map, Value};

use crate::agent::model::{Delta, Finish, ModelError, ToolCall, Usage};

/// Most bytes of arguments that one call may have.
const LONGEST: usize = 1024 * 1024;
/// Most calls of one reply.
const MOST: usize = 128;

/// Puts a reply together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    calls: Vec<Call>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    aloud: Aloud,
    broke: bool,
}

/// Some endpoints write what a model thinks before its words, between tags. It is nobody's to read.
#[derive(Debug)]
enum Aloud {
    /// What has arrived may yet become an opening tag; whether something was thought before it.
    Unsure(String, bool),
    /// Inside; the end of what was thought, in which the closing tag may begin.
    Thinking(String),
    Speaking,
}

impl Default for Aloud {
    fn default() -> Self {
        Self::Unsure(String::new(), false)
    }
}

const THOUGHT: &str = "<think>";
const THOUGHT_ENDS: &str = "</think>";

impl Aloud {
    /// What of the next piece is said.
    fn hear(&mut self, piece: &str) -> Option<String> {
        match self {
            Self::Speaking => Some(piece.to_owned()),
            Self::Unsure(before, thought_before) => {
                before.push_str(piece);
                let text = before.trim_start();
                if text.len() < THOUGHT.len() && THOUGHT.starts_with(text) {
                    return None;
                }
                if let Some(thought) = text.strip_prefix(THOUGHT) {
                    let thought = thought.to_owned();
                    *self = Self::Thinking(String::new());
                    return self.hear(&thought);
                }
                // White space between thought and words is neither.
                let said = if *thought_before { text.to_owned() } else { std::mem::take(before) };
                *self = Self::Speaking;
                Some(said)
            }
            Self::Thinking(tail) => {
                tail.push_str(piece);
                if let Some((_, said)) = tail.split_once(THOUGHT_ENDS) {
                    let said = said.to_owned();
                    *self = Self::Unsure(String::new(), true);
                    return self.hear(&said);
                }
                let keep = tail.chars().count().saturating_sub(THOUGHT_ENDS.len());
                *tail = tail.chars().skip(keep).collect();
                None
            }
        }
    }

    /// What was held back when the reply ended.
    fn rest(self) -> Option<String> {
        match self {
            Self::Unsure(text, _) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Assembler {
    /// Takes a chunk; gives the text in it.
    pub(super) fn take(&mut self, chunk: &Value) -> Option<String> {
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
            self.usage =
                Some(Usage { prompt_tokens: count("prompt_tokens"), completion_tokens: count("completion_tokens") });
        }
        let choice = chunk.pointer("/choices/0")?;
        match choice.get("finish_reason").and_then(Value::as_str) {
            Some("length") => self.finish = Some(Finish::Length),
            Some("tool_calls" | "function_call") => self.finish = Some(Finish::ToolCalls),
            Some("content_filter") => self.finish = Some(Finish::Withheld),
            // Said of a reply that its own server gave up.
            Some("error" | "abort" | "cancelled") => self.broke = true,
            Some(_) => self.finish = Some(Finish::Stop),
            None => {}
        }
        // Some endpoints send the last chunk as a whole message.
        let delta = choice.get("delta").or_else(|| choice.get("message"))?;
        for shard in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.join(shard);
        }
        let said = match delta.get("content")? {
            Value::String(text) => text.clone(),
            // Content in parts, of which some are thought.
            Value::Array(parts) => parts
                .iter()
                .filter(|part| part.get("type").is_none_or(|kind| kind == "text"))
                .filter_map(|part| part.get("text").and_then(Value::as_str))
                .collect(),
            _ => return None,
        };
        self.aloud.hear(&said).filter(|text| !text.is_empty())
    }

    /// Joins a shard to its call: by index, and where endpoints give none, or the same one to every call, by identity.
    fn join(&mut self, shard: &Value) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let index = shard.get("index").and_then(Value::as_u64);
        let id = text(shard.get("id"));
        let name = text(shard.pointer("/function/name"));
        let known = match index {
            Some(index) => self.calls.iter().rposition(|call| call.index == Some(index)),
            None if id.is_empty() => self.calls.len().checked_sub(1).filter(|_| name.is_empty()),
            None => self.calls.iter().rposition(|call| call.id == id),
        };
        let another = known
            .and_then(|at| self.calls.get(at))
            .is_some_and(|call| !id.is_empty() && !call.id.is_empty() && id != call.id);
        let at = match known {
            Some(at) if !another => at,
            _ if self.calls.len() >= MOST => return,
            _ => {
                self.calls.push(Call { index, ..Call::default() });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        match shard.pointer("/function/arguments") {
            Some(Value::String(piece)) if call.arguments.len() + piece.len() <= LONGEST => {
                call.arguments.push_str(piece);
            }
            Some(whole @ Value::Object(_)) => call.arguments = whole.to_string(),
            _ => {}
        }
    }

    /// The stream has ended. Without a finish reason it broke off.
    pub(super) fn finish(self) -> Vec<Result<Delta, ModelError>> {
        let Some(finish) = self.finish.filter(|_| !self.broke) else {
            return vec![Err(ModelError::Unreachable(anyhow::anyhow!("the reply broke off")))];
        };
        let calls = self.calls.into_iter().filter(|call| !call.name.is_empty() && finish != Finish::Withheld);
        let calls: Vec<ToolCall> = calls.map(Call::whole).collect();
        let finish = if calls.is_empty() || finish == Finish::Length { finish } else { Finish::ToolCalls };
        let rest = self.aloud.rest().map(Delta::Text).map(Ok);
        let mut out: Vec<_> = rest.into_iter().chain(calls.into_iter().map(Delta::Call).map(Ok)).collect();
        out.push(Ok(Delta::Done { finish, usage: self.usage }));
        out
    }
}

impl Call {
    fn whole(self) -> ToolCall {
        ToolCall { id: self.id, name: self.name, arguments: arguments(&self.arguments) }
    }
}

/// Arguments as they were written: an object, also in a fence or as JSON text inside JSON text; otherwise the text itself.
pub(super) fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(unfenced(text)) {
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(Value::String(inner)) => serde_json::from_str(unfenced(&inner))
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| Value::String(text.to_owned())),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    }
}

/// The text inside a code fence; a text without one as it is.
pub(super) fn unfenced(text: &str) -> &str {
    let inside = || {
        let (_, rest) = text.trim().strip_prefix("```")?.split_once('\n')?;
        rest.trim_end().strip_suffix("```")
    };
    inside().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chunk(calls: &Value, finish: Option<&str>) -> Value {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": finish}]})
    }

    fn calls(chunks: &[Value]) -> Vec<ToolCall> {
        let mut assembler = Assembler::default();
        for chunk in chunks {
            assembler.take(chunk);
        }
        let deltas = assembler.finish().into_iter().map(Result::unwrap);
        deltas.filter_map(|delta| if let Delta::Call(call) = delta { Some(call) } else { None }).collect()
    }

    #[test]
    fn interleaved_shards_join_by_index() {
        let found = calls(&[
            chunk(&json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": ""}}]), None),
            chunk(&json!([{"index": 1, "id": "b", "function": {"name": "y", "arguments": "{\"n\""}}]), None),
            chunk(&json!([{"index": 0, "function": {"arguments": "{\"m\":1}"}}]), None),
            chunk(&json!([{"index": 1, "function": {"arguments": ":2}"}}]), Some("tool_calls")),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].id.as_str(), &found[0].arguments), ("a", &json!({"m": 1})));
        assert_eq!((found[1].name.as_str(), &found[1].arguments), ("y", &json!({"n": 2})));
    }

    #[test]
    fn an_endpoint_that_numbers_every_call_zero_is_understood() {
        let found = calls(&[
            chunk(&json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}}]), None),
            chunk(&json!([{"index": 0, "id": "b", "function": {"name": "y", "arguments": {"n": 1}}}]), Some("stop")),
        ]);
        assert_eq!(found.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        let found = calls(&[
            chunk(&json!([{"function": {"name": "x", "arguments": "{\"a\":"}}]), None),
            chunk(&json!([{"function": {"arguments": "1}"}}]), None),
            chunk(&json!([{"function": {"name": "y"}}]), Some("stop")),
        ]);
        assert_eq!(found[0].arguments, json!({"a": 1}));
        assert_eq!(found[1].arguments, json!({}));
    }

    #[test]
    fn arguments_in_a_fence_or_in_a_text_are_read_and_broken_ones_stay_text() {
        let written = |text: &str| {
            let shard = json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": text}}]);
            calls(&[chunk(&shard, Some("stop"))]).remove(0).arguments
        };
        for fitting in ["{\"a\": 1}", "```json\n{\"a\": 1}\n```", " ```\n{\"a\": 1}```\n", "\"{\\\"a\\\": 1}\""] {
            assert_eq!(written(fitting), json!({"a": 1}), "{fitting}");
        }
        for nothing in ["", " ", "null", "```json\n{}\n```"] {
            assert_eq!(written(nothing), json!({}), "{nothing}");
        }
        for broken in ["{\"a\": }", "{\"a\": 1", "{'a': 1}", "a=1", "\"a\"", "```json {\"a\": 1} ```"] {
            assert_eq!(written(broken), json!(broken));
        }
    }

    #[test]
    fn thoughts_are_not_said_however_they_are_cut() {
        let whole = " <think>the key is <b>\n\n</think>\n\nHello <think> you";
        for size in 1..whole.len() {
            let letters: Vec<char> = whole.chars().collect();
            let mut assembler = Assembler::default();
            let mut said = String::new();
            for piece in letters.chunks(size) {
                let piece: String = piece.iter().collect();
                let chunk = json!({"choices": [{"delta": {"content": piece}}]});
                said.extend(assembler.take(&chunk));
            }
            assert_eq!(said, "Hello <think> you", "{size}");
        }
        let mut assembler = Assembler::default();
        assert_eq!(
            assembler.take(&json!({"choices": [{"delta": {"content": "<thi"}, "finish_reason": "stop"}]})),
            None
        );
        assert_eq!(assembler.finish().remove(0).unwrap(), Delta::Text("<thi".to_owned()));
        let mut assembler = Assembler::default();
        let parts = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes."}]);
        let said = assembler.take(&json!({"choices": [{"delta": {"content": parts, "reasoning_content": "hm"}}]}));
        assert_eq!(said.as_deref(), Some("Yes."));
    }

    #[test]
    fn what_was_withheld_or_given_up_is_no_answer() {
        let calls = json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}}]);
        let mut assembler = Assembler::default();
        assembler.take(&chunk(&calls, Some("content_filter")));
        let out: Vec<Delta> = assembler.finish().into_iter().map(Result::unwrap).collect();
        assert_eq!(out, [Delta::Done { finish: Finish::Withheld, usage: None }]);
        let mut assembler = Assembler::default();
        assembler.take(&chunk(&calls, Some("error")));
        assert!(matches!(assembler.finish().as_slice(), [Err(ModelError::Unreachable(_))]));
    }

    #[test]
    fn a_reply_without_a_finish_broke_off() {
        let mut assembler = Assembler::default();
        assembler.take(&json!({"choices": [{"delta": {"content": "half"}}]}));
        assert!(matches!(assembler.finish().as_slice(), [Err(ModelError::Unreachable(_))]));
    }

    proptest::proptest! {
        #[test]
        fn however_arguments_are_cut_they_are_put_together(cuts in proptest::collection::vec(0..60_usize, 0..8)) {
            let whole = json!({"connection": "shöp", "search": "a\"b\\c", "n": [1, 2, {"x": null}]}).to_string();
            let mut at: Vec<usize> = cuts.into_iter().filter(|cut| whole.is_char_boundary(*cut)).collect();
            at.extend([0, whole.len()]);
            at.sort_unstable();
            let mut chunks = vec![chunk(&json!([{"index": 3, "id": "a", "function": {"name": "x"}}]), None)];
            chunks.extend(at.windows(2).map(|pair| chunk(&json!([{"index": 3, "function": {"arguments": whole.get(pair[0]..pair[1])}}]), None)));
            chunks.push(json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}));
            let found = calls(&chunks);
            proptest::prop_assert_eq!(found[0].arguments.to_string(), whole);
        }
    }
}
