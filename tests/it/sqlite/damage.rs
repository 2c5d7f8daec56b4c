//! Files that are not what they should be never look like the end of a table.

use std::path::Path;

use futures::StreamExt as _;
use rusqlite::Connection;
use towpath::connectors::{ErrorKind, Item};

use super::{open_destination, open_source};
use crate::copying::whole;

const ROWS: u64 = 4_000;

fn filled(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch("create table t (id INTEGER primary key, note TEXT)").unwrap();
    for id in 0..ROWS {
        transaction
            .execute("insert into t values (?1, ?2)", (i64::try_from(id).unwrap(), "filler ".repeat(20)))
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// The rows delivered before an end, or the kind of error.
async fn read(path: &Path) -> Result<u64, ErrorKind> {
    let source = open_source(path).unwrap();
    let request = whole("t", vec!["id".to_owned(), "note".to_owned()]);
    let mut items = source.read(request).await.map_err(|error| error.kind)?;
    while let Some(item) = items.next().await {
        if let Item::End(end) = item.map_err(|error| error.kind)? {
            return Ok(end.rows);
        }
    }
    panic!("the stream stopped without an end or an error");
}

#[tokio::test]
async fn a_file_cut_short_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (good, cut) = (folder.path().join("good.db"), folder.path().join("cut.db"));
    filled(&good);
    assert_eq!(read(&good).await, Ok(ROWS));
    let bytes = std::fs::read(&good).unwrap();
    for part in 0..40 {
        let length = bytes.len() * part / 40 + if part % 3 == 0 { 17 } else { 0 };
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let outcome = read(&cut).await;
        assert!(
            matches!(outcome, Err(ErrorKind::BadData | ErrorKind::NotFound)),
            "cut to {length} of {} bytes: {outcome:?}",
            bytes.len()
        );
    }
}

#[tokio::test]
async fn garbage_is_told_and_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.db"), folder.path().join("bad.db"));
    filled(&good);
    let bytes = std::fs::read(&good).unwrap();
    let mut told = 0;
    for page in 0..bytes.len() / 4096 {
        let mut garbled = bytes.clone();
        for (offset, byte) in garbled[page * 4096..(page + 1) * 4096].iter_mut().enumerate() {
            *byte = u8::try_from((offset * 131 + page * 7) % 256).unwrap();
        }
        std::fs::write(&bad, &garbled).unwrap();
        told += usize::from(read(&bad).await.is_err());
    }
    assert_eq!(told, bytes.len() / 4096, "every page holds something that is missed");
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are notes, ".repeat(400)).unwrap();
    let error = open_source(&path).unwrap().check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadData);
    assert!(error.message.contains("notes.txt"), "{error}");
    assert_eq!(open_destination(&path).unwrap().check().await.unwrap_err().kind, ErrorKind::BadData);

    let missing = folder.path().join("missing.db");
    assert_eq!(open_source(&missing).unwrap().check().await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(!missing.exists(), "asking a source made a file");
    let nowhere = folder.path().join("no/such/folder.db");
    assert_eq!(open_destination(&nowhere).unwrap().check().await.unwrap_err().kind, ErrorKind::NotFound);
}
