//! A table without rows, and a run that brings nothing: both end well, make what is missing, and leave what stands.

use super::{modes, of, problems};
use crate::systems::{Kind, System};
use crate::yard::Yard;

const COLUMNS: &str = "id bigint, name text, changed bigint";

fn rows() -> Vec<String> {
    ["(1, 'Ada', 10)", "(2, null, 10)", "(3, 'Zoë', null)"].map(str::to_owned).to_vec()
}

async fn nothing_comes_and_then_three(from: Kind, destinations: &[Kind]) {
    for &to in destinations {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let (shop, target) = (System::create(&yard, "shop", from).await, System::create(&yard, "target", to).await);
        shop.fill("items", COLUMNS, &[]).await;
        let mut pipelines = Vec::new();
        for (name, mode) in modes() {
            if mode["write"] == "merge" && !to.merges() {
                continue;
            }
            let pipeline = yard.pipeline(of("shop", &target.goal(), (&shop.stream("items"), name), &mode)).await;
            let receipt = yard.completed(pipeline).await;
            let what = format!("{from:?} to {to:?} by {name}: {receipt}");
            assert_eq!((&receipt["verdict"], &receipt["rows_written"]), (&"counted".into(), &0.into()), "{what}");
            assert!(receipt["zero_rows_reason"].as_str().unwrap().contains("empty"), "{what}");
            assert_eq!(target.rows(name, &["id"]).await, Some(Vec::new()), "{what}");
            pipelines.push((name, pipeline));
        }
        shop.fill("items", COLUMNS, &rows()).await;
        for round in 0..2 {
            for (name, pipeline) in &pipelines {
                let receipt = yard.completed(*pipeline).await;
                let due = if *name == "append" && round == 1 { 6 } else { 3 };
                let stand = target.rows(name, &["id", "name", "changed"]).await.unwrap();
                assert_eq!(stand.len(), due, "{from:?} to {to:?} by {name}, round {round}: {stand:?} {receipt}");
            }
        }
        // Nothing is left of the source's rows: increments bring none, and take none away.
        if from.merges() {
            shop.run("delete from items").await;
            for (name, pipeline) in &pipelines {
                yard.completed(*pipeline).await;
                let due = match *name {
                    "replace" => 0,
                    "append" => 6,
                    _ => 3,
                };
                let stand = target.rows(name, &["id"]).await.unwrap();
                assert_eq!(stand.len(), due, "{from:?} to {to:?} by {name}, from a source that was emptied");
            }
        }
    }
}

#[tokio::test]
async fn postgres_without_rows() {
    nothing_comes_and_then_three(Kind::Postgres, &[Kind::Postgres, Kind::DuckDb]).await;
}

#[tokio::test]
async fn mysql_without_rows() {
    nothing_comes_and_then_three(Kind::MySql, &[Kind::MySql, Kind::Postgres]).await;
}

#[tokio::test]
async fn sqlite_without_rows() {
    nothing_comes_and_then_three(Kind::Sqlite, &Kind::ALL).await;
}

#[tokio::test]
async fn duckdb_without_rows() {
    nothing_comes_and_then_three(Kind::DuckDb, &[Kind::Sqlite, Kind::Parquet]).await;
}

#[tokio::test]
async fn parquet_without_rows() {
    nothing_comes_and_then_three(Kind::Parquet, &[Kind::Postgres, Kind::Csv]).await;
}

#[tokio::test]
async fn a_folder_whose_files_name_no_columns_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    for kind in [Kind::Csv, Kind::Jsonl] {
        let (from, to) = (format!("from_{kind:?}").to_lowercase(), format!("to_{kind:?}").to_lowercase());
        let shop = System::create(&yard, &from, kind).await;
        System::create(&yard, &to, Kind::Sqlite).await;
        shop.fill("items", "id bigint", &[]).await;
        let file = std::fs::read_dir(shop.path().join("items")).unwrap().next().unwrap().unwrap().path();
        std::fs::write(file, "").unwrap();
        let told = problems(&yard, of(&from, &to, ("items", "items"), &modes()[0].1)).await;
        assert!(told.iter().any(|problem| problem.pointer == "/streams/0" && problem.code == "no_columns"), "{told:?}");
    }
}
