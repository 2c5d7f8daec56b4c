//! The door to the network: TLS is set up once, and HTTP clients come from here.

use std::sync::Once;

/// Chooses the one TLS provider of this process. Called first thing in `main` and by whatever opens TLS by itself; calling
/// again does nothing.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is already chosen, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
