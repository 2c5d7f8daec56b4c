//! The one way to the endpoint: a request goes out once, and what came back is seen whole. The client library would ask
//! again by itself and keep the headers from us, so it is given this service instead; when to ask again is `retry`'s to say.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Response};

use super::retry::{self, Asked};

/// Most bytes of a refusal that are read.
const LONGEST_REFUSAL: usize = 64 * 1024;
/// Most bytes of a reply. The library keeps what has arrived and is not read yet.
const LONGEST_REPLY: usize = 32 * 1024 * 1024;

/// Sends a request and gives the reply as a stream of events.
#[derive(Clone, Debug)]
pub(super) struct Door {
    client: reqwest::Client,
    silence: Duration,
}

/// An answer that is no reply, with what the endpoint said about asking again.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint answered with status {status}")]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) asked: Asked,
    pub(super) body: String,
}

/// An answer with a status of success that is not what was asked for, such as the page of a proxy.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint answered with `{0}`")]
pub(super) struct NoReply(String);

impl Door {
    pub(super) fn new(client: reqwest::Client, silence: Duration) -> Self {
        Self { client, silence }
    }

    async fn send(self, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let response = self.client.execute(factory.build().await?).await?;
        if !response.status().is_success() {
            let (status, asked) = (response.status().as_u16(), retry::asked(response.headers()));
            let body = head(response).await;
            return Err(boxed(Refusal { status, asked, body }));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        match kind.as_str() {
            "text/html" => Err(boxed(NoReply(kind))),
            // An endpoint that does not stream gives the whole reply at once.
            "application/json" => Ok(as_one_event(response)),
            _ => Ok(self.watched(response)),
        }
    }

    /// The same reply, which breaks off when it has begun and then is silent for too long, or when it does not end.
    fn watched(self, response: Response) -> Response {
        let start = (response.bytes_stream().boxed(), 0_usize, false);
        let silence = self.silence;
        let watched = futures::stream::unfold(start, move |(mut pieces, arrived, ended)| async move {
            if ended {
                return None;
            }
            // How long a reply may take to begin is the attempt's limit and not this one.
            let next =
                if arrived == 0 { Ok(pieces.next().await) } else { tokio::time::timeout(silence, pieces.next()).await };
            let (piece, arrived, ended) = match next {
                Ok(None) => return None,
                Ok(Some(Ok(piece))) if arrived + piece.len() > LONGEST_REPLY => {
                    (Err(std::io::Error::other("the reply does not end")), arrived, true)
                }
                Ok(Some(Ok(piece))) => {
                    let arrived = arrived + piece.len();
                    (Ok(piece), arrived, false)
                }
                Ok(Some(Err(error))) => (Err(std::io::Error::other(error)), arrived, true),
                Err(_) => (Err(std::io::Error::other("the reply fell silent")), arrived, true),
            };
            Some((piece, (pieces, arrived, ended)))
        });
        rebuilt(watched.boxed())
    }
}

/// The first bytes of a refusal, as far as they arrive.
async fn head(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < LONGEST_REFUSAL
        && let Ok(Some(piece)) = response.chunk().await
    {
        body.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// A reply that came in one piece, as the one event of a stream. Line breaks in JSON text mean nothing and would end the event.
fn as_one_event(response: Response) -> Response {
    let unbroken = |piece: Bytes| {
        let bytes = piece.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte });
        bytes.collect::<Vec<u8>>()
    };
    let body = response
        .bytes_stream()
        .map(move |piece| piece.map(|piece| Bytes::from(unbroken(piece))).map_err(std::io::Error::other));
    let edge = |bytes: &'static [u8]| futures::stream::iter([Ok(Bytes::from_static(bytes))]);
    rebuilt(edge(b"data: ").chain(body).chain(edge(b"\n\n")).boxed())
}

fn rebuilt(body: BoxStream<'static, Result<Bytes, std::io::Error>>) -> Response {
    Response::from(hyper::Response::new(Body::wrap_stream(body)))
}

fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> OpenAIError {
    OpenAIError::Boxed(Box::new(error))
}

impl tower::Service<HttpRequestFactory> for Door {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        Box::pin(self.clone().send(factory))
    }
}
