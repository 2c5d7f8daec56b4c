//! An endpoint that answers by a script and keeps what it was sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use futures::StreamExt as _;
use serde_json::{Value, json};

/// One answer.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    after: Duration,
    body: Sent,
}

enum Sent {
    /// Chunks, then the end marker unless it is cut off.
    Stream {
        chunks: Vec<Value>,
        cut: bool,
    },
    Plain(String),
    Nothing,
    /// Chunks, and then nothing more for good.
    Stalled(Vec<Value>),
}

impl Answer {
    fn stream(chunks: Vec<Value>) -> Self {
        Self::with(Sent::Stream { chunks, cut: false })
    }

    fn with(body: Sent) -> Self {
        Self { status: 200, headers: Vec::new(), after: Duration::ZERO, body }
    }

    /// Text, and then silence.
    pub(crate) fn stalled(text: &str) -> Self {
        Self::with(Sent::Stalled(vec![delta(&json!({"content": text}), None)]))
    }

    /// A whole reply that is no stream.
    pub(crate) fn whole(message: &Value) -> Self {
        let reply = json!({"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        let text = serde_json::to_string_pretty(&reply).unwrap();
        Self::with(Sent::Plain(text)).header("content-type", "application/json; charset=utf-8")
    }

    /// The head comes at once and the first byte of the body after this long.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }

    /// The last chunk and the end marker are missing, and the line is closed as if all were well.
    pub(crate) fn truncated(mut self) -> Self {
        if let Sent::Stream { chunks, .. } = &mut self.body {
            chunks.pop();
        }
        self
    }

    pub(crate) fn text(pieces: &[&str]) -> Self {
        let mut chunks: Vec<Value> = pieces.iter().map(|piece| delta(&json!({"content": piece}), None)).collect();
        chunks.push(delta(&json!({}), Some("stop")));
        Self::stream(chunks)
    }

    pub(crate) fn calls(shards: Vec<Value>) -> Self {
        let mut chunks: Vec<Value> =
            shards.into_iter().map(|shard| delta(&json!({"tool_calls": shard}), None)).collect();
        chunks.push(delta(&json!({}), Some("tool_calls")));
        Self::stream(chunks)
    }

    pub(crate) fn chunks(chunks: Vec<Value>) -> Self {
        Self::stream(chunks)
    }

    pub(crate) fn error(status: u16, body: &str) -> Self {
        Self { status, ..Self::with(Sent::Plain(body.to_owned())) }
    }

    pub(crate) fn silence() -> Self {
        Self::with(Sent::Nothing)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn usage(mut self, prompt: u64, completion: u64) -> Self {
        if let Sent::Stream { chunks, .. } = &mut self.body {
            chunks.push(json!({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}));
        }
        self
    }

    /// Breaks off before the reply has ended.
    pub(crate) fn cut(mut self) -> Self {
        if let Sent::Stream { chunks, cut } = &mut self.body {
            chunks.pop();
            *cut = true;
        }
        self
    }
}

fn delta(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "r", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

/// What the endpoint was sent.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
struct Kept {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

pub(crate) struct Wire {
    address: SocketAddr,
    kept: Kept,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Wire {
    pub(crate) async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let kept = Kept::default();
        kept.answers.lock().unwrap().extend(answers);
        let router =
            axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer)).with_state(kept.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = towpath::tasks::spawn("wire", async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { address, kept, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.kept.requests.lock().unwrap().clone()
    }
}

async fn answer(State(kept): State<Kept>, headers: HeaderMap, Json(body): Json<Value>) -> Response<Body> {
    if let Err(fault) = every_call_has_one_result(&body) {
        return (axum::http::StatusCode::UNPROCESSABLE_ENTITY, fault).into_response();
    }
    let authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    kept.requests.lock().unwrap().push(Request { authorization, body });
    let next = kept.answers.lock().unwrap().pop_front();
    let Some(answer) = next else { return axum::http::StatusCode::GONE.into_response() };
    let mut response = Response::builder().status(answer.status);
    if !answer.headers.iter().any(|(name, _)| *name == "content-type") {
        response = response.header("content-type", "text/event-stream");
    }
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let pause = answer.after;
    let pause = futures::stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(String::new())
    });
    let event = |chunk: &Value| format!("data: {chunk}\n\n");
    let body = match answer.body {
        Sent::Plain(text) => Body::from(text),
        Sent::Nothing => Body::from_stream(futures::stream::pending::<Result<Vec<u8>, Infallible>>()),
        Sent::Stalled(chunks) => {
            let lines = chunks.iter().map(event).map(Ok::<_, Infallible>).collect::<Vec<_>>();
            Body::from_stream(futures::stream::iter(lines).chain(futures::stream::pending()))
        }
        Sent::Stream { chunks, cut } => {
            let mut lines: Vec<String> = chunks.iter().map(event).collect();
            if !cut && !lines.is_empty() {
                lines.push("data: [DONE]\n\n".to_owned());
            }
            let lines = futures::stream::iter(lines.into_iter().map(Ok::<_, std::io::Error>));
            // What was said arrives before the line goes dead.
            let broken = futures::stream::iter(cut.then_some(())).then(|()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("cut"))
            });
            Body::from_stream(pause.chain(lines).chain(broken))
        }
    };
    response.body(body).unwrap()
}

/// What real endpoints answer with status 400 when it does not hold.
fn every_call_has_one_result(body: &Value) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for message in body["messages"].as_array().ok_or("no messages")? {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().ok_or("a result without an identity")?;
            let at = open.iter().position(|call| call == id).ok_or(format!("a result without a call: {id}"))?;
            open.remove(at);
            continue;
        }
        if !open.is_empty() {
            return Err(format!("calls without a result: {open:?}"));
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let id = call["id"].as_str().filter(|id| !id.is_empty()).ok_or("a call without an identity")?.to_owned();
            if seen.contains(&id) {
                return Err(format!("two calls with one identity: {id}"));
            }
            let arguments =
                call.pointer("/function/arguments").and_then(Value::as_str).ok_or("arguments that are no text")?;
            serde_json::from_str::<Value>(arguments).map_err(|error| error.to_string())?;
            seen.push(id.clone());
            open.push(id);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("calls without a result: {open:?}")) }
}
