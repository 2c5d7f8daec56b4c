//! Addresses of the real servers that `scripts/servers` started.

/// The administrative database of the test server.
#[expect(clippy::disallowed_methods, reason = "the test script passes addresses in the environment")]
pub(crate) fn postgres_url() -> String {
    std::env::var("TOWPATH_TEST_POSTGRES")
        .expect("TOWPATH_TEST_POSTGRES is set by scripts/servers; run the tests by `make test`")
}

/// The test server of MySQL's family, as `mysql://USER@HOST:PORT`.
#[expect(clippy::disallowed_methods, reason = "the test script passes addresses in the environment")]
pub(crate) fn mysql_url() -> String {
    std::env::var("TOWPATH_TEST_MYSQL")
        .expect("TOWPATH_TEST_MYSQL is set by scripts/servers; run the tests by `make test`")
}

/// The certificate that it shows.
#[expect(clippy::disallowed_methods, reason = "the test script passes addresses in the environment")]
pub(crate) fn mysql_certificate() -> String {
    std::env::var("TOWPATH_TEST_MYSQL_CERTIFICATE")
        .expect("TOWPATH_TEST_MYSQL_CERTIFICATE is set by scripts/servers; run the tests by `make test`")
}
