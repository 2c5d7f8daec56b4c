//! Endpoints without tool calls: the tools are described in the prompt, and a reply is one JSON object with words and calls.

use serde_json::{Map, Value, json};

use super::OpenAiConfig;
use super::shards;
use super::wire;
use crate::agent::model::{ChatRequest, Delta, Finish, Message, ToolCall};
use crate::agent::prompt;

/// What endpoints say when they are sent tools that they cannot use: Ollama, vLLM, llama.cpp, routers, and others.
const REFUSALS: &[&str] = &[
    "does not support tools",
    "does not support tool",
    "does not support function",
    "tool choice requires",
    "enable-auto-tool-choice",
    "tools param requires",
    "support tool use",
    "tool use is not supported",
    "tool calling is not supported",
    "tools is not supported",
    "tools are not supported",
    "function calling is not supported",
    "function calling is not enabled",
    "unsupported parameter: 'tools'",
    "unknown field: tools",
    "unknown field \"tools\"",
];

/// Whether a refused request was refused for its tools.
pub(super) fn refuses_tools(status: u16, body: &str) -> bool {
    let lower = body.to_lowercase();
    matches!(status, 400 | 404 | 405 | 422 | 500 | 501) && REFUSALS.iter().any(|words| lower.contains(words))
}

/// The body of a request, with the tools written into the prompt and past calls as they were written.
pub(super) fn body(config: &OpenAiConfig, request: &ChatRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        json!({"tool": tool.name, "description": tool.description, "arguments": tool.parameters}).to_string()
    });
    let tools = tools.collect::<Vec<_>>().join("\n");
    let system = format!("{}\n\n{}", request.system, prompt::json_protocol(&tools));
    let messages = request.messages.iter().map(|message| match message {
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| json!({"tool": call.name, "arguments": call.arguments}));
            let reply = json!({"say": text, "calls": calls.collect::<Vec<_>>()});
            Message::Assistant { text: reply.to_string(), calls: Vec::new() }
        }
        Message::Tool { tool, content, .. } => {
            Message::User { text: format!("Answer of `{tool}`: {content}"), attachments: Vec::new() }
        }
        other => other.clone(),
    });
    let messages = messages.collect();
    wire::body(config, &ChatRequest { system, messages, tools: [].into(), ..request.clone() })
}

/// The words and calls in a reply that was written as JSON. What is no such object is words.
pub(super) fn read(text: &str) -> Vec<Delta> {
    let Some(reply) = object(text) else {
        // A reply that was meant to be a call goes back to be mended, and is not shown.
        return match named_tool(text) {
            Some(name) => vec![Delta::Call(call(name, Value::String(text.to_owned())))],
            None => vec![Delta::Text(text.to_owned())],
        };
    };
    let said = reply.get("say").and_then(Value::as_str).unwrap_or_default();
    let listed = reply.get("calls").and_then(Value::as_array);
    let calls: Vec<ToolCall> = match listed {
        Some(listed) => listed.iter().filter_map(Value::as_object).filter_map(one).collect(),
        None => one(&reply).into_iter().collect(),
    };
    if said.is_empty() && calls.is_empty() && listed.is_none() {
        return vec![Delta::Text(text.to_owned())];
    }
    let said = (!said.is_empty()).then(|| Delta::Text(said.to_owned()));
    said.into_iter().chain(calls.into_iter().map(Delta::Call)).collect()
}

/// How a reply of such deltas ends.
pub(super) fn finish(deltas: &[Delta], told: Finish) -> Finish {
    let calls = deltas.iter().any(|delta| matches!(delta, Delta::Call(_)));
    if calls && told == Finish::Stop { Finish::ToolCalls } else { told }
}

fn one(written: &Map<String, Value>) -> Option<ToolCall> {
    let name = ["tool", "name"].iter().find_map(|member| written.get(*member)).and_then(Value::as_str)?;
    let arguments = ["arguments", "parameters"].iter().find_map(|member| written.get(*member));
    let arguments = match arguments {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::String(text)) => shards::arguments(text),
        Some(other) => other.clone(),
    };
    Some(call(name, arguments))
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall { id: String::new(), name: name.to_owned(), arguments }
}

/// The one object in a text, with a fence or a few words around it or without.
fn object(text: &str) -> Option<Map<String, Value>> {
    let whole = shards::unfenced(text);
    let inner = || text.get(text.find('{')?..=text.rfind('}')?);
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    parse(whole).or_else(|| parse(inner()?))
}

/// The tool that a reply names which begins as JSON and is none.
fn named_tool(text: &str) -> Option<&str> {
    let text = shards::unfenced(text).trim_start();
    let (_, rest) = text.strip_prefix('{')?.split_once("\"tool\"")?;
    let (_, rest) = rest.split_once('"')?;
    rest.split_once('"').map(|(name, _)| name).filter(|name| !name.is_empty() && name.len() <= 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Vec<(String, Value)> {
        let calls = read(text).into_iter();
        calls
            .filter_map(|delta| if let Delta::Call(call) = delta { Some((call.name, call.arguments)) } else { None })
            .collect()
    }

    #[test]
    fn words_and_calls_are_read_from_one_object() {
        let plain = r#"{"say": "One moment.", "calls": [{"tool": "list_runs", "arguments": {"limit": 2}}]}"#;
        assert_eq!(read(plain)[0], Delta::Text("One moment.".to_owned()));
        let wanted = [("list_runs".to_owned(), json!({"limit": 2}))];
        for text in [
            plain.to_owned(),
            format!("```json\n{plain}\n```"),
            format!("Here you are:\n{plain}\nThat is all."),
            r#"{"tool": "list_runs", "arguments": {"limit": 2}}"#.to_owned(),
            r#"{"name": "list_runs", "parameters": "{\"limit\": 2}"}"#.to_owned(),
        ] {
            assert_eq!(calls(&text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_reply_object_is_words_and_a_broken_call_goes_back() {
        for text in ["Hello there.", "{braces} in a sentence", r#"{"a": 1}"#, "", "{}"] {
            assert_eq!(read(text), [Delta::Text(text.to_owned())]);
        }
        let broken = r#"{"say": "", "calls": [{"tool": "list_runs", "arguments": {"limit": }}]}"#;
        assert_eq!(calls(broken), [("list_runs".to_owned(), json!(broken))]);
        assert_eq!(read(r#"{"say": "", "calls": []}"#), []);
    }

    #[test]
    fn what_endpoints_say_about_tools_is_known() {
        for (status, body) in [
            (400, r#"{"error":{"message":"registry.ollama.ai/library/gemma3:4b does not support tools"}}"#),
            (
                400,
                r#"{"message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"}"#,
            ),
            (500, r#"{"error":{"code":500,"message":"tools param requires --jinja flag"}}"#),
            (404, r#"{"error":{"message":"No endpoints found that support tool use."}}"#),
        ] {
            assert!(refuses_tools(status, body), "{body}");
        }
        assert!(!refuses_tools(400, "The tool call `x` has no result"));
        assert!(!refuses_tools(429, "does not support tools"));
    }
}
