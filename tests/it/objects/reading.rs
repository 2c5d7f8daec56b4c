//! Objects as streams: layouts, names, many of them, and objects that change while they are read.

use std::fmt::Write as _;

use futures::StreamExt as _;
use serde_json::json;
use towpath::connectors::{ErrorKind, Item, LogicalType};

use super::{Bucket, Cloud, request, rows};

#[tokio::test]
async fn more_than_a_thousand_objects_are_all_read() {
    let bucket = Bucket::create(Cloud::S3).await;
    let puts = (0..1_050).map(|id| {
        let bucket = &bucket;
        async move {
            bucket.put(&format!("events/2026/01/{:02}/e-{id:05}.csv", id % 28 + 1), format!("id\n{id}\n")).await;
        }
    });
    futures::stream::iter(puts).buffer_unordered(16).collect::<Vec<()>>().await;
    let source = bucket.source(&json!({}));
    let streams = source.list().await.unwrap();
    assert_eq!(streams.iter().map(|stream| stream.stream.as_str()).collect::<Vec<_>>(), ["events"]);
    assert_eq!(rows(&source, "events", &["id"]).await.unwrap(), 1_050);
}

#[tokio::test]
async fn names_with_blanks_percent_signs_and_other_letters_are_read_as_they_are() {
    for cloud in [Cloud::S3, Cloud::Azure, Cloud::Gcs] {
        let bucket = Bucket::create(cloud).await;
        for (number, name) in ["two words", "50%", "%20", "a+b", "ümläut 李", "q'uo\"te"].into_iter().enumerate() {
            bucket.put(&format!("in/{name}.csv"), format!("id\n{number}\n")).await;
            bucket.put(&format!("{name}/x.csv"), "id\n1\n2\n").await;
        }
        let source = bucket.source(&json!({}));
        assert_eq!(source.list().await.unwrap().len(), 7, "{cloud:?}");
        assert_eq!(rows(&source, "in", &["id"]).await.unwrap(), 6, "{cloud:?}");
        assert_eq!(rows(&source, "50%", &["id"]).await.unwrap(), 2, "{cloud:?}");
        assert_eq!(rows(&source, "ümläut 李", &["id"]).await.unwrap(), 2, "{cloud:?}");
    }
}

#[tokio::test]
async fn folders_by_value_become_columns_and_patterns_find_their_objects() {
    let bucket = Bucket::create(Cloud::S3).await;
    bucket.put("lake/sales/dt=2026-01-30/region=eu/a.csv", "id,amount\n1,2.50\n2,3.00\n").await;
    bucket.put("lake/sales/dt=2026-01-31/region=__HIVE_DEFAULT_PARTITION__/b.csv", "id,amount\n3,1.00\n").await;
    bucket.put("lake/other/2026/01/31/c.jsonl", "{\"id\": 1}\n").await;
    bucket.put("lake/notes.txt", "not data").await;
    bucket.put("lake/_tmp/d.csv", "id\n1\n").await;
    let source = bucket.source(&json!({"prefix": "/lake/"}));
    let names: Vec<String> = source.list().await.unwrap().into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, ["other", "sales"]);
    let schema = source.describe("sales").await.unwrap();
    let types: Vec<(&str, &LogicalType)> =
        schema.columns.iter().map(|column| (column.name.as_str(), &column.data_type.logical)).collect();
    assert_eq!(types[2..], [("dt", &LogicalType::Date), ("region", &LogicalType::Text)]);
    let mut items = source.read(request("sales", &["id", "dt", "region"])).await.unwrap();
    let mut shown = Vec::new();
    while let Some(item) = items.next().await {
        if let Item::Batch(batch) = item.unwrap() {
            for row in 0..batch.records.num_rows() {
                let cell =
                    |at: usize| arrow::util::display::array_value_to_string(batch.records.column(at), row).unwrap();
                shown.push(format!("{}|{}|{}", cell(0), cell(1), cell(2)));
            }
        }
    }
    shown.sort();
    assert_eq!(shown, ["1|2026-01-30|eu", "2|2026-01-30|eu", "3|2026-01-31|"]);

    let given = json!({"prefix": "lake", "streams": [
        {"name": "eu", "files": "sales/*/region=eu/*.csv", "schema": {"amount": "text"}},
        {"name": "all", "files": "sales/**/*.csv"},
        {"name": "text", "files": "*.txt", "format": "csv"},
    ]});
    let source = bucket.source(&given);
    assert_eq!(rows(&source, "eu", &["id", "dt"]).await.unwrap(), 2);
    assert_eq!(rows(&source, "all", &["id"]).await.unwrap(), 3);
    assert_eq!(source.describe("text").await.unwrap().columns[0].name, "not data");
    let eu = source.describe("eu").await.unwrap();
    assert_eq!(eu.column("amount").unwrap().data_type.logical, LogicalType::Text);
}

