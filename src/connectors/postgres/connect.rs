//! Sessions: TLS, settings that make text forms exact, and an end that the server notices.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, CopyOutStream, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::{connect_failure, failure};
use super::socket::{self, Socket};
use super::tap::{Tap, Tapped, TappedTls};
use super::{Config, SslMode};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::tasks;

/// What every session sets. Text forms depend on these: dates, intervals, floats, money, bytes; `search_path` is empty so
/// that no name means something else than it says.
const SETTINGS: &str = "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; \
     set extra_float_digits = 3; set bytea_output = 'hex'; set lc_monetary = 'C'; set xmloption = 'content'; \
     set standard_conforming_strings = on; set client_min_messages = error; set search_path = ''; \
     set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; \
     set tcp_keepalives_idle = 20; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4";

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Questions with a short answer, bounded in time, read-only.
    Probe,
    /// Bulk reading, read-only.
    Read,
    Write,
}

/// Longest time that one question of a [`Purpose::Probe`] session may take.
pub(super) const PROBE_SECONDS: u32 = 30;

/// The oldest server whose catalog is understood.
const OLDEST: u32 = 120_000;

/// A signed-in connection. Dropping it closes the socket, whatever the server is doing; it notices within two seconds.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    /// For a second connection, should this one fall silent.
    pub(super) config: Config,
    /// The server's process at the other end.
    pub(super) process: i32,
    tap: Arc<Tap>,
    /// As `server_version_num`: 150018.
    pub(super) version: u32,
}

impl Drop for Session {
    fn drop(&mut self) {
        // A client that is merely dropped would let its driver drain a COPY to the end.
        self.driver.abort();
    }
}

impl Session {
    pub(super) async fn open(config: &Config, purpose: Purpose) -> Result<Self, ConnectorError> {
        let limit = Duration::from_secs(u64::from(config.connect_timeout.max(1)));
        tokio::time::timeout(limit, Self::sign_in(config, purpose, limit)).await.map_err(|_| {
            ConnectorError::new(
                ErrorKind::Unreachable,
                format!("PostgreSQL at `{}:{}` did not answer within {} s.", config.host, config.port, limit.as_secs()),
            )
        })?
    }

