//! What services refuse, told as kinds with sentences, without a secret.

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};
use towpath::connectors::objects::{AzureBlob, Gcs, S3};
use towpath::connectors::{DynConnector, ErrorKind};

use super::{Bucket, Cloud, rows};

/// A service that answers everything alike.
async fn answering(status: u16, code: &'static str) -> String {
    let answer = move || async move {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>hunter2</Message></Error>");
        Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Body::from(body)).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    towpath::tasks::spawn(
        "service",
        async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() },
    );
    url
}

fn s3(endpoint: &str) -> Json {
    json!({"bucket": "lake", "endpoint": endpoint, "access_key_id": "AKIAEXAMPLE", "secret_access_key": "hunter2"})
}

#[tokio::test]
async fn a_services_codes_become_kinds_with_what_to_do() {
    for (status, code, kind, says) in [
        (404, "NoSuchBucket", ErrorKind::NotFound, "no bucket `lake`"),
        (403, "AccessDenied", ErrorKind::Permission, "may not do that"),
        (403, "SignatureDoesNotMatch", ErrorKind::Auth, "refused the credential"),
        (403, "InvalidAccessKeyId", ErrorKind::Auth, "refused the credential"),
        (400, "ExpiredToken", ErrorKind::Auth, "has expired"),
        (403, "RequestTimeTooSkewed", ErrorKind::Auth, "clock"),
        (400, "AuthorizationHeaderMalformed", ErrorKind::Config, "another region"),
        (429, "TooManyRequests", ErrorKind::Throttled, "fewer requests"),
        (400, "Unheard", ErrorKind::Config, "in this form"),
    ] {
        let config = s3(&answering(status, code).await);
        let error = S3.source(config.clone()).unwrap().check().await.unwrap_err();
        assert_eq!(error.kind, kind, "{code}: {error}");
        assert!(error.message.contains(says), "{code}: {}", error.message);
        assert!(error.hint().is_some(), "{code}");
        assert!(!format!("{} {:?}", error.message, error.advice).contains("hunter2"), "{code}");
        let error = S3.destination(config).unwrap().check().await.unwrap_err();
        assert_eq!(error.kind, kind, "{code} when writing: {error}");
    }
    let azure = |endpoint: &str| json!({"account": "acme", "container": "lake", "endpoint": endpoint, "access_key": "c2VjcmV0"});
    for (status, code, kind) in [
        (404, "ContainerNotFound", ErrorKind::NotFound),
        (403, "AuthenticationFailed", ErrorKind::Auth),
        (403, "AuthorizationPermissionMismatch", ErrorKind::Permission),
    ] {
        let source = AzureBlob.source(azure(&answering(status, code).await)).unwrap();
        assert_eq!(source.check().await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test]
async fn a_service_that_asks_for_less_or_is_away_is_asked_again_later() {
    // Retries take their time; both run side by side.
    let slow = S3.source(s3(&answering(503, "SlowDown").await)).unwrap();
    let away = S3.source(s3("http://127.0.0.1:1")).unwrap();
    let (slow, away) = futures::join!(slow.check(), away.check());
    assert_eq!(slow.unwrap_err().kind, ErrorKind::Throttled);
    assert_eq!(away.unwrap_err().kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_missing_bucket_is_told_by_each_service() {
    for cloud in [Cloud::S3, Cloud::Azure] {
        let mut bucket = Bucket::create(cloud).await;
        bucket.name = "nobody-made-this".to_owned();
        let source = bucket.source(&json!({}));
        let error = source.check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{cloud:?}: {error}");
        assert!(error.message.contains("`nobody-made-this`"), "{cloud:?}: {}", error.message);
        assert_eq!(rows(&source, "x", &["id"]).await.unwrap_err().kind, ErrorKind::NotFound, "{cloud:?}");
        let destination = bucket.destination(&json!({}));
        assert_eq!(destination.check().await.unwrap_err().kind, ErrorKind::NotFound, "{cloud:?}");
    }
}

#[test]
fn a_connection_without_a_credential_borrows_none() {
    for (connector, config) in [
        (&S3 as &dyn DynConnector, json!({"bucket": "lake"})),
        (&S3, json!({"bucket": "lake", "access_key_id": "AKIAEXAMPLE"})),
        (&Gcs, json!({"bucket": "lake"})),
        (&Gcs, json!({"bucket": "lake", "service_account": "hunter2"})),
        (&AzureBlob, json!({"account": "acme", "container": "lake"})),
        (&AzureBlob, json!({"account": "acme", "container": "lake", "sas_token": "hunter2"})),
        (&S3, json!({"bucket": " ", "anonymous": true})),
        (&S3, json!({"bucket": "a/b", "anonymous": true})),
    ] {
        let error = connector.source(config.clone()).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Config, "{config}");
        assert!(!format!("{} {:?}", error.message, error.advice).contains("hunter2"), "{config}");
    }
    S3.source(json!({"bucket": "public", "anonymous": true})).unwrap();
}
