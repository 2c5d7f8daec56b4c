//! The door to the network: TLS is set up once, and HTTP clients come from here.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Chooses the one TLS provider of this process. Called first thing in `main` and by whatever opens TLS by itself; calling
/// again does nothing.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is already chosen, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// An HTTP client that gives up: on connecting after ten seconds, on a silent answer after `silence`. It follows no
/// redirect, so that a credential goes only where it was meant to.
pub fn client(silence: Duration) -> Result<reqwest::Client, reqwest::Error> {
    install_tls();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(silence)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("towpath/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// How object stores are spoken to. `plain`: the address that a person gave says `http`.
pub fn object_client(plain: bool) -> object_store::ClientOptions {
    install_tls();
    object_store::ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(Duration::from_secs(10))
        // Of one request with its body: eight mebibytes over a slow line.
        .with_timeout(Duration::from_mins(2))
        .with_user_agent(object_store::HeaderValue::from_static(concat!("towpath/", env!("CARGO_PKG_VERSION"))))
}

/// How long object stores are asked again when they fail or want less: a minute at most, so that a run says what holds it up.
pub fn object_retry() -> object_store::RetryConfig {
    object_store::RetryConfig {
        backoff: object_store::BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: Duration::from_mins(1),
    }
}

/// Why the server cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("`{0}` cannot be read as a PEM file")]
    Unreadable(String, #[source] rustls::pki_types::pem::Error),
    #[error("`{0}` holds no certificate")]
    Empty(String),
    #[error("the certificate and the key do not fit together")]
    Mismatch(#[source] rustls::Error),
}

/// The server's side of TLS, from a certificate chain and a private key in PEM.
pub fn server_tls(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    install_tls();
    let unreadable = |path: &Path| {
        let shown = path.display().to_string();
        move |error| TlsError::Unreadable(shown, error)
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(unreadable(cert))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(cert.display().to_string()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Mismatch)?;
    // WebSockets over HTTP/2 need a handshake that not every client speaks.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether an address is reached from this machine alone.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
