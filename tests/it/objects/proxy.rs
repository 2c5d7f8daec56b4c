//! A server in front of another that lets some requests fail, and that numbers the generations of objects and holds puts to
//! them as Google Cloud Storage does, which the server behind it does not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;

type Rule = Box<dyn Fn(&Method, &str) -> Option<StatusCode> + Send>;

/// Forwards everything that no rule refuses.
pub(super) struct Proxy {
    pub(super) url: String,
    rule: Arc<Mutex<Option<Rule>>>,
    pub(super) seen: Arc<AtomicUsize>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    rule: Arc<Mutex<Option<Rule>>>,
    seen: Arc<AtomicUsize>,
    generations: tokio::sync::Mutex<HashMap<String, u64>>,
}

impl Proxy {
    pub(super) async fn start(upstream: String) -> Self {
        let (rule, seen) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let generations = tokio::sync::Mutex::default();
        let (rule_too, seen_too) = (Arc::clone(&rule), Arc::clone(&seen));
        let shared = Shared { upstream, client: super::client(), rule: rule_too, seen: seen_too, generations };
        let shared = Arc::new(shared);
        let router = Router::new().fallback(forward).with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        towpath::tasks::spawn("proxy", async move { axum::serve(listener, router).await.unwrap() });
        Self { url, rule, seen }
    }

    /// From here on requests whose method and path with query fit are answered with a status, and not forwarded.
    pub(super) fn refuse(&self, rule: impl Fn(&Method, &str) -> Option<StatusCode> + Send + 'static) {
        *self.rule.lock().unwrap() = Some(Box::new(rule));
    }

    pub(super) fn let_all_pass(&self) {
        *self.rule.lock().unwrap() = None;
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.seen.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().as_str().to_owned();
    let refused = shared.rule.lock().unwrap().as_ref().and_then(|rule| rule(&head.method, &path));
    if let Some(status) = refused {
        return Response::builder().status(status).body(Body::from("<Error><Code>Refused</Code></Error>")).unwrap();
    }
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers: HeaderMap = head.headers;
    headers.remove("host");
    headers.remove("content-length");
    let object = head.uri.path().to_owned();
    let mut generations = if head.method == Method::PUT { Some(shared.generations.lock().await) } else { None };
    if let Some(wanted) = headers.get("x-goog-if-generation-match") {
        let stands = generations.as_ref().and_then(|numbers| numbers.get(&object)).copied().unwrap_or(0);
        if wanted.to_str().unwrap() != stands.to_string() {
            return Response::builder().status(StatusCode::PRECONDITION_FAILED).body(Body::empty()).unwrap();
        }
    }
    let url = format!("{}{path}", shared.upstream);
    let answer = shared.client.request(head.method.clone(), url).headers(headers).body(body).send().await.unwrap();
    if let Some(numbers) = generations.as_mut().filter(|_| answer.status().is_success() && head.uri.query().is_none()) {
        *numbers.entry(object.clone()).or_insert(0) += 1;
    }
    drop(generations);
    let stands = shared.generations.lock().await.get(&object).copied();
    let mut response = Response::builder().status(answer.status());
    if let Some(stands) = stands.filter(|_| answer.status().is_success()) {
        response = response.header("x-goog-generation", stands);
    }
    for (name, value) in answer.headers() {
        if !matches!(name.as_str(), "transfer-encoding" | "connection") {
            response = response.header(name, value);
        }
    }
    if head.method == Method::HEAD {
        return response.body(Body::empty()).unwrap();
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
