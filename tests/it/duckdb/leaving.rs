//! Readers that go when they please.

use futures::StreamExt as _;
use towpath::connectors::{Item, ReadMode, ReadRequest};

use super::{native, open_source};

fn request() -> ReadRequest {
    ReadRequest {
        stream: "t".to_owned(),
        columns: vec!["id".to_owned()],
        filter: None,
        mode: ReadMode::Full,
        after: None,
        batch_rows: 100,
        batch_bytes: 1 << 20,
        parallelism: 1,
    }
}

/// The connection closes as the reader goes: whichever is first, the process lives. Once it was not so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn to_leave_at_the_very_end_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.duckdb");
    native::run(&path, "create table t as select range as id from range(300)").unwrap();
    let readers = (0..4).map(|_| {
        let source = open_source(&path).unwrap();
        towpath::tasks::spawn("reader", async move {
            for _ in 0..150 {
                let mut items = source.read(request()).await.unwrap();
                let mut rows = 0;
                while let Some(item) = items.next().await {
                    match item.unwrap() {
                        Item::Batch(batch) => rows += batch.records.num_rows(),
                        Item::End(_) => break,
                        _ => {}
                    }
                }
                drop(items);
                assert_eq!(rows, 300);
                // And in the middle.
                let mut items = source.read(request()).await.unwrap();
                items.next().await.unwrap().unwrap();
            }
        })
    });
    for reader in futures::future::join_all(readers).await {
        reader.unwrap();
    }
}
