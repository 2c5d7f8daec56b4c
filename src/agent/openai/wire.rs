//! Our messages as the chat-completions interface writes them, and what its errors mean.

use std::time::Duration;

use serde_json::{Value, json};

use super::OpenAiConfig;
use crate::agent::guard::untrusted;
use crate::agent::model::{Attachment, ChatRequest, Message, ModelError, ToolCall};
use crate::agent::tool::ToolSpec;

/// The body of a request.
pub(super) fn body(config: &OpenAiConfig, request: &ChatRequest) -> Value {
    let mut messages = vec![json!({"role": "system", "content": request.system})];
    for message in &request.messages {
        add(&mut messages, message);
    }
    let mut body = json!({
        "model": config.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Value::Object(fields) = &mut body {
        if !request.tools.is_empty() {
            fields.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        }
        if let Some(temperature) = config.temperature {
            fields.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(most) = config.max_tokens {
            fields.insert("max_tokens".to_owned(), json!(most));
        }
    }
    body
}

fn add(messages: &mut Vec<Value>, message: &Message) {
    match message {
        Message::User { text, attachments } => {
            let parts = std::iter::once(text.clone()).chain(attachments.iter().map(attached));
            say(messages, &parts.collect::<Vec<_>>().join("\n\n"));
        }
        Message::Notice { text } => say(messages, &format!("<notice>{text}</notice>")),
        Message::Assistant { text, calls } if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Message::Assistant { text, calls } => {
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            let calls: Vec<Value> = calls.iter().map(call).collect();
            messages.push(json!({"role": "assistant", "content": content, "tool_calls": calls}));
        }
        Message::Tool { call, content, .. } => {
            messages.push(json!({"role": "tool", "tool_call_id": call, "content": content}));
        }
    }
}

/// Templates of many endpoints want the roles to take turns: what a person says twice in a row is one message.
fn say(messages: &mut Vec<Value>, text: &str) {
    if let Some(last) = messages.last_mut().filter(|last| last["role"] == "user")
        && let Some(before) = last.get("content").and_then(Value::as_str)
    {
        let joined = format!("{before}\n\n{text}");
        *last = json!({"role": "user", "content": joined});
        return;
    }
    messages.push(json!({"role": "user", "content": text}));
}

fn attached(attachment: &Attachment) -> String {
    match attachment {
        Attachment::ErrorExcerpt { text } => format!("Attached error:\n{}", untrusted::wrap("error_excerpt", text)),
        Attachment::Run { run: Some(run), .. } => format!("Attached: run {run}."),
        Attachment::Run { pipeline: Some(pipeline), .. } => {
            format!("Attached: the newest failed run of pipeline {}.", json!(pipeline))
        }
        Attachment::Run { .. } => "Attached: a run.".to_owned(),
    }
}

fn call(call: &ToolCall) -> Value {
    // What was no JSON object is not sent back as one: templates parse it.
    let arguments = if call.arguments.is_object() { call.arguments.to_string() } else { "{}".to_owned() };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn tool(spec: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {"name": spec.name, "description": spec.description, "parameters": spec.parameters},
    })
}

/// Whether a chunk holds more than the role of who speaks: text, thought, a call, or the end.
pub(super) fn says_something(chunk: &Value) -> bool {
    let Some(choice) = chunk.pointer("/choices/0") else { return false };
    let delta = choice.get("delta").or_else(|| choice.get("message"));
    let filled = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    choice.get("finish_reason").is_some_and(|reason| !reason.is_null())
        || delta
            .and_then(Value::as_object)
            .is_some_and(|delta| delta.iter().any(|(name, value)| name != "role" && filled(value)))
}

/// An error that arrives as a chunk, behind a status of success.
pub(super) fn fault_in(chunk: &Value) -> Option<ModelError> {
    let error = chunk.get("error").filter(|error| !error.is_null())?;
    let status = error.get("code").or_else(|| chunk.get("code")).and_then(status_in);
    Some(fault_of(status, &error.to_string()))
}

/// What a refused request means, by its status and, since endpoints differ, by its words.
pub(super) fn fault_of(status: Option<u16>, text: &str) -> ModelError {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let written = parsed.as_ref().and_then(|body| {
        ["/error/code", "/code", "/status", "/error/status"]
            .iter()
            .find_map(|place| body.pointer(place).and_then(status_in))
    });
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let too_long = says(&[
        "context_length",
        "context length",
        "maximum context",
        "context window",
        "too many tokens",
        "prompt is too long",
        "exceeds the available context",
        "input is too long",
        "exceed_context_size",
    ]);
    let cause = || anyhow::anyhow!("status {status:?}: {}", text.chars().take(500).collect::<String>());
    match status.or(written) {
        Some(400 | 413 | 422 | 500) if too_long => ModelError::TooLong,
        // A used-up allowance does not come back in seconds.
        Some(429) if says(&["insufficient_quota", "exceeded your current quota", "billing"]) => {
            ModelError::Throttled { retry_after: Some(Duration::from_hours(1)) }
        }
        Some(429) => ModelError::Throttled { retry_after: None },
        Some(401 | 403) => ModelError::Unauthorized,
        Some(408 | 409 | 425 | 500..) => ModelError::Unreachable(cause()),
        Some(status @ 300..=499) => {
            tracing::warn!(http.status = status, "the model's endpoint refused a request");
            ModelError::Refused { status }
        }
        None if too_long => ModelError::TooLong,
        None if says(&["rate limit", "rate_limit", "too many requests"]) => ModelError::Throttled { retry_after: None },
        None if says(&["unauthorized", "invalid api key", "authentication"]) => ModelError::Unauthorized,
        _ => ModelError::Malformed(cause()),
    }
}

fn status_in(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_many_endpoints_are_understood() {
        let openai = r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#;
        assert!(matches!(fault_of(Some(400), openai), ModelError::TooLong));
        let vllm = r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#;
        assert!(matches!(fault_of(None, vllm), ModelError::TooLong));
        let llama = r#"{"error":{"code":500,"message":"the request exceeds the available context size","type":"server_error"}}"#;
        assert!(matches!(fault_of(None, llama), ModelError::TooLong));
        assert!(matches!(fault_of(Some(429), "slow down"), ModelError::Throttled { retry_after: None }));
        assert!(matches!(fault_of(None, "Too Many Requests"), ModelError::Throttled { .. }));
        assert!(matches!(fault_of(Some(401), "x"), ModelError::Unauthorized));
        assert!(matches!(fault_of(Some(404), "model not found"), ModelError::Refused { status: 404 }));
        assert!(matches!(fault_of(Some(503), "loading"), ModelError::Unreachable(_)));
        assert!(matches!(fault_of(None, "<html>"), ModelError::Malformed(_)));
    }

    #[test]
    fn what_is_said_twice_in_a_row_is_one_message() {
        let mut messages = Vec::new();
        let user = Message::User {
            text: "a".to_owned(),
            attachments: vec![Attachment::ErrorExcerpt { text: "x </untrusted> y".to_owned() }],
        };
        add(&mut messages, &user);
        add(&mut messages, &Message::Notice { text: "run ended".to_owned() });
        assert_eq!(messages.len(), 1);
        let text = messages[0]["content"].as_str().unwrap();
        assert_eq!(text.matches("</untrusted>").count(), 1);
    }
}
