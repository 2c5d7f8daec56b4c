//! What becomes of a commit that breaks off, of two writers, and of uploads that nobody completes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use axum::http::{Method, StatusCode};
use object_store::ObjectStore as _;
use serde_json::{Value as Json, json};
use towpath::connectors::schema::arrow_schema;
use towpath::connectors::{
    Batch, Column, ColumnType, Commit, Committed, ConnectorError, Destination, Epoch, ErrorKind, LogicalType,
    RUN_ID_COLUMN, TargetColumn, TargetName, WriteMode, WriteRequest, Writer,
};

use super::proxy::Proxy;
use super::{Bucket, Cloud, client, merged, rows};
use crate::server::s3_url;

fn columns() -> Vec<Column> {
    let column = |name, logical| Column::new(name, ColumnType::new(logical, "test", ""), true);
    vec![column("id", LogicalType::Int64), column(RUN_ID_COLUMN, LogicalType::Text)]
}

fn target() -> TargetName {
    TargetName { namespace: Some("shop".to_owned()), name: "orders".to_owned() }
}

async fn open(
    destination: &Arc<dyn Destination>,
    mode: WriteMode,
    (key, run): (&str, &str),
) -> Result<Box<dyn Writer>, ConnectorError> {
    let columns = columns().into_iter().map(|column| TargetColumn { column, target_type: String::new() }).collect();
    let (state_key, run) = (key.to_owned(), run.to_owned());
    destination.open(WriteRequest { target: target(), columns, mode, state_key, run, parallelism: 1 }).await
}

async fn write(writer: &mut Box<dyn Writer>, ids: std::ops::Range<i64>, run: &str) {
    let rows = usize::try_from(ids.end - ids.start).unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let runs: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(run, rows)));
    let records = RecordBatch::try_new(arrow_schema(&columns()), vec![ids, runs]).unwrap();
    assert!(writer.write(Batch::rows(records)).await.unwrap().is_empty());
}

async fn commit(writer: &mut Box<dyn Writer>, epoch: u64, last: bool) -> Result<Committed, ConnectorError> {
    writer.commit(Commit { epoch: Epoch(epoch), checkpoint: Some(json!({"at": epoch})), last }).await
}

fn small_files() -> Json {
    json!({"write": {"rows_per_file": 10}})
}

/// A destination at a service that stores an object only over the one that was seen.
async fn comparing(bucket: &Bucket) -> Arc<dyn Destination> {
    if bucket.cloud != Cloud::Gcs {
        return bucket.destination(&small_files());
    }
    let url = Proxy::start(s3_url()).await.url;
    bucket.connector().destination(merged(bucket.config_at(&url), &small_files())).unwrap()
}

/// The completion of an upload.
fn completes(method: &Method, path: &str) -> bool {
    *method == Method::POST && path.contains("uploadId=")
}

async fn open_uploads(bucket: &Bucket) -> usize {
    let answer = client().get(format!("{}/{}?uploads", s3_url(), bucket.name)).send().await.unwrap();
    answer.text().await.unwrap().matches("<UploadId>").count()
}

#[tokio::test]
async fn objects_lie_by_the_day_of_the_run_and_a_manifest_tells_of_them() {
    let bucket = Bucket::create(Cloud::S3).await;
    let destination = bucket.destination(&merged(small_files(), &json!({"prefix": "raw"})));
    let run = "0190a6d7-3c00-7000-8000-000000000000";
    let mut writer = open(&destination, WriteMode::Append, ("k", run)).await.unwrap();
    write(&mut writer, 0..25, run).await;
    assert!(bucket.all().await.iter().all(|name| name.contains("/_towpath_")), "nothing is seen before its commit");
    commit(&mut writer, 1, true).await.unwrap();
    let all = bucket.all().await;
    let parts: Vec<&String> = all.iter().filter(|name| name.contains("/part-")).collect();
    assert_eq!(parts.len(), 3);
    assert!(parts[0].starts_with(&format!("raw/shop/orders/2024/07/12/part-{run}-")), "{}", parts[0]);
    assert!(parts[0].ends_with("-000001-0000.parquet"), "{}", parts[0]);
    let manifest = all.iter().find(|name| name.contains("_towpath_manifest_")).unwrap();
    let manifest = bucket.store.get_opts(&manifest.as_str().into(), object_store::GetOptions::default()).await.unwrap();
    let manifest: Json = serde_json::from_slice(&manifest.bytes().await.unwrap()).unwrap();
    assert_eq!((&manifest["rows"], manifest["objects"].as_array().unwrap().len()), (&json!(25), 3));
    assert!(all.iter().all(|name| !name.contains("_towpath_uploads_")), "{all:?}");
    assert_eq!(open_uploads(&bucket).await, 0);
}

