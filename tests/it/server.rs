//! Addresses of the real servers that `scripts/servers` started.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use towpath::store::Store;

/// The administrative database of the test server.
#[expect(clippy::disallowed_methods, reason = "the test script passes addresses in the environment")]
pub(crate) fn postgres_url() -> String {
    std::env::var("TOWPATH_TEST_POSTGRES")
        .expect("TOWPATH_TEST_POSTGRES is set by scripts/servers; run the tests by `make test`")
}

/// Where a workspace in this folder keeps its store, when the tests are run over PostgreSQL instead of the file that
/// is the default. One folder has one database, whoever asks and whenever.
#[expect(clippy::disallowed_methods, reason = "the test script says in the environment which store to test over")]
pub(crate) fn store_url(folder: &Path) -> Option<String> {
    match std::env::var("TOWPATH_TEST_STORE").as_deref() {
        Err(_) | Ok("sqlite") => return None,
        Ok("postgres") => {}
        Ok(other) => panic!("TOWPATH_TEST_STORE is `sqlite` or `postgres`, and not `{other}`"),
    }
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let name = format!("towpath_store_{:016x}", hasher.finish());
    let mut url = url::Url::parse(&postgres_url()).unwrap();
    let server: tokio_postgres::Config = postgres_url().parse().unwrap();
    let create = format!("create database {name}");
    // Some tests have no runtime, and others must not block theirs.
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { crate::postgres::connect(&server).await.batch_execute(&create).await })
    });
    if let Err(error) = made.join().unwrap() {
        assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::DUPLICATE_DATABASE), "{error}");
    }
    url.set_path(&name);
    Some(url.into())
}

/// How often a test of chance is repeated: `TOWPATH_TEST_CHAOS` times as often as it is by itself.
#[expect(clippy::disallowed_methods, reason = "the test script says in the environment how long to go on")]
pub(crate) fn chaos(times: usize) -> usize {
    let factor = std::env::var("TOWPATH_TEST_CHAOS").map_or(1, |text| text.parse().unwrap());
    times * factor
}

/// Opens the store of a workspace in this folder.
pub(crate) async fn open_store(folder: &Path) -> Store {
    match store_url(folder) {
        Some(url) => Store::open(&url).await.unwrap(),
        None => Store::open_folder(folder).await.unwrap(),
    }
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
