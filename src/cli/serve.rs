//! `towpath serve` and `towpath sign-in`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use crate::app::{App, FolderLock};
use crate::config::{self, Config, TlsFiles};
use crate::http::serve::{Listener, stop_on_signal};
use crate::http::{self, access};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port [default: `TOWPATH_LISTEN`, or `127.0.0.1:8377`]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen beyond this machine without TLS, because something in front takes care of it
    #[arg(long)]
    insecure_listen: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    config::listen(text).ok_or_else(|| "write ADDRESS:PORT, such as 127.0.0.1:8377".to_owned())
}

pub(super) async fn run(command: Serve, mut config: Config, terminal: &Terminal) -> Result<(), Failure> {
    let server = &mut config.server;
    server.listen = command.listen.unwrap_or(server.listen);
    server.insecure_listen |= command.insecure_listen;
    if let (Some(cert), Some(key)) = (command.tls_cert, command.tls_key) {
        server.tls = Some(TlsFiles { cert, key });
    }
    let listener = Listener::bind(&config.server).await?;
    let lock = FolderLock::take(&config.data, &listener.url())?;
    let app = App::open(config).await?;
    serve(app, listener, lock, terminal).await
}

/// Serves until the process is asked to stop, then ends in order.
pub(super) async fn serve(app: App, listener: Listener, lock: FolderLock, terminal: &Terminal) -> Result<(), Failure> {
    let closing = CancellationToken::new();
    stop_on_signal(closing.clone());
    app.start_background();
    let url = listener.url();
    let token = access::create_token(&app.workspace).await?;
    terminal.result(&json!({"url": url, "sign_in": signed(&url, token.expose())}), |terminal, _| {
        terminal.line(&format!("  {}  {}", terminal.bold("Towpath"), terminal.accent(&signed(&url, token.expose()))));
        terminal
            .line(&terminal.dim("  Open it in a browser: the address signs you in, once. Ctrl-C stops the server."));
    })?;
    let router = http::router(app.clone(), &app.config.server, listener.address(), closing.clone());
    listener.serve(router, closing).await;
    terminal.note(&terminal.dim("  Stopping: runs go on from their last checkpoint at the next start."));
    app.shut_down().await;
    drop(lock);
    Ok(())
}

fn signed(url: &str, token: &str) -> String {
    format!("{url}/?token={token}")
}

/// `towpath sign-in`
pub(super) async fn sign_in(app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let Some(url) = FolderLock::held_by_server(&app.config.data) else {
        let detail = format!("No server runs on `{}`.", shown(&app.config.data));
        return Err(Failure::new(Exit::NotFound, "no_server", detail).suggest("Start one: `towpath serve`."));
    };
    let token = access::create_token(&app.workspace).await?;
    let address = signed(&url, token.expose());
    terminal.result(&json!({"url": url, "sign_in": address}), |terminal, _| terminal.line(&address))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
