//! The real router behind a real port.

mod access;
mod encrypted;
mod hosts;
mod journey;
mod limits;
mod live;
mod problems;
mod routes;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use towpath::app::App;
use towpath::config::{Config, Environment};
use towpath::http::access::{Scope, create_key, create_token};
use towpath::http::serve::Listener;

/// A server of its own, on a data folder of its own.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    closing: CancellationToken,
    served: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with([("TOWPATH_RATE_PER_MINUTE", "60000"), ("TOWPATH_RATE_BURST", "60000")]).await
    }

    /// With these settings.
    pub(crate) async fn with<const N: usize>(settings: [(&str, &str); N]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let store = crate::server::store_url(folder.path()).map(|url| ("TOWPATH_DATABASE_URL".to_owned(), url));
        let environment: Environment = settings.chain(store).collect();
        let mut config = Config::read(&environment, Some(folder.path().to_owned())).unwrap();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(&config.server).await.unwrap();
        let address = listener.address();
        let app = App::open(config).await.unwrap();
        let closing = CancellationToken::new();
        let router = towpath::http::router(app.clone(), &app.config.server, address, closing.clone());
        let served = towpath::tasks::spawn("server", listener.serve(router, closing.clone()));
        let client = towpath::net::client(Duration::from_mins(2)).unwrap();
        Self { app, address, client, closing, served, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn key(&self, scope: Scope) -> String {
        create_key(&self.app.workspace, scope.name(), scope).await.unwrap().1.expose().to_owned()
    }

    pub(crate) async fn token(&self) -> String {
        create_token(&self.app.workspace).await.unwrap().expose().to_owned()
    }

    /// Signs in; the cookie as a header's value.
    pub(crate) async fn cookie(&self) -> String {
        let token = self.token().await;
        let answer = self.request(Method::POST, "/api/v1/session").json(&json!({"token": token})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> (StatusCode, Value) {
        let answer = self.request(Method::GET, path).bearer_auth(key).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.request(Method::POST, path).bearer_auth(key).json(&body).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Ends in order; hangs if something does not end.
    pub(crate) async fn stop(self) {
        self.closing.cancel();
        self.served.await.unwrap();
        self.app.shut_down().await;
        assert_eq!(self.app.tasks.running(), 0);
    }
}
