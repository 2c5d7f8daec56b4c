//! From a sentence, or a single call, to moved rows: over HTTP alone.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use towpath::http::access::Scope;

use super::Server;

/// A shop in SQLite and a store beside it, connected.
async fn shop(server: &Server, key: &str) {
    let folder = &server.app.config.data;
    let shop = rusqlite::Connection::open(folder.join("shop.db")).unwrap();
    shop.execute_batch(
        "create table customers (id integer primary key, name text not null, updated_at text not null);
         insert into customers values (1, 'Ann', '2026-01-01T00:00:00Z'), (2, 'Zoë', '2026-01-02T00:00:00Z');",
    )
    .unwrap();
    for (name, file) in [("shop", "shop.db"), ("store", "store.db")] {
        let new = json!({"name": name, "connector": "sqlite", "config": {"path": folder.join(file)}});
        let (status, made) = server.post("/api/v1/connections", key, new).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
}

async fn ended(server: &Server, key: &str, path: &str) -> Value {
    let ended = async {
        loop {
            let (status, run) = server.get(path, key).await;
            assert_eq!(status, StatusCode::OK, "{run}");
            if matches!(run["phase"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return run;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), ended).await.unwrap()
}

#[tokio::test]
async fn one_call_moves_a_table_and_is_the_keys_holders_own_confirmation() {
    let server = Server::start().await;
    let (edit, read, admin) =
        (server.key(Scope::Edit).await, server.key(Scope::Read).await, server.key(Scope::Admin).await);
    shop(&server, &edit).await;
    let body = json!({
        "source": {"type": "sqlite", "connection_id": "shop", "table": "customers"},
        "destination": {"type": "sqlite", "connection_id": "store", "table": "people"},
        "options": {"mode": "full", "batch_size": 1000},
    });
    let (status, job) = server.post("/api/data-ingestion/start", &edit, body.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    let id = job["job_id"].as_str().unwrap();
    let done = ended(&server, &read, &format!("/api/data-ingestion/status/{id}")).await;
    assert_eq!((done["phase"].as_str(), done["rows"].as_u64()), (Some("completed"), Some(2)), "{done}");
    assert_eq!(done["tables"]["customers"]["rows_written"], 2);
    assert!(done["throughput"].as_f64().is_some_and(|rate| rate > 0.0), "{done}");
    let (_, receipt) = server.get(&format!("/api/v1/runs/{id}/receipt"), &read).await;
    assert_eq!(receipt["outcome"], "completed");

    // Again: the table has rows now, and losing them wants its own word.
    let (status, problem) = server.post("/api/data-ingestion/start", &edit, body.clone()).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("not_acknowledged")), "{problem}");
    assert!(problem["suggestion"].as_str().unwrap().contains("options.acknowledged"));
    let mut named = body.clone();
    named["options"]["acknowledged"] = json!(["people"]);
    let (status, again) = server.post("/api/data-ingestion/start", &edit, named).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{again}");
    assert_eq!(again["pipeline"], job["pipeline"], "the same call is the same pipeline");
    ended(&server, &read, &format!("/api/data-ingestion/status/{}", again["job_id"].as_str().unwrap())).await;

    let (_, audit) = server.get("/api/v1/audit", &admin).await;
    let started = audit["items"].as_array().unwrap().iter().find(|row| row["action"] == "ingestion.started").unwrap();
    assert_eq!(started["actor"], "key:edit");
    assert!(started["detail"]["confirmed_by"].as_str().unwrap().contains("the start itself, by API key"));

    for (change, status, code) in [
        (json!({"source": {"type": "postgres", "connection_id": "shop", "table": "customers"}}), 422, "wrong_type"),
        (json!({"source": {"connection_id": "shp", "table": "customers"}}), 404, "unknown_connection"),
        (json!({"source": {"connection_id": "shop", "table": "custmers"}}), 422, "invalid_plan"),
        (json!({"options": {"mode": "sometimes"}}), 422, "invalid_plan"),
        (json!({"options": {"mood": "full"}}), 422, "bad_body"),
    ] {
        let mut wrong = body.clone();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (found, problem) = server.post("/api/data-ingestion/start", &edit, wrong).await;
        assert_eq!((found.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_sentence_is_answered_with_a_plan_and_a_click_runs_it() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    shop(&server, &key).await;
    let (_, talk) = server.post("/api/v1/conversations", &key, json!({})).await;
    let talk = talk["id"].as_str().unwrap();
    let path = format!("/api/v1/conversations/{talk}/messages");
    let said = json!({"text": "Copy customers from shop to store"});
    let answer = server
        .request(Method::POST, &path)
        .bearer_auth(&key)
        .header("accept", "text/event-stream")
        .json(&said)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    // The stream ends with the turn.
    let streamed = tokio::time::timeout(Duration::from_mins(2), answer.text()).await.unwrap().unwrap();
    let events: Vec<Value> = streamed
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(events.first().unwrap()["type"], "user_said");
    assert_eq!(events.last().unwrap()["type"], "turn_ended");
    let plan = events.iter().find(|event| event["type"] == "plan_proposed").expect("a plan is proposed");
    let (_, shown) = server.get(&format!("/api/v1/conversations/{talk}"), &key).await;
    assert_eq!(shown["pending_plan"], plan["plan"]);

    // An operator may talk, and may not confirm: not by a click, not in words.
    let operator = server.key(Scope::Operate).await;
    let (status, problem) = server.post(&path, &operator, json!({"text": "yes"})).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::FORBIDDEN, Some("forbidden")), "{problem}");

    let url = format!("ws://{}/api/v1/conversations/{talk}/ws?after={}", server.address, events.last().unwrap()["seq"]);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let stale = json!({"type": "confirm", "plan_id": plan["plan"], "digest": "0000", "acknowledged": []});
    socket.send(Message::text(stale.to_string())).await.unwrap();
    let refused: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!((refused["type"].as_str(), refused["code"].as_str()), (Some("refused"), Some("stale_confirmation")));
    let confirm = json!({"type": "confirm", "plan_id": plan["plan"], "digest": plan["digest"], "acknowledged": []});
    socket.send(Message::text(confirm.to_string())).await.unwrap();
    let mut kinds = Vec::new();
    let finished = async {
        loop {
            if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                let event: Value = serde_json::from_str(&text).unwrap();
                kinds.push(event["type"].as_str().unwrap().to_owned());
                if event["type"] == "run_finished" {
                    return event;
                }
            }
        }
    };
    let finished = tokio::time::timeout(Duration::from_mins(2), finished).await.unwrap();
    assert_eq!(finished["phase"], "completed");
    // A run that is quick to begin may be heard before the word that it was confirmed.
    for kind in ["plan_confirmed", "run_moved", "run_progress"] {
        assert!(kinds.iter().any(|heard| heard == kind), "{kind} of {kinds:?}");
    }

    let (_, pipelines) = server.get("/api/v1/pipelines", &key).await;
    assert_eq!(pipelines["items"][0]["last_run"]["phase"], "completed", "{pipelines}");
    server.stop().await;
}

#[tokio::test]
async fn a_pipeline_is_scheduled_rested_renamed_and_deleted() {
    let server = Server::start().await;
    let key = server.key(Scope::Edit).await;
    shop(&server, &key).await;
    let spec = json!({
        "version": 1, "name": "customers", "source": {"connection": "shop"}, "destination": {"connection": "store"},
        "streams": [{"stream": "customers"}],
    });
    let (status, proposed) = server.post("/api/v1/plans", &key, json!({"spec": spec})).await;
    assert_eq!(status, StatusCode::OK, "{proposed}");
    let confirm = format!("/api/v1/plans/{}/confirm", proposed["plan"].as_str().unwrap());
    let (_, kept) = server.post(&confirm, &key, json!({"digest": proposed["digest"], "run": false})).await;
    assert!(kept.get("run").is_none(), "{kept}");
    let pipeline = format!("/api/v1/pipelines/{}", kept["pipeline"].as_str().unwrap());
    let send = async |method: Method, path: String, body: Value| {
        let answer = server.request(method, &path).bearer_auth(&key).json(&body).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap_or_default())
    };

    let schedule = json!({"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}});
    let (_, shown) = send(Method::PUT, format!("{pipeline}/schedule"), schedule).await;
    assert_eq!(shown["schedule"]["next"].as_array().unwrap().len(), 3, "{shown}");
    let wrong = json!({"schedule": {"cron": "61 * * * *", "timezone": "UTC"}});
    let (status, problem) = send(Method::PUT, format!("{pipeline}/schedule"), wrong).await;
    assert_eq!(
        (status, problem["problems"][0]["code"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("bad_schedule"))
    );
    let (_, shown) = send(Method::POST, format!("{pipeline}/pause"), json!({})).await;
    assert_eq!(shown["paused"], true);
    let (_, shown) = send(Method::POST, format!("{pipeline}/resume"), json!({})).await;
    assert_eq!(shown["paused"], false);
    let (_, shown) = send(Method::PUT, format!("{pipeline}/schedule"), json!({"schedule": null})).await;
    assert_eq!(shown["schedule"], Value::Null);
    let (_, shown) = send(Method::PATCH, pipeline.clone(), json!({"name": "people"})).await;
    assert_eq!(shown["name"], "people");
    let (_, export) = server.get(&format!("{pipeline}/export"), &key).await;
    assert_eq!((export["towpath"].as_u64(), export["pipelines"][0]["name"].as_str()), (Some(1), Some("people")));
    let (_, imported) = server.post("/api/v1/pipelines/import", &key, export).await;
    assert!(imported["plans"][0]["digest"].is_string(), "{imported}");

    let (status, started) = send(Method::POST, format!("{pipeline}/run"), json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let run = format!("/api/v1/runs/{}", started["run"].as_str().unwrap());
    let done = ended(&server, &key, &run).await;
    assert_eq!((done["phase"].as_str(), done["trigger"].as_str()), (Some("completed"), Some("api")), "{done}");
    let (status, problem) = send(Method::POST, format!("{run}/cancel"), json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("already_ended")));
    assert_eq!(send(Method::DELETE, pipeline.clone(), json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(send(Method::GET, pipeline, json!({})).await.0, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let server = Server::start().await;
    let key = server.key(Scope::Admin).await;
    let new = json!({
        "name": "pg", "connector": "postgres", "config": {"host": "127.0.0.1", "port": 1, "user": "app", "database": "shop"},
        "secrets": {"password": "hunter2-hunter2"},
    });
    let (status, made) = server.post("/api/v1/connections", &key, new).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["secrets"], json!(["password"]));
    let (_, checked) = server.post("/api/v1/connections/pg/check", &key, json!({})).await;
    assert_eq!(checked["state"], "failed");
    let (_, failed) = server.get("/api/v1/connections/pg/streams", &key).await;
    assert_eq!(failed["code"], "connector_unreachable", "{failed}");
    let mut told = vec![made, checked, failed];
    for path in ["/api/v1/connections", "/api/v1/connections/pg", "/api/v1/audit"] {
        told.push(server.get(path, &key).await.1);
    }
    assert!(told.iter().all(|answer| !answer.to_string().contains("hunter2")), "{told:?}");
    server.stop().await;
}
