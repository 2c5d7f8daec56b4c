//! What one caller may ask for: size, rate, connections, time.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use towpath::http::access::Scope;
use towpath::http::serve::{ListenError, Listener};

use super::Server;

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let server = Server::with([("TOWPATH_MAX_BODY", "4KiB")]).await;
    let key = server.key(Scope::Admin).await;
    let (status, problem) = server.post("/api/v1/plans/validate", &key, json!({"spec": "x".repeat(5000)})).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("body_too_large")));
    // In pieces, without saying how long it is.
    let pieces = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    let answer = server
        .request(Method::POST, "/api/v1/plans/validate")
        .bearer_auth(&key)
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    server.stop().await;
}

#[tokio::test]
async fn asking_too_often_is_refused_with_the_time_to_wait() {
    let server = Server::with([("TOWPATH_RATE_PER_MINUTE", "6"), ("TOWPATH_RATE_BURST", "5")]).await;
    let (greedy, other) = (server.key(Scope::Read).await, server.key(Scope::Read).await);
    for _ in 0..5 {
        assert_eq!(server.get("/api/v1/connections", &greedy).await.0, StatusCode::OK);
    }
    let answer = server.request(Method::GET, "/api/v1/connections").bearer_auth(&greedy).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "too_many_requests");
    assert_eq!(server.get("/api/v1/connections", &other).await.0, StatusCode::OK, "another key has its own");
    server.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_by_address() {
    let server = Server::with([("TOWPATH_RATE_PER_MINUTE", "6"), ("TOWPATH_RATE_BURST", "5")]).await;
    let mut statuses = Vec::new();
    for guess in 0..8 {
        statuses.push(server.get("/api/v1/connections", &format!("tp_guess{guess}")).await.0);
    }
    assert_eq!(statuses[..5], [StatusCode::UNAUTHORIZED; 5]);
    assert_eq!(statuses[5..], [StatusCode::TOO_MANY_REQUESTS; 3]);
    let token = json!({"token": "guess"});
    let answer = server.request(Method::POST, "/api/v1/session").json(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let server = Server::with([("TOWPATH_MAX_CONNECTIONS", "2")]).await;
    let connect = || tokio::net::TcpStream::connect(server.address);
    let (first, second, mut third) = (connect().await.unwrap(), connect().await.unwrap(), connect().await.unwrap());
    third.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read(&mut answer)).await;
    assert!(early.is_err(), "served beyond the limit");
    drop(first);
    tokio::time::timeout(Duration::from_mins(1), third.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    drop((second, third));
    server.stop().await;
}

#[tokio::test]
async fn beyond_loopback_it_wants_tls_or_the_operators_word() {
    let environment = towpath::config::Environment::from([("TOWPATH_LISTEN", "0.0.0.0:0"), ("HOME", "/tmp")]);
    let mut config = towpath::config::Config::read(&environment, None).unwrap();
    let refused = Listener::bind(&config.server).await.unwrap_err();
    assert!(matches!(refused, ListenError::Exposed(_)));
    assert!(refused.to_string().contains("--tls-cert"), "{refused}");
    config.server.insecure_listen = true;
    Listener::bind(&config.server).await.unwrap();
}
