//! Events as they happen, over WebSocket and as server-sent events: replay after a number, then live. Nobody waits for a
//! client: one that does not take what it is sent is let go, and comes back with the last number that it saw.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{BoxStream, SplitSink};
use futures::{SinkExt as _, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::Api;
use super::error::{Answer, ApiError};
use super::metrics::Metrics;
use crate::events::Envelope;
use crate::events::bus::{BusError, Topic};

/// Longest message from a client, bytes.
const LONGEST_FRAME: usize = 256 * 1024;
/// A message that a client has not taken after this long shows that it is too slow.
const SEND_TIME: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(20);
/// A client that was silent for this long is gone.
const SILENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
pub struct After {
    /// The last number seen; only what came later is sent.
    #[serde(default)]
    pub after: Option<u64>,
}

/// A request of a client that was not done, as it is told over the socket. Not an event: it has no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "refused")]
pub struct Refused {
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        if let Some(cause) = error.cause() {
            tracing::warn!(code = error.code(), cause = crate::telemetry::causes(cause.as_ref()), "frame refused");
        }
        let document = error.document();
        Self { code: document.code, message: document.detail, suggestion: document.suggestion }
    }
}

/// What a client's frames are given to. The answer, where there is one, goes to this client alone.
pub type Frames = Arc<dyn Fn(String) -> BoxStream<'static, Refused> + Send + Sync>;

/// Serves a topic over a WebSocket.
pub fn socket(api: &Api, upgrade: WebSocketUpgrade, topic: Topic, after: After, frames: Frames) -> Response {
    let api = api.clone();
    upgrade.max_message_size(LONGEST_FRAME).max_frame_size(LONGEST_FRAME).on_upgrade(move |socket| async move {
        let closed = api.closing.clone();
        let listening = api.metrics.listening();
        let events = match api.app.bus.subscribe(topic, after.after.unwrap_or(0)).await {
            Ok(events) => events,
            Err(error) => {
                tracing::error!(cause = crate::telemetry::causes(&error), "events cannot be read");
                return;
            }
        };
        converse(socket, events, frames, &api.metrics, closed).await;
        drop(listening);
    })
}

async fn converse(
    socket: WebSocket,
    mut events: BoxStream<'static, Result<Envelope, BusError>>,
    frames: Frames,
    metrics: &Metrics,
    closing: CancellationToken,
) {
    let (mut sink, mut incoming) = socket.split();
    let mut refusals: futures::stream::SelectAll<BoxStream<'static, Refused>> = futures::stream::SelectAll::new();
    let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    let farewell = loop {
        let message = tokio::select! {
            () = closing.cancelled() => break Some((close_code::AWAY, "the server shuts down")),
            event = events.next() => match event {
                Some(Ok(envelope)) => match serde_json::to_string(&envelope) {
                    Ok(text) => Message::Text(text.into()),
                    Err(_) => break Some((close_code::ERROR, "an event cannot be sent")),
                },
                Some(Err(BusError::Lagged)) => {
                    metrics.dropped();
                    break Some((close_code::AGAIN, "too slow: come back with the last seq you saw"));
                }
                Some(Err(error)) => {
                    tracing::error!(cause = crate::telemetry::causes(&error), "events cannot be read");
                    break Some((close_code::ERROR, "events cannot be read"));
                }
                None => break Some((close_code::AWAY, "no more events")),
            },
            Some(refused) = refusals.next(), if !refusals.is_empty() => match serde_json::to_string(&refused) {
                Ok(text) => Message::Text(text.into()),
                Err(_) => continue,
            },
            frame = incoming.next() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Message::Text(text))) => {
                        refusals.push(frames(text.as_str().to_owned()));
                        continue;
                    }
                    Some(Ok(Message::Binary(_))) => break Some((close_code::UNSUPPORTED, "frames are JSON text")),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    metrics.dropped();
                    break Some((close_code::AWAY, "no sign of life"));
                }
                Message::Ping(Bytes::new())
            }
        };
        if !send(&mut sink, message).await {
            metrics.dropped();
            return;
        }
    };
    if let Some((code, reason)) = farewell {
        send(&mut sink, Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))).await;
    }
}

/// `false` when the client is gone or does not take it.
async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(tokio::time::timeout(SEND_TIME, sink.send(message)).await, Ok(Ok(())))
}

/// Serves a topic as server-sent events. What a browser remembers (`Last-Event-ID`) goes before `?after=`.
pub async fn stream(api: &Api, headers: &HeaderMap, topic: Topic, after: After) -> Answer<Response> {
    let remembered = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let after = remembered.or(after.after).unwrap_or(0);
    let events = api.app.bus.subscribe(topic, after).await?;
    Ok(sent(api, events))
}

/// These events as an answer. It ends when they do, when the client does not keep up, and when the server shuts down.
pub fn sent(api: &Api, events: impl Stream<Item = Result<Envelope, BusError>> + Send + 'static) -> Response {
    let listening = api.metrics.listening();
    let metrics = Arc::clone(&api.metrics);
    let closing = api.closing.clone();
    let events = events
        .scan(listening, move |_, event| {
            std::future::ready(match event {
                Ok(envelope) => Some(written(&envelope)),
                Err(error) => {
                    metrics.dropped();
                    tracing::debug!(cause = crate::telemetry::causes(&error), "listener dropped");
                    None
                }
            })
        })
        .take_until(closing.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::new().interval(PING_EVERY)).into_response()
}

fn written(envelope: &Envelope) -> Result<sse::Event, axum::Error> {
    sse::Event::default().id(envelope.seq.to_string()).json_data(envelope)
}