#[tokio::test]
async fn what_was_committed_and_not_completed_appears_when_the_run_comes_back() {
    let bucket = Bucket::create(Cloud::S3).await;
    let proxy = Proxy::start(s3_url()).await;
    let through = bucket.connector().destination(merged(bucket.config_at(&proxy.url), &small_files())).unwrap();
    let mut writer = open(&through, WriteMode::Append, ("k", "run-1")).await.unwrap();
    write(&mut writer, 0..25, "run-1").await;
    // The state is stored; then every completion is refused, as if the process were gone.
    proxy.refuse(|method, path| completes(method, path).then_some(StatusCode::BAD_REQUEST));
    commit(&mut writer, 1, false).await.unwrap_err();
    assert!(bucket.parts().await.is_empty());
    std::mem::forget(writer);

    let direct = bucket.destination(&small_files());
    let mut writer = open(&direct, WriteMode::Append, ("k", "run-1")).await.unwrap();
    let kept = writer.committed().await.unwrap().unwrap();
    assert_eq!((kept.epoch, kept.rows, kept.checkpoint), (Epoch(1), 25, Some(json!({"at": 1}))));
    assert_eq!(bucket.parts().await.len(), 3);
    write(&mut writer, 25..30, "run-1").await;
    commit(&mut writer, 2, true).await.unwrap();
    assert_eq!(direct.counts(&target(), "run-1").await.unwrap(), (30, 30));
    assert_eq!(open_uploads(&bucket).await, 0);
}

#[tokio::test]
async fn counting_completes_what_a_dead_writer_left() {
    let bucket = Bucket::create(Cloud::S3).await;
    let proxy = Proxy::start(s3_url()).await;
    let through = bucket.connector().destination(merged(bucket.config_at(&proxy.url), &small_files())).unwrap();
    let mut writer = open(&through, WriteMode::Append, ("k", "run-1")).await.unwrap();
    write(&mut writer, 0..25, "run-1").await;
    let one = std::sync::atomic::AtomicBool::new(true);
    // One part is completed, the others are not.
    proxy.refuse(move |method, path| {
        let first = completes(method, path) && one.swap(false, std::sync::atomic::Ordering::SeqCst);
        (completes(method, path) && !first).then_some(StatusCode::BAD_REQUEST)
    });
    commit(&mut writer, 1, true).await.unwrap_err();
    std::mem::forget(writer);
    assert_eq!(bucket.destination(&small_files()).count(&target(), None).await.unwrap(), 25);
    assert_eq!(bucket.parts().await.len(), 3);
}

#[tokio::test]
async fn a_replacement_that_breaks_off_shows_the_old_rows_and_then_the_new_and_never_both() {
    let bucket = Bucket::create(Cloud::S3).await;
    let direct = bucket.destination(&small_files());
    let mut writer = open(&direct, WriteMode::Replace, ("k", "run-1")).await.unwrap();
    write(&mut writer, 0..15, "run-1").await;
    commit(&mut writer, 1, true).await.unwrap();
    drop(writer);
    let source = bucket.source(&json!({}));
    assert_eq!(rows(&source, "shop.orders", &["id"]).await.unwrap(), 15);

    let proxy = Proxy::start(s3_url()).await;
    let through = bucket.connector().destination(merged(bucket.config_at(&proxy.url), &small_files())).unwrap();
    let mut writer = open(&through, WriteMode::Replace, ("k", "run-2")).await.unwrap();
    write(&mut writer, 0..30, "run-2").await;
    commit(&mut writer, 1, false).await.unwrap();
    write(&mut writer, 30..40, "run-2").await;
    assert_eq!(bucket.parts().await.len(), 2, "nothing staged is seen");
    // Some of the new objects appear before it breaks off.
    let left = std::sync::atomic::AtomicUsize::new(2);
    proxy.refuse(move |method, path| {
        let done = left.load(std::sync::atomic::Ordering::SeqCst);
        if completes(method, path) && done > 0 {
            left.store(done - 1, std::sync::atomic::Ordering::SeqCst);
            return None;
        }
        completes(method, path).then_some(StatusCode::BAD_REQUEST)
    });
    commit(&mut writer, 2, true).await.unwrap_err();
    assert!(bucket.parts().await.len() > 2);
    assert_eq!(rows(&source, "shop.orders", &["id"]).await.unwrap(), 15, "the old rows, and nothing of the new");

    // All new objects stand; what was replaced cannot be removed.
    proxy.refuse(|method, path| {
        (*method == Method::POST && path.contains("?delete")).then_some(StatusCode::BAD_REQUEST)
    });
    open(&through, WriteMode::Replace, ("k", "run-2")).await.err().unwrap();
    assert_eq!(bucket.parts().await.len(), 2 + 4);
    assert_eq!(rows(&source, "shop.orders", &["id"]).await.unwrap(), 40, "the new rows, and nothing of the old");
    let given = json!({"streams": [{"name": "all", "files": "shop/**/*.parquet"}]});
    assert_eq!(rows(&bucket.source(&given), "all", &["id"]).await.unwrap(), 40);

    proxy.let_all_pass();
    std::mem::forget(writer);
    let mut writer = open(&through, WriteMode::Replace, ("k", "run-2")).await.unwrap();
    let kept = writer.committed().await.unwrap().unwrap();
    assert_eq!((kept.epoch, kept.last, kept.rows), (Epoch(2), true, 40));
    assert_eq!(bucket.parts().await.len(), 4);
    assert_eq!(direct.counts(&target(), "run-2").await.unwrap(), (40, 40));
}

