//! Files of web servers: with and without ranges, by pattern, and from servers that break off, fail or change their mind.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use towpath::connectors::web::Http;
use towpath::connectors::{ConnectorError, DynConnector, ErrorKind, Item, Source};

use crate::objects::request;

#[derive(Default)]
struct Site {
    files: Mutex<HashMap<String, Vec<u8>>>,
    /// It gives parts of files.
    ranges: bool,
    /// Requests to fail before any succeeds.
    failing: AtomicUsize,
    requests: AtomicUsize,
    /// Asks for this bearer token.
    token: Option<&'static str>,
}

impl Site {
    fn with(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.lock().unwrap().insert(path.to_owned(), bytes.into());
        self
    }
}

async fn serve(site: Site) -> (String, Arc<Site>) {
    let site = Arc::new(site);
    let router = Router::new().fallback(answer).with_state(Arc::clone(&site));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    towpath::tasks::spawn("site", async move { axum::serve(listener, router).await.unwrap() });
    (url, site)
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    site.requests.fetch_add(1, Ordering::SeqCst);
    let plain = |status: StatusCode| Response::builder().status(status).body(Body::empty()).unwrap();
    if site.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        return Response::builder().status(503).header("retry-after", "0").body(Body::empty()).unwrap();
    }
    let path = request.uri().path();
    if let Some(name) = path.strip_prefix("/moved") {
        return Response::builder().status(302).header("location", name).body(Body::empty()).unwrap();
    }
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    if site.token.is_some_and(|token| header("authorization") != Some(format!("Bearer {token}"))) {
        return plain(StatusCode::UNAUTHORIZED);
    }
    let Some(bytes) = site.files.lock().unwrap().get(path).cloned() else { return plain(StatusCode::NOT_FOUND) };
    let tag = format!("\"{}-{}\"", bytes.len(), bytes.last().copied().unwrap_or(0));
    if header("if-match").is_some_and(|wanted| wanted != tag) {
        return plain(StatusCode::PRECONDITION_FAILED);
    }
    let mut response = Response::builder().header("etag", &tag);
    let range = header("range").filter(|_| site.ranges && request.method() == Method::GET);
    if site.ranges {
        response = response.header("accept-ranges", "bytes");
    }
    let body = match range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
        Some((from, to)) => {
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let told = format!("bytes {from}-{to}/{}", bytes.len());
            response = response.status(206).header("content-range", told);
            bytes[from..=to].to_vec()
        }
        None => bytes,
    };
    if request.method() == Method::HEAD {
        return response.header("content-length", body.len()).body(Body::empty()).unwrap();
    }
    response.body(Body::from(body)).unwrap()
}

fn source(config: Json) -> Arc<dyn Source> {
    Http.source(config).unwrap()
}

async fn rows(source: &Arc<dyn Source>, stream: &str) -> Result<u64, ConnectorError> {
    crate::objects::rows(source, stream, &["id"]).await
}

fn csv(rows: std::ops::Range<u32>) -> String {
    rows.fold("id,name\n".to_owned(), |text, id| text + &format!("{id},the name of number {id}\n"))
}

fn parquet(rows: u32) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let copy = format!(
        "copy (select i as id, md5(i::varchar) as name from range({rows}) t(i)) to '{}' (format parquet)",
        file.path().display()
    );
    duckdb::Connection::open_in_memory().unwrap().execute_batch(&copy).unwrap();
    std::fs::read(file.path()).unwrap()
}

#[tokio::test]
async fn files_are_read_with_and_without_ranges_and_through_redirects() {
    for ranges in [true, false] {
        let site = Site { ranges, ..Site::default() }
            .with("/a/cities.csv", csv(0..300_000))
            .with("/a/cities.parquet", parquet(200_000))
            .with("/none.csv", "id\n");
        let (url, _site) = serve(site).await;
        let source = source(json!({"urls": [
            format!("{url}/a/cities.csv?sig=hunter2"), format!("{url}/moved/a/cities.parquet"), format!("{url}/none.csv"),
        ]}));
        source.check().await.unwrap();
        let names: Vec<String> = source.list().await.unwrap().into_iter().map(|stream| stream.stream).collect();
        let second = format!("{}/moved/a/cities.parquet", url.trim_start_matches("http://"));
        assert_eq!(names, ["cities", second.as_str(), "none"]);
        assert_eq!(rows(&source, "cities").await.unwrap(), 300_000, "ranges: {ranges}");
        assert_eq!(rows(&source, &second).await.unwrap(), 200_000, "ranges: {ranges}");
        assert_eq!(rows(&source, "none").await.unwrap(), 0, "ranges: {ranges}");
    }
}

