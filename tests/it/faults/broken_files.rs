//! Files with broken rows, and files that are not whole, moved by a run.

use std::fmt::Write as _;

use serde_json::json;
use towpath::events::RunPhase;
use towpath::store::quarantine::QuarantineQuery;

use super::of;
use crate::systems::{Kind, System};
use crate::yard::Yard;

const GOOD: i64 = 500;

fn csv(broken: i64) -> String {
    let mut text = "id,name,price\n".to_owned();
    for id in 1..=GOOD {
        let _ = writeln!(text, "{id},name {id},{id}.50");
        if id <= broken {
            text += "too,many,fields,here\n";
        }
    }
    text
}

#[tokio::test]
async fn broken_rows_of_csv_are_set_aside_with_their_line_up_to_the_limit() {
    for to in [Kind::Postgres, Kind::DuckDb, Kind::Csv, Kind::Parquet] {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", Kind::Csv).await;
        let target = System::create(&yard, "target", to).await;
        std::fs::create_dir(shop.path().join("goods")).unwrap();
        let file = shop.path().join("goods/all.csv");
        for write in ["replace", "append"] {
            std::fs::write(&file, csv(3)).unwrap();
            let mut plan = of("shop", &target.goal(), ("goods", write), &json!({"read": "full", "write": write}));
            plan["quarantine"] = json!({"max_rows": 3});
            plan["options"] = json!({"batch_rows": 100, "verify": "checksums"});
            let pipeline = yard.pipeline(plan).await;
            let (run, phase) = yard.run(pipeline).await;
            assert_eq!(phase, RunPhase::Completed, "{to:?}: {:?}", yard.show(run).await.error);
            let receipt = yard.receipt(run).await["streams"][0].clone();
            assert_eq!((&receipt["rows_quarantined"], &receipt["verdict"]), (&3.into(), &"proven".into()), "{receipt}");
            let query = QuarantineQuery { run: Some(run.to_string()), pipeline: None, after: None, limit: 10 };
            let rows =
                towpath::store::quarantine::list(yard.workspace.store.pool(), &yard.workspace.id.0, &query).await;
            let mut places: Vec<String> = rows.unwrap().into_iter().map(|row| row.position).collect();
            places.sort();
            let due = ["line 3 of all.csv", "line 5 of all.csv", "line 7 of all.csv"];
            assert_eq!(places, due, "{to:?} by {write}");
            let before = target.rows(write, &["id", "name", "price"]).await.unwrap();
            assert_eq!(before.len(), usize::try_from(GOOD).unwrap());

            // One more is too many: the run fails with what to do, and what stood there stands.
            std::fs::write(&file, csv(4)).unwrap();
            let (run, phase) = yard.run(pipeline).await;
            assert_eq!(phase, RunPhase::Failed);
            let error = yard.show(run).await.error.unwrap();
            assert_eq!((error.kind.as_str(), error.stream.as_deref()), ("bad_data", Some("goods")));
            assert!(error.message.contains("More than 3 rows") && error.hint.is_some(), "{error:?}");
            assert_eq!(target.rows(write, &["id", "name", "price"]).await.unwrap(), before, "{to:?} by {write}");
        }
    }
}

#[tokio::test]
async fn a_file_cut_short_fails_the_run_by_name_and_leaves_what_stood() {
    for (kind, to) in [(Kind::Parquet, Kind::Parquet), (Kind::Sqlite, Kind::DuckDb), (Kind::DuckDb, Kind::Sqlite)] {
        for (write, read) in [("replace", "full"), ("append", "incremental")] {
            let folder = tempfile::tempdir().unwrap();
            let yard = Yard::open(folder.path()).await;
            let shop = System::create(&yard, "shop", kind).await;
            let target = System::create(&yard, "target", to).await;
            let rows: Vec<String> = (1..=6_000).map(|id| format!("({id}, '{id:080}', {id})")).collect();
            shop.fill("items", "id bigint, name text, changed bigint", &rows).await;
            let mut mode = json!({"read": read, "write": write});
            if read == "incremental" {
                mode["cursor"] = "changed".into();
                mode["null_cursor"] = "exclude".into();
            }
            let mut plan = of("shop", &target.goal(), ("items", "items"), &mode);
            plan["options"] = json!({"batch_rows": 500});
            let pipeline = yard.pipeline(plan).await;
            yard.completed(pipeline).await;
            let before = target.rows("items", &["id", "name"]).await.unwrap();
            assert_eq!(before.len(), 6_000);

            let file = match kind {
                Kind::Parquet => std::fs::read_dir(shop.path().join("items")).unwrap().next().unwrap().unwrap().path(),
                _ => shop.path().to_owned(),
            };
            settle(&shop).await;
            let whole = std::fs::read(&file).unwrap();
            for part in [3, 7] {
                std::fs::write(&file, &whole[..whole.len() * part / 8]).unwrap();
                let _ = std::fs::remove_file(format!("{}-wal", file.display()));
                let (run, phase) = yard.run(pipeline).await;
                let stand = target.rows("items", &["id", "name"]).await.unwrap();
                assert_eq!(stand, before, "{kind:?} to {to:?} by {write}, cut to {part} eighths");
                if phase == RunPhase::Failed {
                    let error = yard.show(run).await.error.unwrap();
                    assert_eq!(error.kind, "bad_data", "{kind:?}, cut to {part} eighths: {error:?}");
                    assert!(error.hint.is_some(), "{error:?}");
                } else {
                    // Increments ask for the last pages alone, and those may be whole.
                    assert!(read == "incremental" && phase == RunPhase::Completed, "{kind:?} {write} {phase:?}");
                }
                settle(&shop).await;
            }
            std::fs::write(&file, &whole).unwrap();
            yard.completed(pipeline).await;
            assert_eq!(target.rows("items", &["id", "name"]).await.unwrap(), before, "{kind:?} to {to:?} by {write}");
        }
    }
}

/// Waits until nobody has the file open, and everything is in it.
async fn settle(system: &System) {
    match system.kind {
        Kind::Sqlite => {
            if let Ok(connection) = rusqlite::Connection::open(system.path()) {
                let _ = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
            }
        }
        Kind::DuckDb => {
            while towpath::connectors::duckdb::is_open(system.path()) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        _ => {}
    }
}
