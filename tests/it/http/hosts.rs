//! Requests that other sites' pages, or names that were made to point here, send.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use towpath::http::access::Scope;

use super::Server;

/// The code of the problem that a request with these headers gets, or nothing where it is let in.
async fn refused(server: &Server, method: Method, headers: &[(&str, &str)]) -> Option<String> {
    let mut request = server.request(method, "/api/v1/connections").header("cookie", server.cookie().await);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body: Value = request.json(&json!({})).send().await.unwrap().json().await.unwrap();
    body["code"]
        .as_str()
        .filter(|code| code.starts_with("bad_host") || code.starts_with("bad_origin"))
        .map(str::to_owned)
}

#[tokio::test]
async fn another_name_for_this_server_is_refused() {
    let server = Server::with([("TOWPATH_ALLOWED_HOSTS", "towpath.example")]).await;
    for host in ["evil.example", "evil.example:8377", "127.0.0.1.evil.example", "10.0.0.1", "user@localhost"] {
        assert_eq!(refused(&server, Method::GET, &[("host", host)]).await.as_deref(), Some("bad_host"), "{host}");
    }
    for host in ["localhost", "LOCALHOST:1", "[::1]:9", "towpath.example", "127.0.0.1:8377"] {
        assert_eq!(refused(&server, Method::GET, &[("host", host)]).await, None, "{host}");
    }
    server.stop().await;
}

#[tokio::test]
async fn no_host_or_two_hosts_is_no_request() {
    let server = Server::start().await;
    for head in
        ["GET /healthz HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"]
    {
        let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 64];
        let read = socket.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn another_sites_page_is_refused() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    for origin in ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1", "http://127.0.0.1:1"] {
        for method in [Method::GET, Method::POST] {
            let code = refused(&server, method, &[("origin", origin)]).await;
            assert_eq!(code.as_deref(), Some("bad_origin"), "{origin}");
        }
    }
    assert_eq!(refused(&server, Method::POST, &[("origin", &own)]).await, None);
    // A form of another site, in a browser that leaves the origin out.
    let sneaky = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(refused(&server, Method::POST, &sneaky).await.as_deref(), Some("bad_origin"));
    assert_eq!(refused(&server, Method::GET, &sneaky).await, None);
    assert_eq!(refused(&server, Method::GET, &[("sec-fetch-site", "same-origin")]).await, None);
    server.stop().await;
}

#[tokio::test]
async fn another_sites_socket_is_refused() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let (_, talk) = server.post("/api/v1/conversations", &key, json!({})).await;
    let url = format!("ws://{}/api/v1/conversations/{}/ws", server.address, talk["id"].as_str().unwrap());
    let cookie = server.cookie().await;
    let open = async |headers: &[(&'static str, &str)]| {
        let mut request = url.as_str().into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    let own = format!("http://{}", server.address);
    assert_eq!(open(&[("cookie", &cookie), ("origin", "http://evil.example")]).await.unwrap_err(), 403);
    assert_eq!(open(&[("cookie", &cookie)]).await.unwrap_err(), 403, "a cookie without an origin");
    assert_eq!(open(&[("origin", &own)]).await.unwrap_err(), 401, "no cookie");
    assert_eq!(open(&[("cookie", &cookie), ("origin", &own), ("host", "evil.example")]).await.unwrap_err(), 421);
    let bearer = format!("Bearer {key}");
    open(&[("authorization", &bearer)]).await.unwrap().close(None).await.unwrap();
    let mut socket = open(&[("cookie", &cookie), ("origin", &own)]).await.unwrap();
    socket.send(tungstenite::Message::text("not json")).await.unwrap();
    let answer: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!((answer["type"].as_str(), answer["code"].as_str()), (Some("refused"), Some("bad_request")));
    server.stop().await;
}

#[tokio::test]
async fn answers_tell_browsers_what_they_may_do_with_them() {
    let server = Server::start().await;
    for path in ["/", "/chat/x", "/healthz", "/api/v1/nothing"] {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{path}");
        let policy = header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header("x-request-id").unwrap().len(), 32, "{path}");
    }
    server.stop().await;
}
