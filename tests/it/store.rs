//! The workspace's own store: every test here runs on SQLite and on PostgreSQL.

/// Each test gets a store of its own, once of each kind.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::store::on_sqlite(super::$name).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::store::on_postgres(super::$name).await;
                }
            )*
        }
    };
}

mod access;
mod talking;
mod work;
mod writing;

use towpath::store::{Backend, Store};

use crate::postgres::Database;
use crate::server::postgres_url;

/// The workspace that every store begins with.
const MAIN: &str = "main";

/// A time of day, as it is stored.
fn at(minute: u32) -> String {
    format!("2026-01-01T00:{minute:02}:00.000000Z")
}

async fn on_sqlite<Run: Future<Output = ()>>(test: impl FnOnce(Store) -> Run) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_folder(folder.path()).await.unwrap();
    assert_eq!(store.backend(), Backend::Sqlite);
    test(store.clone()).await;
    store.close().await;
}

async fn on_postgres<Run: Future<Output = ()>>(test: impl FnOnce(Store) -> Run) {
    let database = Database::create().await;
    let mut url = url::Url::parse(&postgres_url()).unwrap();
    url.set_path(&database.name);
    let store = Store::open(url.as_str()).await.unwrap();
    assert_eq!(store.backend(), Backend::Postgres);
    test(store.clone()).await;
    store.close().await;
}
