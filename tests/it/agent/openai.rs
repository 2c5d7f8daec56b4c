//! The endpoint's mind against a server that speaks the real streaming format. The server holds every request against one
//! rule: each call has exactly one result.

mod misbehaviour;
mod retries;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use towpath::agent::model::{ChatModel, ChatRequest, Delta, Finish, Message, ModelError, ToolCall, Usage};
use towpath::agent::openai::{OpenAi, OpenAiConfig};
use towpath::agent::{Agent, Limits, Registry, Said};
use towpath::events::TurnOutcome;
use towpath::secrets::Secret;

use super::house::{House, Step, plan};
use wire::{Answer, Wire};

pub(crate) fn mind(wire: &Wire) -> OpenAi {
    let config = OpenAiConfig {
        first_byte: Duration::from_secs(5),
        silence: Duration::from_secs(5),
        longest_pause: Duration::from_secs(2),
        ..OpenAiConfig::new(wire.url(), "test-model", Some(Secret::new("sk-test-key")))
    };
    OpenAi::new(config).unwrap()
}

fn request(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        system: "You are a test.".to_owned(),
        messages,
        tools: Registry::standard().unwrap().specs(),
        now: chrono::DateTime::UNIX_EPOCH,
        cancel: CancellationToken::new(),
    }
}

fn hello() -> ChatRequest {
    request(vec![Message::User { text: "hello".to_owned(), attachments: Vec::new() }])
}

async fn all(mind: &OpenAi, request: ChatRequest) -> Result<Vec<Delta>, ModelError> {
    let mut stream = mind.stream(request).await?;
    let mut deltas = Vec::new();
    while let Some(delta) = stream.next().await {
        deltas.push(delta?);
    }
    Ok(deltas)
}

#[tokio::test]
async fn text_and_usage_arrive_and_the_request_is_what_endpoints_expect() {
    let wire = Wire::new([Answer::text(&["Hel", "lo."]).usage(12, 3)]).await;
    let deltas = all(&mind(&wire), hello()).await.unwrap();
    let done = Delta::Done { finish: Finish::Stop, usage: Some(Usage { prompt_tokens: 12, completion_tokens: 3 }) };
    assert_eq!(deltas, [Delta::Text("Hel".to_owned()), Delta::Text("lo.".to_owned()), done]);
    let sent = wire.requests().remove(0);
    assert_eq!(sent.authorization, "Bearer sk-test-key");
    assert_eq!((&sent.body["model"], &sent.body["stream"]), (&json!("test-model"), &json!(true)));
    assert_eq!(
        sent.body["messages"],
        json!([{"role": "system", "content": "You are a test."}, {"role": "user", "content": "hello"}])
    );
}

#[tokio::test]
async fn tools_are_sent_as_their_files_say() {
    let wire = Wire::new([Answer::text(&["ok"])]).await;
    all(&mind(&wire), hello()).await.unwrap();
    let tools = wire.requests().remove(0).body["tools"].as_array().unwrap().clone();
    let shown: Vec<String> = tools
        .iter()
        .map(|tool| {
            let function = &tool["function"];
            assert_eq!(tool["type"], "function");
            let properties = function["parameters"]["properties"].as_object().unwrap();
            let required: Vec<&str> = function["parameters"]["required"]
                .as_array()
                .map(|names| names.iter().map(|name| name.as_str().unwrap()).collect())
                .unwrap_or_default();
            let names: Vec<String> = properties
                .keys()
                .map(|name| if required.contains(&name.as_str()) { name.clone() } else { format!("{name}?") })
                .collect();
            format!("{}({})", function["name"].as_str().unwrap(), names.join(", "))
        })
        .collect();
    insta::assert_snapshot!("tools_as_sent", shown.join("\n"));
}

