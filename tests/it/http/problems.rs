//! What clients are told when something is wrong.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use towpath::http::access::Scope;

use super::Server;

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let id = "0192b3a0-0000-7000-8000-000000000000";
    let json = "application/json";
    for (method, path, kind, body, status, code) in [
        (Method::GET, "/api/v1/nothing", None, "", 404, "no_such_route"),
        (Method::GET, "/assets/nothing.js", None, "", 404, "no_such_file"),
        (Method::PUT, "/api/v1/connections", Some(json), "{}", 405, "method_not_allowed"),
        (Method::POST, "/chat", Some(json), "{}", 405, "method_not_allowed"),
        (Method::GET, &format!("/api/v1/runs/{id}"), None, "", 404, "not_found"),
        (Method::GET, "/api/v1/runs/not-an-id", None, "", 404, "not_found"),
        (Method::GET, "/api/v1/connections/nothing", None, "", 404, "unknown_connection"),
        (Method::GET, "/api/v1/runs?limit=many", None, "", 400, "bad_request"),
        (Method::POST, "/api/v1/keys", Some(json), "{", 400, "bad_request"),
        (Method::POST, "/api/v1/keys", Some("text/plain"), "{}", 415, "unsupported_media_type"),
        (Method::POST, "/api/v1/keys", Some(json), "{}", 422, "bad_body"),
        (Method::POST, "/api/v1/keys", Some(json), r#"{"name":"","scope":"read"}"#, 400, "bad_request"),
        (Method::POST, "/api/v1/plans", Some(json), r#"{"spec":{}}"#, 422, "invalid_plan"),
        (Method::POST, "/api/v1/connections", Some(json), r#"{"name":"a b","connector":"sqlite"}"#, 422, "bad_name"),
        (
            Method::POST,
            "/api/v1/connections",
            Some(json),
            r#"{"name":"a","connector":"sqlit"}"#,
            404,
            "unknown_connector",
        ),
    ] {
        let mut request = server.request(method.clone(), path).bearer_auth(&key).body(body.to_owned());
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = request.send().await.unwrap();
        let shown = format!("{method} {path} {body}");
        assert_eq!(answer.status().as_u16(), status, "{shown}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{shown}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], code, "{shown}: {problem}");
        assert_eq!(problem["status"], status, "{shown}");
        assert_eq!(problem["type"], format!("urn:towpath:problem:{code}"), "{shown}");
        assert!(problem["detail"].as_str().unwrap().ends_with(['.', '?']), "{problem}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_invalid_plan_is_told_with_every_problem() {
    let server = Server::start().await;
    let key = server.key(Scope::Operate).await;
    let spec = json!({
        "version": 1, "name": "x", "source": {"connection": "nowhere"}, "destination": {"connection": "nowhere either"},
        "streams": [{"stream": "orders", "read": "sometimes"}], "colour": "red",
    });
    let (status, problem) = server.post("/api/v1/plans", &key, json!({"spec": spec})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let problems = problem["problems"].as_array().unwrap();
    assert!(problems.len() >= 2, "{problem}");
    assert!(problems.iter().all(|problem| problem["pointer"].is_string() && problem["code"].is_string()));
    let (_, verdict) = server.post("/api/v1/plans/validate", &key, json!({"spec": spec})).await;
    assert_eq!(verdict["problems"], problem["problems"]);
    server.stop().await;
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_never_repeated() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let body = json!({"name": "shop", "connector": "sqlite", "secrets": ["s3cret"]});
    let (status, problem) = server.post("/api/v1/connections", &key, body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn the_server_tells_whether_it_works() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let key = server.key(Scope::Read).await;
    let metrics = server.request(Method::GET, "/metrics").bearer_auth(&key).send().await.unwrap().text().await.unwrap();
    for line in [
        "# TYPE towpath_http_answers_total counter",
        "towpath_http_answers_total{status=\"2xx\"} 2",
        "towpath_live_clients 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    server.app.workspace.store.close().await;
    let answer = server.request(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer = server.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    server.stop().await;
}
