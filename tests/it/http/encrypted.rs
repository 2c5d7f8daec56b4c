//! The server's own TLS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use towpath::app::App;
use towpath::config::{Config, Environment, TlsFiles};
use towpath::http::access::create_token;
use towpath::http::serve::Listener;
use towpath::net::{TlsError, server_tls};

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/http/tls").join(name)
}

#[tokio::test]
async fn with_a_certificate_it_speaks_https_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::read(&Environment::default(), Some(folder.path().to_owned())).unwrap();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.tls = Some(TlsFiles { cert: pem("cert.pem"), key: pem("key.pem") });
    let listener = Listener::bind(&config.server).await.unwrap();
    let address = listener.address();
    assert_eq!(listener.url(), format!("https://{address}"));
    let app = App::open(config).await.unwrap();
    let closing = CancellationToken::new();
    let router = towpath::http::router(app.clone(), &app.config.server, address, closing.clone());
    let served = towpath::tasks::spawn("server", listener.serve(router, closing.clone()));

    let certificate = reqwest::Certificate::from_pem(&std::fs::read(pem("cert.pem")).unwrap()).unwrap();
    let client =
        reqwest::Client::builder().tls_certs_only([certificate]).timeout(Duration::from_mins(1)).build().unwrap();
    let answer = client.get(format!("https://{address}/healthz")).send().await.unwrap();
    assert!(answer.headers().contains_key("strict-transport-security"));
    let token = create_token(&app.workspace).await.unwrap();
    let body = json!({"token": token.expose()});
    let begun = client.post(format!("https://{address}/api/v1/session")).json(&body).send().await.unwrap();
    assert!(begun.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));

    client.get(format!("http://{address}/healthz")).send().await.unwrap_err();
    // A handshake that never comes takes no place from others.
    let silent = tokio::net::TcpStream::connect(address).await.unwrap();
    client.get(format!("https://{address}/healthz")).send().await.unwrap();
    closing.cancel();
    drop((client, silent));
    served.await.unwrap();
    app.shut_down().await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_by_name() {
    let missing = server_tls(&pem("nothing.pem"), &pem("key.pem")).unwrap_err();
    assert!(missing.to_string().contains("nothing.pem"), "{missing}");
    assert!(matches!(server_tls(&pem("key.pem"), &pem("key.pem")), Err(TlsError::Empty(_))));
    assert!(server_tls(&pem("cert.pem"), &pem("cert.pem")).is_err());
}