#[tokio::test]
async fn parallel_calls_in_shards_are_joined_and_fenced_arguments_are_read() {
    let chunks = vec![
        json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "list_streams", "arguments": ""}}]),
        json!([{"index": 1, "id": "b", "function": {"name": "list_connections", "arguments": "```json\n{"}}]),
        json!([{"index": 0, "function": {"arguments": "{\"connec"}}]),
        json!([{"index": 1, "function": {"arguments": "}\n```"}}]),
        json!([{"index": 0, "function": {"arguments": "tion\":\"shop\"}"}}]),
    ];
    let wire = Wire::new([Answer::calls(chunks)]).await;
    let deltas = all(&mind(&wire), hello()).await.unwrap();
    let call =
        |id: &str, name: &str, arguments| Delta::Call(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments });
    assert_eq!(deltas[0], call("a", "list_streams", json!({"connection": "shop"})));
    assert_eq!(deltas[1], call("b", "list_connections", json!({})));
    assert_eq!(deltas[2], Delta::Done { finish: Finish::ToolCalls, usage: None });
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_again_after_the_pause_that_it_names() {
    let wire = Wire::new([
        Answer::error(429, r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#).header("retry-after", "1"),
        Answer::error(503, "loading"),
        Answer::text(&["at last"]),
    ])
    .await;
    let begun = Instant::now();
    assert_eq!(all(&mind(&wire), hello()).await.unwrap()[0], Delta::Text("at last".to_owned()));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(wire.requests().len(), 3);
}

#[tokio::test]
async fn an_endpoint_that_stays_busy_is_given_up() {
    let busy = || Answer::error(429, r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#);
    let wire = Wire::new((0..40).map(|_| busy())).await;
    let config = OpenAiConfig { longest_pause: Duration::from_millis(50), ..OpenAiConfig::new(wire.url(), "m", None) };
    let error = all(&OpenAi::new(config).unwrap(), hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Throttled { .. }), "{error:?}");
    assert!(wire.requests().len() < 40);
}

#[tokio::test]
async fn a_pause_longer_than_a_person_waits_is_not_waited_for() {
    let wire = Wire::new([Answer::error(429, r#"{"error":{"message":"x"}}"#).header("retry-after", "3600")]).await;
    let config =
        OpenAiConfig { first_byte: Duration::from_millis(300), retries: 0, ..OpenAiConfig::new(wire.url(), "m", None) };
    let begun = Instant::now();
    all(&OpenAi::new(config).unwrap(), hello()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn errors_have_their_kinds() {
    let too_long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    let wire = Wire::new([Answer::error(400, too_long)]).await;
    assert!(matches!(all(&mind(&wire), hello()).await.unwrap_err(), ModelError::TooLong));
    let wire = Wire::new([Answer::error(401, r#"{"error":{"message":"Incorrect API key"}}"#)]).await;
    assert!(matches!(all(&mind(&wire), hello()).await.unwrap_err(), ModelError::Unauthorized));
    let wire = Wire::new([Answer::error(404, r#"{"error":{"message":"no such model"}}"#)]).await;
    assert!(matches!(all(&mind(&wire), hello()).await.unwrap_err(), ModelError::Refused { status: 404 }));
    let inside = json!({"error": {"code": 400, "message": "the request exceeds the available context size"}});
    let wire = Wire::new([Answer::chunks(vec![inside])]).await;
    assert!(matches!(all(&mind(&wire), hello()).await.unwrap_err(), ModelError::TooLong));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_and_one_that_never_began_is_tried_again() {
    let wire = Wire::new([Answer::text(&["half a sent"]).cut()]).await;
    let mut stream = mind(&wire).stream(hello()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Delta::Text("half a sent".to_owned()));
    assert!(matches!(stream.next().await.unwrap(), Err(ModelError::Unreachable(_))));
    assert!(stream.next().await.is_none());

    let wire = Wire::new([Answer::chunks(Vec::new()), Answer::text(&["whole"])]).await;
    assert_eq!(all(&mind(&wire), hello()).await.unwrap()[0], Delta::Text("whole".to_owned()));
}

#[tokio::test]
async fn cancelling_does_not_wait_for_the_endpoint() {
    let wire = Wire::new([Answer::silence()]).await;
    let request = hello();
    let cancel = request.cancel.clone();
    let mind = Arc::new(mind(&wire));
    let asked = {
        let mind = Arc::clone(&mind);
        towpath::tasks::spawn("test", async move { mind.stream(request).await.map(|_| ()) })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), asked).await.unwrap().unwrap();
    assert!(ended.is_err());
}

#[tokio::test]
async fn a_whole_turn_over_the_wire_answers_every_call_once() {
    let call = |id: &str, name: &str, arguments: &Value| json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
    let wire = Wire::new([
        Answer::calls(vec![json!([call("x", "list_connections", &json!({}))])]),
        // The same identity again, a call that is no JSON, one that does not exist.
        Answer::calls(vec![
            json!([call("x", "list_streams", &json!({"connection": "shop"}))]),
            json!([{"index": 1, "id": "y", "function": {"name": "inspect_stream", "arguments": "{\"connection\": shop}"}}]),
            json!([{"index": 2, "id": "", "function": {"name": "launch", "arguments": "{}"}}]),
        ]),
        Answer::calls(vec![json!([call("z", "propose_plan", &plan("customers"))])]),
    ])
    .await;
    let house = House::new([Step::Say("not asked")]).await;
    let agent = Agent {
        workspace: house.workspace.clone(),
        bus: house.bus.clone(),
        model: Arc::new(mind(&wire)),
        fallback: None,
        tools: Registry::standard().unwrap(),
        limits: Limits::default(),
    };
    let summary =
        agent.run_turn(house.conversation, Said::text("copy customers"), CancellationToken::new()).await.unwrap();
    assert_eq!((summary.outcome, summary.rounds, summary.offered.len()), (TurnOutcome::Done, 3, 1));
    assert_eq!(summary.mind, "test-model");
    let last = wire.requests().pop().unwrap().body;
    let untrusted = last["messages"].as_array().unwrap().iter().any(|message| {
        message["role"] == "tool"
            && message["content"].as_str().unwrap().starts_with("<untrusted from=\"list_streams\">")
    });
    assert!(untrusted);
}
