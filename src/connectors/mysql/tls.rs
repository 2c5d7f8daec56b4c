//! How the wire is encrypted: rustls, as everywhere in this program.

use mysql_async::SslOpts;

use super::{Config, SslMode};
use crate::connectors::{ConnectorError, ErrorKind};

/// What the settings ask for.
pub(super) fn options(config: &Config) -> Result<SslOpts, ConnectorError> {
    crate::net::install_tls();
    if config.sslmode != SslMode::VerifyFull {
        return Ok(SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true));
    }
    let roots = match &config.ssl_root_cert {
        Some(path) => {
            let pem = std::fs::read(path).map_err(|error| {
                let message = format!("The file `{}` cannot be read.", path.display());
                ConnectorError::new(ErrorKind::Config, message).because(error)
            })?;
            vec![pem.into()]
        }
        None => rustls_native_certs::load_native_certs().certs.into_iter().map(|root| root.to_vec().into()).collect(),
    };
    if roots.is_empty() {
        return Err(ConnectorError::new(
            ErrorKind::Config,
            "`sslmode: verify-full` needs trusted certificates, and there are none.",
        )
        .advise("Name a PEM file in `ssl_root_cert`, or install the system's certificates."));
    }
    Ok(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
}
