//! The API's description says what the API does.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use towpath::http::{openapi, routes};

use super::Server;

#[test]
fn the_description_lists_every_route_once() {
    let routes = routes();
    let document: Value = serde_json::from_str(&openapi::describe(&routes).to_json().unwrap()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let there: BTreeSet<String> = routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(there.len(), routes.len(), "a route is there twice");
    assert_eq!(described, there);
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn everything_that_the_description_refers_to_is_in_it() {
    let document: Value = serde_json::from_str(&openapi::describe(&routes()).to_json().unwrap()).unwrap();
    let mut missing = BTreeSet::new();
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref")
                    && document.pointer(reference.trim_start_matches('#')).is_none()
                {
                    missing.insert(reference.clone());
                }
                left.extend(fields.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// `UPDATE=1` writes the file; otherwise the two are the same.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
fn the_committed_description_is_the_one_served() {
    let document: Value = serde_json::from_str(&openapi::describe(&routes()).to_json().unwrap()).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "run this test with UPDATE=1 and commit tests/openapi.json");
}

#[tokio::test]
async fn the_description_and_its_page_are_served_without_another_server() {
    let server = Server::start().await;
    let answer = server.request(Method::GET, openapi::ADDRESS).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["info"]["title"], "Towpath");
    assert_eq!(server.request(Method::GET, "/api/docs").send().await.unwrap().status(), StatusCode::PERMANENT_REDIRECT);
    let page = server.request(Method::GET, "/api/docs/").send().await.unwrap().text().await.unwrap();
    let mut files: Vec<&str> = page
        .split(['"', '\''])
        .filter(|part| Path::new(part).extension().is_some_and(|ending| ending == "js" || ending == "css"))
        .collect();
    files.push("./swagger-initializer.js");
    assert!(files.len() >= 4, "{page}");
    for file in files {
        assert!(!file.contains("//"), "`{file}` is elsewhere");
        let answer =
            server.request(Method::GET, &format!("/api/docs/{}", file.trim_start_matches("./"))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_pages_own_paths_get_the_page() {
    let server = Server::start().await;
    let index = server.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(index.status(), StatusCode::OK);
    let index = index.text().await.unwrap();
    assert!(index.contains("<html"), "{index}");
    for path in
        ["/chat", "/chat/abc", "/pipelines", "/runs/1", "/airbyte-ingestion", "/runtime-environments", "/job-history"]
    {
        let answer = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), index, "{path}");
    }
    server.stop().await;
}
