//! The door to the network: TLS is set up once, and HTTP clients come from here.

use std::sync::Once;
use std::time::Duration;

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