#[tokio::test]
async fn an_empty_object_that_stands_for_a_folder_is_no_file() {
    let bucket = Bucket::create(Cloud::S3).await;
    let marker = super::client().put(format!("{}/{}/daily.parquet/", crate::server::s3_url(), bucket.name));
    assert!(marker.send().await.unwrap().status().is_success());
    bucket.put("daily.parquet/part-1.csv", "id\n1\n").await;
    let source = bucket.source(&json!({}));
    let names: Vec<String> = source.list().await.unwrap().into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, ["daily.parquet"]);
    assert_eq!(rows(&source, "daily.parquet", &["id"]).await.unwrap(), 1);
}

/// Some dozens of megabytes: more than is ever fetched ahead.
fn large(word: &str) -> String {
    let mut text = "id,filler\n".to_owned();
    let filler = word.repeat(40);
    for id in 0..180_000 {
        let _ = writeln!(text, "{id},{filler}");
    }
    text
}

#[tokio::test]
async fn an_object_that_is_replaced_or_removed_while_it_is_read_is_an_error_that_says_so() {
    for cloud in [Cloud::S3, Cloud::Azure] {
        for (name, change, due) in [
            ("replaced", Some(large("tiger")), "was changed while it was being read"),
            ("shorter", Some("id,filler\n1,x\n".to_owned()), "was changed while it was being read"),
            ("removed", None, "was gone when it was to be read"),
        ] {
            let bucket = Bucket::create(cloud).await;
            bucket.put("big/all.csv", large("moose")).await;
            let source = bucket.source(&json!({}));
            let mut items = source.read(request("big", &["id"])).await.unwrap();
            assert!(matches!(items.next().await, Some(Ok(Item::Batch(_)))));
            match change {
                Some(text) => bucket.put("big/all.csv", text).await,
                None => bucket.delete("big/all.csv").await,
            }
            let error = loop {
                match items.next().await {
                    Some(Ok(Item::End(_))) | None => panic!("{cloud:?}: a {name} object was read to an end"),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                }
            };
            assert_eq!(error.kind, ErrorKind::Unreachable, "{cloud:?} {name}: {error}");
            // Azure says of a blob that is gone that the condition does not hold.
            let due = if cloud == Cloud::Azure { "was changed while it was being read" } else { due };
            assert!(error.message.contains("big/all.csv") && error.message.contains(due), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn a_parquet_object_is_read_in_pieces_and_a_broken_one_is_named() {
    let bucket = Bucket::create(Cloud::S3).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.parquet");
    let copy = format!(
        "copy (select i as id, hash(i)::varchar as a, md5(i::varchar) as b, repeat(md5((i * 7)::varchar), 6) as c \
         from range(400000) t(i)) to '{}' (format parquet, row_group_size 50000, compression uncompressed)",
        path.display()
    );
    duckdb::Connection::open_in_memory().unwrap().execute_batch(&copy).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 90_000_000, "{}", bytes.len());
    bucket.put("wide/all.parquet", bytes.clone()).await;
    let proxy = super::proxy::Proxy::start(crate::server::s3_url()).await;
    let source = bucket.connector().source(bucket.config_at(&proxy.url)).unwrap();
    assert_eq!(rows(&source, "wide", &["id", "b"]).await.unwrap(), 400_000);
    let narrow = proxy.seen.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(rows(&source, "wide", &["id", "a", "b", "c"]).await.unwrap(), 400_000);
    let wide = proxy.seen.load(std::sync::atomic::Ordering::SeqCst) - narrow;
    assert!(narrow * 2 < wide, "{narrow} requests for two columns, {wide} for all: what is not wanted is not fetched");
    assert!(wide < 150, "{wide} requests for {} bytes", bytes.len());

    for length in [bytes.len() - 1, bytes.len() / 2, 4, 0] {
        bucket.put("wide/all.parquet", &bytes[..length]).await;
        let error = rows(&bucket.source(&json!({})), "wide", &["id"]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadData, "{length}: {error}");
        assert!(error.message.contains("all.parquet"), "{}", error.message);
    }
}
