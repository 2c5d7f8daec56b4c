//! Addresses of the real servers that `scripts/servers` started.

/// The administrative database of the test server.
#[expect(clippy::disallowed_methods, reason = "the test script passes addresses in the environment")]
pub(crate) fn postgres_url() -> String {
    std::env::var("TOWPATH_TEST_POSTGRES")
        .expect("TOWPATH_TEST_POSTGRES is set by scripts/servers; run the tests by `make test`")
}

/// Where a stand-in for S3 listens.
#[expect(clippy::disallowed_methods, reason = "scripts/servers says in the environment where its servers are")]
pub(crate) fn s3_url() -> String {
    std::env::var("TOWPATH_TEST_S3").expect("TOWPATH_TEST_S3 is set by scripts/servers after `scripts/deps test`")
}

/// Where a stand-in for Azure Blob Storage listens.
#[expect(clippy::disallowed_methods, reason = "scripts/servers says in the environment where its servers are")]
pub(crate) fn azure_url() -> String {
    std::env::var("TOWPATH_TEST_AZURE").expect("TOWPATH_TEST_AZURE is set by scripts/servers after `scripts/deps test`")
}