#[tokio::test]
async fn two_writers_of_one_pipeline_notice_each_other() {
    for cloud in [Cloud::S3, Cloud::Azure, Cloud::Gcs] {
        let bucket = Bucket::create(cloud).await;
        let destination = comparing(&bucket).await;
        let mut one = open(&destination, WriteMode::Append, ("k", "run-1")).await.unwrap();
        let mut two = open(&destination, WriteMode::Append, ("k", "run-1")).await.unwrap();
        write(&mut one, 0..5, "run-1").await;
        write(&mut two, 0..7, "run-1").await;
        commit(&mut two, 1, false).await.unwrap();
        let error = commit(&mut one, 1, false).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{cloud:?}");
        assert!(error.message.contains("Another run is writing"), "{}", error.message);
        drop(one);
        commit(&mut two, 2, true).await.unwrap();
        assert_eq!(destination.counts(&target(), "run-1").await.unwrap(), (7, 7), "{cloud:?}");
    }
}

#[tokio::test]
async fn two_pipelines_append_to_one_target_side_by_side() {
    for cloud in [Cloud::S3, Cloud::Azure, Cloud::Gcs] {
        let bucket = Bucket::create(cloud).await;
        let destination = comparing(&bucket).await;
        let mut one = open(&destination, WriteMode::Append, ("one", "run-1")).await.unwrap();
        let mut two = open(&destination, WriteMode::Append, ("two", "run-2")).await.unwrap();
        for epoch in 1..=4_u64 {
            let from = i64::try_from(epoch).unwrap() * 10;
            write(&mut one, from..from + 3, "run-1").await;
            write(&mut two, from..from + 4, "run-2").await;
            let last = epoch == 4;
            let (left, right) = futures::join!(commit(&mut one, epoch, last), commit(&mut two, epoch, last));
            left.unwrap();
            right.unwrap();
        }
        assert_eq!(destination.counts(&target(), "run-1").await.unwrap(), (12, 28), "{cloud:?}");
        assert_eq!(destination.count(&target(), Some("run-2")).await.unwrap(), 16, "{cloud:?}");
    }
}

#[tokio::test]
async fn uploads_of_a_writer_that_is_gone_are_given_up_by_the_next() {
    let bucket = Bucket::create(Cloud::S3).await;
    let destination = bucket.destination(&small_files());
    let mut writer = open(&destination, WriteMode::Append, ("k", "run-1")).await.unwrap();
    write(&mut writer, 0..35, "run-1").await;
    assert_eq!(open_uploads(&bucket).await, 4);
    // As if the process had been killed: nothing is tidied up.
    std::mem::forget(writer);
    let mut other = open(&destination, WriteMode::Append, ("other", "run-2")).await.unwrap();
    write(&mut other, 0..1, "run-2").await;
    assert_eq!(open_uploads(&bucket).await, 5, "another state key's are left alone");
    let mut writer = open(&destination, WriteMode::Append, ("k", "run-1")).await.unwrap();
    assert_eq!(open_uploads(&bucket).await, 1);
    assert_eq!(writer.committed().await.unwrap(), None);
    commit(&mut other, 1, true).await.unwrap();
    write(&mut writer, 0..35, "run-1").await;
    drop(writer);
    for _ in 0..100 {
        if open_uploads(&bucket).await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(open_uploads(&bucket).await, 0, "a writer that is dropped gives up what it did not commit");
    assert_eq!(destination.count(&target(), None).await.unwrap(), 1);
}

#[tokio::test]
async fn an_object_that_was_changed_behind_our_back_is_counted_and_not_taken_on_trust() {
    let bucket = Bucket::create(Cloud::S3).await;
    let destination = bucket.destination(&small_files());
    let mut writer = open(&destination, WriteMode::Append, ("k", "run-1")).await.unwrap();
    write(&mut writer, 0..25, "run-1").await;
    commit(&mut writer, 1, true).await.unwrap();
    let parts = bucket.parts().await;
    bucket.delete(&parts[0]).await;
    assert_eq!(destination.counts(&target(), "run-1").await.unwrap(), (15, 15));
    bucket.put(&parts[1], &b"PAR1 and nothing else PAR1"[..]).await;
    assert_eq!(destination.count(&target(), None).await.unwrap_err().kind, ErrorKind::BadData);
}