#[tokio::test]
async fn a_pattern_is_one_stream_and_a_missing_part_of_it_an_error() {
    let site = Site { ranges: true, ..Site::default() };
    let site = (1..=3).fold(site, |site, month| site.with(&format!("/eu/2026-{month:02}.csv"), csv(0..10 * month)));
    let (url, _site) = serve(site).await;
    let given = |files: &str| json!({"streams": [{"name": "months", "files": format!("{url}{files}")}]});
    assert_eq!(rows(&source(given("/eu/2026-{01..03}.csv")), "months").await.unwrap(), 60);
    let error = rows(&source(given("/{eu,us}/2026-{01..03}.csv")), "months").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("/us/2026-01.csv"), "{}", error.message);
}

#[tokio::test]
async fn a_server_that_fails_for_a_while_is_asked_again_and_a_credential_is_asked_for() {
    let site = Site { failing: AtomicUsize::new(3), ..Site::default() }.with("/a.csv", csv(0..5));
    let (url, site) = serve(site).await;
    assert_eq!(rows(&source(json!({"urls": [format!("{url}/a.csv")]})), "a").await.unwrap(), 5);
    site.failing.store(1_000, Ordering::SeqCst);
    let error = rows(&source(json!({"urls": [format!("{url}/a.csv")]})), "a").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);

    let (url, _site) = serve(Site { token: Some("hunter2"), ..Site::default() }.with("/a.csv", csv(0..5))).await;
    let at = |config: Json| source(crate::objects::merged(json!({"urls": [format!("{url}/a.csv")]}), &config));
    assert_eq!(rows(&at(json!({"bearer_token": "hunter2"})), "a").await.unwrap(), 5);
    for config in [json!({}), json!({"bearer_token": "wrong"}), json!({"user": "ada", "password": "hunter2"})] {
        let error = at(config).check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(!format!("{error} {:?}", error.advice).contains("hunter2"));
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    let (url, site) = serve(Site { ranges: true, ..Site::default() }.with("/big.csv", csv(0..1_000_000))).await;
    let source = source(json!({"urls": [format!("{url}/big.csv")]}));
    let mut items = source.read(request("big", &["id"])).await.unwrap();
    assert!(matches!(items.next().await, Some(Ok(Item::Batch(_)))));
    site.files.lock().unwrap().insert("/big.csv".to_owned(), csv(0..1_000_001).into_bytes());
    let error = items.filter_map(|item| async { item.err() }).boxed().next().await.expect("an error, and no end");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("was changed while it was being read"), "{}", error.message);
}

/// A server that says one thing and does another, once for each connection.
async fn liar(head: &'static str, answer: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    towpath::tasks::spawn("liar", async move {
        while let Ok((mut wire, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 1024];
                match wire.read(&mut piece).await {
                    Ok(read) if read > 0 => seen.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let said = if seen.starts_with(b"HEAD") { head } else { answer };
            let _ = wire.write_all(said.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_never_taken_for_the_whole() {
    let promises = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n";
    let silent = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    for (case, head, answer, kind) in [
        (
            "a body shorter than its length",
            promises,
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nid\n1\n2\n",
            ErrorKind::Unreachable,
        ),
        (
            "another length than before",
            promises,
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nid\n1\n2\n",
            ErrorKind::Unreachable,
        ),
        ("no length at all", silent, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nid\n1\n2\n", ErrorKind::Unsupported),
        (
            "chunks without their end",
            silent,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n7\r\nid\n1\n2\n\r\n",
            ErrorKind::Unreachable,
        ),
        (
            "packed on its way",
            promises,
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\nxxxx",
            ErrorKind::Unsupported,
        ),
    ] {
        let url = liar(head, answer).await;
        let error = rows(&source(json!({"urls": [format!("{url}/a.csv")]})), "a").await.unwrap_err();
        assert_eq!(error.kind, kind, "{case}: {error}");
        assert!(error.message.contains("/a.csv"), "{case}: {}", error.message);
    }
    let whole =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n7\r\nid\n1\n2\n\r\n0\r\n\r\n";
    let url = liar(silent, whole).await;
    assert_eq!(rows(&source(json!({"urls": [format!("{url}/a.csv")]})), "a").await.unwrap(), 2);
}

#[test]
fn an_address_that_is_none_is_refused_without_repeating_it() {
    for url in ["ftp://h/a.csv", "a.csv", "https://ada:hunter2@h/a.csv"] {
        let error = Http.source(json!({"urls": [url]})).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Config, "{url}");
        assert!(!error.message.contains("hunter2"));
    }
    assert_eq!(Http.source(json!({})).err().unwrap().kind, ErrorKind::Config);
    assert_eq!(
        DynConnector::destination(&Http, json!({"urls": ["https://h/a.csv"]})).err().unwrap().kind,
        ErrorKind::Unsupported
    );
}
