//! Who may do what: every route, with every kind of caller.

use reqwest::{Method, StatusCode};
use serde_json::json;
use towpath::http::access::Scope;
use towpath::http::routes;

use super::Server;

/// A path that leads to the route, with names of nothing.
fn path(template: &str) -> String {
    template
        .split('/')
        .map(|part| match part {
            "{id}" | "{job_id}" => "0192b3a0-0000-7000-8000-000000000000",
            "{name}" | "{stream}" => "nothing",
            "{*file}" => "nothing.css",
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn each_route_wants_its_scope_and_takes_no_less() {
    let server = Server::start().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope, server.key(scope).await));
    }
    for route in routes() {
        let request = |key: Option<&str>| {
            let mut request = server.request(route.method.clone(), &path(route.path));
            if matches!(route.method, Method::POST | Method::PUT | Method::PATCH) {
                request = request.json(&json!({}));
            }
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            request.send()
        };
        let open = request(None).await.unwrap().status();
        let Some(wanted) = route.scope else {
            assert!(route.path.contains("session") || open != StatusCode::UNAUTHORIZED, "{route:?} is open");
            continue;
        };
        assert_eq!(open, StatusCode::UNAUTHORIZED, "{route:?} without a key");
        assert_eq!(request(Some("tp_wrong")).await.unwrap().status(), StatusCode::UNAUTHORIZED, "{route:?}");
        // What a caller may do is not tried out here where it would end the test's own session or change the world.
        for (scope, key) in &keys {
            let status = request(Some(key)).await.unwrap().status();
            if *scope < wanted {
                assert_eq!(status, StatusCode::FORBIDDEN, "{route:?} with {scope:?}");
            } else {
                assert!(
                    !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
                    "{route:?} with {scope:?}: {status}"
                );
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_sign_in_token_works_once() {
    let server = Server::start().await;
    let token = server.token().await;
    let sign_in = || server.request(Method::POST, "/api/v1/session").json(&json!({"token": token})).send();
    let first = sign_in().await.unwrap();
    assert_eq!(first.status(), StatusCode::NO_CONTENT);
    let cookie = first.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let second = sign_in().await.unwrap();
    assert_eq!(second.status(), StatusCode::UNAUTHORIZED);
    assert!(second.headers().get("set-cookie").is_none());

    // Of many at once, one gets in.
    let token = server.token().await;
    let tries = (0..16).map(|_| server.request(Method::POST, "/api/v1/session").json(&json!({"token": token})).send());
    let let_in = futures::future::join_all(tries)
        .await
        .into_iter()
        .filter(|answer| answer.as_ref().unwrap().status() == StatusCode::NO_CONTENT)
        .count();
    assert_eq!(let_in, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_signed_out() {
    let server = Server::start().await;
    let cookie = server.cookie().await;
    let show = || server.request(Method::GET, "/api/v1/session").header("cookie", &cookie).send();
    let shown: serde_json::Value = show().await.unwrap().json().await.unwrap();
    assert_eq!(shown["actor"], "operator");
    assert_eq!(shown["scopes"], json!(["read", "operate", "edit", "admin"]));
    assert_eq!(shown["model"], json!({"kind": "builtin", "name": "builtin"}));
    let end = server.request(Method::DELETE, "/api/v1/session").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(end.status(), StatusCode::NO_CONTENT);
    assert_eq!(show().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    server.stop().await;
}

#[tokio::test]
async fn a_session_from_a_key_can_do_what_the_key_can() {
    let server = Server::start().await;
    let key = server.key(Scope::Read).await;
    let begun = server.request(Method::POST, "/api/v1/session").json(&json!({"token": key})).send().await.unwrap();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let status = |method, path: &'static str| {
        let request = server.request(method, path).header("cookie", &cookie).json(&json!({}));
        async move { request.send().await.unwrap().status() }
    };
    assert_eq!(status(Method::GET, "/api/v1/connections").await, StatusCode::OK);
    assert_eq!(status(Method::POST, "/api/v1/connections").await, StatusCode::FORBIDDEN);
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_shown_once_and_ends_when_it_is_revoked() {
    let server = Server::start().await;
    let admin = server.key(Scope::Admin).await;
    let (status, made) = server.post("/api/v1/keys", &admin, json!({"name": "loader", "scope": "operate"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let key = made["key"].as_str().unwrap().to_owned();
    // `tp_` and 256 bits.
    assert!(key.starts_with("tp_") && key.len() == 3 + 43, "{key}");
    assert_eq!(server.get("/api/v1/connections", &key).await.0, StatusCode::OK);

    let (_, listed) = server.get("/api/v1/keys", &admin).await;
    assert!(!listed.to_string().contains(&key));
    let used = listed["items"].as_array().unwrap().iter().find(|row| row["name"] == "loader").unwrap();
    assert!(used["last_used_at"].is_string());

    let revoke = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    let revoked = server.request(Method::DELETE, &revoke).bearer_auth(&admin).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    assert_eq!(server.get("/api/v1/connections", &key).await.0, StatusCode::UNAUTHORIZED);

    let (_, audit) = server.get("/api/v1/audit", &admin).await;
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["key.revoked", "key.created"]);
    assert!(!audit.to_string().contains(&key));
    server.stop().await;
}

#[tokio::test]
async fn what_is_stored_opens_nothing() {
    let server = Server::start().await;
    let (key, token) = (server.key(Scope::Admin).await, server.token().await);
    let cookie = server.cookie().await;
    let value = cookie.split_once('=').unwrap().1.to_owned();
    server.app.workspace.store.close().await;
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(&server.app.config.data).unwrap() {
        stored.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    for secret in [key, token, value] {
        assert!(!stored.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret is stored as it is");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let server = Server::start().await;
    let workspace = &server.app.workspace;
    let hash = "0".repeat(64);
    let past = "2020-01-01T00:00:00.000000Z";
    let store = workspace.store.pool();
    let token = towpath::store::sessions::SessionRow {
        actor: "operator".to_owned(),
        scope: towpath::store::sessions::TOKEN.to_owned(),
        expires_at: past.to_owned(),
    };
    towpath::store::sessions::insert(store, &workspace.id.0, &hash, &token, past).await.unwrap();
    let now = towpath::store::stamp(workspace.clock.now());
    let taken = towpath::store::sessions::take_token(store, &workspace.id.0, &hash, &now).await.unwrap();
    assert_eq!(taken, None);
    server.stop().await;
}
