//! Events over sockets and streams: nothing missing, nothing twice, nobody waited for.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use towpath::events::bus::Topic;
use towpath::events::{Event, LogLevel};
use towpath::http::access::Scope;
use towpath::ids::{ConversationId, RunId};

use super::Server;

fn line(text: String) -> Event {
    Event::RunLog { run: RunId::new(), level: LogLevel::Info, stage: "test".to_owned(), stream: None, message: text }
}

async fn talk(server: &Server, key: &str) -> ConversationId {
    let (status, talk) = server.post("/api/v1/conversations", key, json!({"title": "t"})).await;
    assert_eq!(status, StatusCode::CREATED);
    talk["id"].as_str().unwrap().parse().unwrap()
}

async fn socket(
    server: &Server,
    key: &str,
    talk: ConversationId,
    after: u64,
) -> tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>> {
    let url = format!("ws://{}/api/v1/conversations/{talk}/ws?after={after}", server.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

#[tokio::test]
async fn replay_and_live_meet_without_gap_or_repeat() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let talk = talk(&server, &key).await;
    let topic = Topic::Conversation(talk);
    let start = server.app.bus.last(topic).await.unwrap();
    for number in 0..50 {
        server.app.bus.append(topic, line(number.to_string())).await.unwrap();
    }
    let speakers: Vec<_> = (0..4)
        .map(|speaker| {
            let bus = server.app.bus.clone();
            towpath::tasks::spawn("speaker", async move {
                for number in 0..50 {
                    bus.append(topic, line(format!("{speaker}:{number}"))).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    // Listeners come in while it is spoken, each having seen another part before.
    let mut listeners = Vec::new();
    for after in [0, 7, 30, 49, 50] {
        let mut socket = socket(&server, &key, talk, start + after).await;
        listeners.push(towpath::tasks::spawn("listener", async move {
            let mut seen = Vec::new();
            while seen.last() != Some(&(start + 250)) {
                if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                    let envelope: Value = serde_json::from_str(&text).unwrap();
                    seen.push(envelope["seq"].as_u64().unwrap());
                }
            }
            (after, seen)
        }));
    }
    for speaker in speakers {
        speaker.await.unwrap();
    }
    for listener in listeners {
        let (after, seen) = tokio::time::timeout(Duration::from_mins(1), listener).await.unwrap().unwrap();
        assert_eq!(seen, (start + after + 1..=start + 250).collect::<Vec<_>>(), "after {after}");
    }
    server.stop().await;
}

#[tokio::test]
async fn server_sent_events_go_on_where_the_browser_remembers() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let talk = talk(&server, &key).await;
    let topic = Topic::Conversation(talk);
    for number in 0..10 {
        server.app.bus.append(topic, line(number.to_string())).await.unwrap();
    }
    let last = server.app.bus.last(topic).await.unwrap();
    let path = format!("/api/v1/conversations/{talk}/stream?after=1");
    let answer = server
        .request(Method::GET, &path)
        .bearer_auth(&key)
        .header("last-event-id", (last - 2).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.bytes_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, [(last - 1).to_string(), last.to_string()]);
    server.app.bus.append(topic, line("live".to_owned())).await.unwrap();
    let live = body.next().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&live).unwrap().contains("\"message\":\"live\""));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_listen_is_let_go_and_nobody_waits_for_it() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let talk = talk(&server, &key).await;
    let topic = Topic::Conversation(talk);
    // A socket that is opened and never read from.
    let mut deaf = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "GET /api/v1/conversations/{talk}/ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    deaf.write_all(head.as_bytes()).await.unwrap();
    let metrics = async || {
        let answer = server.request(Method::GET, "/metrics").bearer_auth(&key).send().await.unwrap();
        answer.text().await.unwrap()
    };
    while !metrics().await.contains("towpath_live_clients 1") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut attentive = socket(&server, &key, talk, server.app.bus.last(topic).await.unwrap()).await;
    let filler = "x".repeat(64 * 1024);
    for number in 0..300 {
        server.app.bus.append(topic, line(format!("{number}{filler}"))).await.unwrap();
        // Shorter than the server waits for a deaf client: one that waits its turn behind that would be late.
        let heard = tokio::time::timeout(Duration::from_secs(8), attentive.next()).await.unwrap();
        assert!(heard.unwrap().is_ok());
    }
    let let_go = async {
        while !metrics().await.contains("towpath_slow_clients_total 1") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), let_go).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn frames_are_held_against_the_callers_scope() {
    use futures::SinkExt as _;
    let server = Server::start().await;
    let (admin, reader) = (server.key(Scope::Admin).await, server.key(Scope::Read).await);
    let talk = talk(&server, &admin).await;
    let mut socket = socket(&server, &reader, talk, 0).await;
    let id = "0192b3a0-0000-7000-8000-000000000000";
    for (frame, code) in [
        (json!({"type": "say", "text": "move everything"}), "forbidden"),
        (json!({"type": "confirm", "plan_id": id, "digest": "x", "acknowledged": []}), "forbidden"),
        (json!({"type": "dismiss", "plan_id": id}), "forbidden"),
        (json!({"type": "cancel_turn"}), "forbidden"),
        (json!({"type": "dismiss_action", "action_id": id}), "forbidden"),
        (json!({"type": "shout"}), "bad_request"),
        (json!({"type": "say"}), "bad_request"),
        (json!([1, 2]), "bad_request"),
    ] {
        socket.send(Message::text(frame.to_string())).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_mins(1), socket.next()).await.unwrap().unwrap().unwrap();
        let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
        assert_eq!((answer["type"].as_str(), answer["code"].as_str()), (Some("refused"), Some(code)), "{frame}");
        assert!(answer.get("seq").is_none());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let talk = talk(&server, &key).await;
    let mut socket = socket(&server, &key, talk, 0).await;
    let farewell = towpath::tasks::spawn("listener", async move {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                return Some(u16::from(frame.code));
            }
        }
        None
    });
    server.stop().await;
    assert_eq!(farewell.await.unwrap(), Some(1001));
}
