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
            Some(_) => self.finish = Some(Finish::Stop),
            None => {}
        }
        // Some endpoints send the last chunk as a whole message.
        let delta = choice.get("delta").or_else(|| choice.get("message"))?;
        for shard in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.join(shard);
        }
        delta.get("content").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
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
        let Some(finish) = self.finish else {
            return vec![Err(ModelError::Unreachable(anyhow::anyhow!("the reply broke off")))];
        };
        let calls: Vec<ToolCall> =
            self.calls.into_iter().filter(|call| !call.name.is_empty()).map(Call::whole).collect();
        let finish = if calls.is_empty() || finish == Finish::Length { finish } else { Finish::ToolCalls };
        let mut out: Vec<_> = calls.into_iter().map(Delta::Call).map(Ok).collect();
        out.push(Ok(Delta::Done { finish, usage: self.usage }));
        out
    }
}

impl Call {
    fn whole(self) -> ToolCall {
        let arguments = if self.arguments.trim().is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_str(&self.arguments).unwrap_or(Value::String(self.arguments))
        };
        ToolCall { id: self.id, name: self.name, arguments }
    }
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
        assert_eq!((&found[0].id[..], &found[0].arguments), ("a", &json!({"m": 1})));
        assert_eq!((&found[1].name[..], &found[1].arguments), ("y", &json!({"n": 2})));
    }

    #[test]
    fn an_endpoint_that_numbers_every_call_zero_is_understood() {
        let found = calls(&[
            chunk(&json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}}]), None),
            chunk(&json!([{"index": 0, "id": "b", "function": {"name": "y", "arguments": {"n": 1}}}]), Some("stop")),
        ]);
        assert_eq!(found.iter().map(|call| &call.name[..]).collect::<Vec<_>>(), ["x", "y"]);
        let found = calls(&[
            chunk(&json!([{"function": {"name": "x", "arguments": "{\"a\":"}}]), None),
            chunk(&json!([{"function": {"arguments": "1}"}}]), None),
            chunk(&json!([{"function": {"name": "y"}}]), Some("stop")),
        ]);
        assert_eq!(found[0].arguments, json!({"a": 1}));
        assert_eq!(found[1].arguments, json!({}));
    }

    #[test]
    fn arguments_that_are_no_json_stay_text() {
        let fenced = "```json\n{\"a\": 1}\n```";
        let found = calls(&[chunk(
            &json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": fenced}}]),
            Some("stop"),
        )]);
        assert_eq!(found[0].arguments, json!(fenced));
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
            chunks.extend(at.windows(2).map(|pair| chunk(&json!([{"index": 3, "function": {"arguments": &whole[pair[0]..pair[1]]}}]), None)));
            chunks.push(json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}));
            let found = calls(&chunks);
            proptest::prop_assert_eq!(found[0].arguments.to_string(), whole);
        }
    }
}
