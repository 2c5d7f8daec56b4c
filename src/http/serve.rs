//! Listening: who may be heard at all, how many at once, and for how long a silent or stuck connection is kept.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::config::ServerConfig;
use crate::net::{self, TlsError};
use crate::tasks::{self, Tasks};

/// A connection that has not sent a whole request head by then is closed.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// A TLS handshake that takes longer is given up.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// A connection whose client takes nothing for this long is closed.
const STUCK_TIME: Duration = Duration::from_secs(30);
/// How long open requests may go on after a shutdown began.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "`{0}` can be reached from other machines, and without TLS everything that is sent there can be read on the way. Give \
         `--tls-cert` and `--tls-key`, or say `--insecure-listen` where something in front takes care of it."
    )]
    Exposed(SocketAddr),
    #[error("`{0}` cannot be listened on; another program may use the port. Choose another with `--listen`.")]
    Bind(SocketAddr, #[source] std::io::Error),
    #[error("TLS cannot be set up: {0}.")]
    Tls(#[from] TlsError),
}

/// A port that is held and not served yet.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    address: SocketAddr,
    connections: Arc<Semaphore>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

impl Listener {
    /// Takes the port. Refuses to be heard beyond this machine without TLS, unless the operator said so.
    pub async fn bind(config: &ServerConfig) -> Result<Self, ListenError> {
        if !net::is_loopback(config.listen.ip()) && config.tls.is_none() && !config.insecure_listen {
            return Err(ListenError::Exposed(config.listen));
        }
        let tls = match &config.tls {
            Some(files) => Some(net::server_tls(&files.cert, &files.key)?.into()),
            None => None,
        };
        let bind = |error| ListenError::Bind(config.listen, error);
        let tcp = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = tcp.local_addr().map_err(bind)?;
        Ok(Self { tcp, tls, address, connections: Arc::new(Semaphore::new(config.max_connections)) })
    }

    /// The address that was taken; its port is real where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Where a browser on this machine finds it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if self.address.ip().is_unspecified() {
            format!("{scheme}://localhost:{}", self.address.port())
        } else {
            format!("{scheme}://{}", self.address)
        }
    }

    /// Serves until `closing`, then lets open requests end.
    pub async fn serve(self, router: Router, closing: CancellationToken) {
        let connections = Tasks::new();
        loop {
            // The place is taken before the connection is: at the limit, clients wait in the kernel's queue.
            let place = tokio::select! {
                () = closing.cancelled() => break,
                place = Arc::clone(&self.connections).acquire_owned() => place,
            };
            let (socket, peer) = tokio::select! {
                () = closing.cancelled() => break,
                accepted = self.tcp.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: looping at once would only burn the processor.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                },
            };
            let (router, tls, closing) = (router.clone(), self.tls.clone(), closing.clone());
            connections.spawn("connection", async move {
                let _place = place;
                // Small events should not wait for more to go with them.
                let _ = socket.set_nodelay(true);
                serve_connection(socket, peer, tls, router, closing).await;
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(GRACE, connections.shut_down()).await.is_err() {
            tracing::warn!("requests were still open and are cut off");
        }
    }
}

async fn serve_connection(
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    router: Router,
    closing: CancellationToken,
) {
    match tls {
        None => serve_http(socket, peer, router, closing).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIME, tls.accept(socket)).await {
            Ok(Ok(socket)) => serve_http(socket, peer, router, closing).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn serve_http<S>(socket: S, peer: SocketAddr, router: Router, closing: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(Unstuck { inner: socket, stuck: None }), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut asked = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = closing.cancelled(), if !asked => {
                asked = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(cause = crate::telemetry::causes(&error), "a connection broke off");
    }
}

/// A connection that fails once its client has taken nothing for [`STUCK_TIME`].
struct Unstuck<S> {
    inner: S,
    /// Runs while a write waits.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstuck<S> {
    fn watch<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<std::io::Result<T>>) -> Poll<std::io::Result<T>> {
        if outcome.is_ready() {
            self.stuck = None;
            return outcome;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + STUCK_TIME)));
        match stuck.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(std::io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstuck<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstuck<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

/// Ends when the process is asked to: Ctrl-C, or a supervisor's signal.
pub async fn asked_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Cancels the token when the process is asked to stop.
pub fn stop_on_signal(closing: CancellationToken) {
    tasks::spawn("signals", async move {
        asked_to_stop().await;
        closing.cancel();
    });
}