    async fn sign_in(config: &Config, purpose: Purpose, limit: Duration) -> Result<Self, ConnectorError> {
        let mut settings = tokio_postgres::Config::new();
        settings
            .host(&config.host)
            .port(config.port)
            .dbname(&config.database)
            .user(&config.user)
            .application_name("towpath")
            .ssl_mode(match config.sslmode {
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
                SslMode::Require | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
            });
        if let Some(password) = &config.password {
            settings.password(password.expose());
        }
        let refused = |error| connect_failure(config, error);
        let tap = Arc::new(Tap::default());
        let socket = socket::connect(config, limit).await?;
        let stream = Tapped::new(socket, Arc::clone(&tap), config.sslmode != SslMode::Disable);
        let (client, driver) = if config.sslmode == SslMode::Disable {
            let (client, connection) = settings.connect_raw(stream, NoTls).await.map_err(refused)?;
            (client, tasks::spawn("postgres_connection", drive(connection)))
        } else {
            let inner = MakeRustlsConnect::new(tls_config(config)?);
            let mut tls = TappedTls { inner, tap: Arc::clone(&tap) };
            let tls = MakeTlsConnect::<Tapped<Socket>>::make_tls_connect(&mut tls, &config.host).map_err(|error| {
                ConnectorError::new(ErrorKind::Config, format!("`{}` is no host name for TLS.", config.host))
                    .because(error)
            })?;
            let (client, connection) = settings.connect_raw(stream, tls).await.map_err(refused)?;
            (client, tasks::spawn("postgres_connection", drive(connection)))
        };
        let mut session = Self { client, driver, tap, config: config.clone(), process: 0, version: 0 };
        session.prepare_session(purpose).await.map_err(|error| failure("The session could not be set up", error))?;
        if session.version < OLDEST {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                format!("PostgreSQL at `{}:{}` is older than version 12.", config.host, config.port),
            )
            .advise("Upgrade the server, or read an export of it."));
        }
        Ok(session)
    }

    async fn prepare_session(&mut self, purpose: Purpose) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(SETTINGS).await?;
        let server = "select current_setting('server_version_num')::int4, pg_backend_pid()";
        let server = self.client.query_one(server, &[]).await?;
        self.version = u32::try_from(server.get::<_, i32>(0)).unwrap_or_default();
        self.process = server.get(1);
        // Without it, a server that sorts or scans notices a closed socket only when it next sends a row. Servers before
        // version 14 do not know the setting, and some systems refuse it; neither matters.
        let _ = self.client.batch_execute("set client_connection_check_interval = 2000").await;
        match purpose {
            Purpose::Probe => {
                let bounds = format!(
                    "set default_transaction_read_only = on; set statement_timeout = '{PROBE_SECONDS}s'; \
                     set lock_timeout = '5s'"
                );
                self.client.batch_execute(&bounds).await
            }
            Purpose::Read => self.client.batch_execute("set default_transaction_read_only = on").await,
            Purpose::Write => self.client.batch_execute("set default_transaction_read_only = off").await,
        }
    }

    /// The driver's own interface, unwatched.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Closes the socket; whoever waits for an answer hears that the connection was closed.
    pub(super) fn give_up(&self) {
        self.driver.abort();
    }

    /// Runs a COPY to here. Its data comes in chunks of whole messages, as large as they arrive.
    pub(super) async fn copy_rows(&self, sql: &str) -> Result<CopyRows, tokio_postgres::Error> {
        let data = self.tap.open();
        match self.watched(self.client.copy_out(sql)).await {
            Ok(copy) => Ok(CopyRows { data, copy: Box::pin(copy) }),
            Err(error) => {
                self.tap.close();
                Err(error)
            }
        }
    }

    /// Bounds each following statement of this session.
    pub(super) async fn limit_statements(&self, seconds: u32) -> Result<(), ConnectorError> {
        self.client
            .batch_execute(&format!("set statement_timeout = '{seconds}s'"))
            .await
            .map_err(|error| failure("The session could not be set up", error))
    }
}

/// The data of a COPY.
pub(super) struct CopyRows {
    data: mpsc::Receiver<Bytes>,
    copy: Pin<Box<CopyOutStream>>,
}

impl CopyRows {
    /// The next chunk; `None` when the server has said that it is done.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, tokio_postgres::Error>> {
        match self.data.recv().await {
            Some(chunk) => Some(Ok(chunk)),
            // What is left is the end or an error.
            None => self.copy.next().await,
        }
    }
}

/// Moves bytes until the client is dropped or the connection breaks; the break itself is reported to whoever waits for an
/// answer.
async fn drive<F>(connection: F)
where
    F: Future<Output = Result<(), tokio_postgres::Error>>,
{
    if let Err(error) = connection.await {
        tracing::debug!(error = %error, "A PostgreSQL connection ended");
    }
}

fn tls_config(config: &Config) -> Result<ClientConfig, ConnectorError> {
    crate::net::install_tls();
    let provider = CryptoProvider::get_default()
        .map(Arc::clone)
        .ok_or_else(|| ConnectorError::new(ErrorKind::Bug, "No TLS provider is installed."))?;
    if config.sslmode != SslMode::VerifyFull {
        let verifier = Arc::new(UncheckedCertificate(provider));
        return Ok(ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match &config.ssl_root_cert {
        Some(path) => {
            let unreadable = |error: rustls::pki_types::pem::Error| {
                let message = format!("The file `{}` holds no certificates in PEM form.", path.display());
                ConnectorError::new(ErrorKind::Config, message).because(anyhow::anyhow!("{error}"))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?).map_err(|error| {
                    let message = format!("A certificate in `{}` cannot be used.", path.display());
                    ConnectorError::new(ErrorKind::Config, message).because(error)
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(ConnectorError::new(
            ErrorKind::Config,
            "`sslmode: verify-full` needs trusted certificates, and there are none.",
        )
        .advise("Name a PEM file in `ssl_root_cert`, or install the system's certificates."));
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Accepts any certificate, as `prefer` and `require` do everywhere; the handshake's signatures are still checked.
#[derive(Debug)]
struct UncheckedCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for UncheckedCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
