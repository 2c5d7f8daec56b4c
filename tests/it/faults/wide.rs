//! Two thousand columns, where a system holds them and where it does not.

use super::{modes, of, problems};
use crate::systems::{Kind, System};
use crate::yard::Yard;

fn columns(count: usize) -> String {
    let rest = (3..=count).map(|column| format!("c{column} bigint"));
    ["id bigint".to_owned(), "changed bigint".to_owned()].into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}

fn rows(count: usize, rows: usize) -> Vec<String> {
    let row = |row: usize| {
        let cells: Vec<String> = (1..=count).map(|column| (row * 10_000 + column).to_string()).collect();
        format!("({})", cells.join(", "))
    };
    (1..=rows).map(row).collect()
}

/// Two runs of these modes; each column arrives, by the receipt's checksums.
async fn arrive(from: Kind, to: Kind, wanted: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (System::create(&yard, "shop", from).await, System::create(&yard, "target", to).await);
    shop.fill("items", &columns(2_000), &rows(2_000, 7)).await;
    for (name, mode) in modes().into_iter().filter(|(name, _)| wanted.contains(name)) {
        let mut plan = of("shop", &target.goal(), ("items", name), &mode);
        plan["options"] = serde_json::json!({"verify": "checksums"});
        let pipeline = yard.pipeline(plan).await;
        let receipt = yard.completed(pipeline).await;
        assert_eq!(receipt["verdict"], "proven", "{from:?} to {to:?} by {name}: {receipt}");
        let due: Vec<String> = (1..=7).map(|row| format!("{}|{}", row * 10_000 + 1, row * 10_000 + 2_000)).collect();
        assert_eq!(target.rows(name, &["id", "c2000"]).await.unwrap(), due, "{from:?} to {to:?} by {name}");
    }
}

#[tokio::test]
async fn two_thousand_columns_arrive_where_a_table_can_have_them() {
    arrive(Kind::Sqlite, Kind::DuckDb, &["replace", "increments"]).await;
    arrive(Kind::DuckDb, Kind::Parquet, &["replace", "increments"]).await;
    arrive(Kind::Parquet, Kind::Csv, &["append"]).await;
    arrive(Kind::Csv, Kind::Jsonl, &["replace"]).await;
}

#[tokio::test]
async fn two_thousand_columns_are_merged() {
    arrive(Kind::Jsonl, Kind::DuckDb, &["merged_increments"]).await;
}

#[tokio::test]
async fn a_table_wider_than_its_destination_allows_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let shop = System::create(&yard, "shop", Kind::Sqlite).await;
    shop.fill("items", &columns(2_000), &rows(2_000, 1)).await;
    for (kind, most) in [(Kind::Postgres, 1_598), (Kind::Sqlite, 1_995)] {
        let name = format!("{kind:?}").to_lowercase();
        let target = System::create(&yard, &name, kind).await;
        for (_, mode) in modes() {
            let told = problems(&yard, of("shop", &name, ("items", "items"), &mode)).await;
            let found = told.iter().find(|problem| problem.code == "too_many_columns").unwrap();
            assert_eq!(found.pointer, "/streams/0");
            assert!(found.message.contains("2000") && found.message.contains(&most.to_string()), "{found:?}");
            assert!(found.suggestion.is_some());
        }
        assert_eq!(target.rows("items", &["id"]).await, None);
        // The most that is allowed arrives.
        let mut plan = of("shop", &name, ("items", "items"), &modes()[0].1);
        plan["streams"][0]["exclude"] = (most + 1..=2_000).map(|column| format!("c{column}")).collect();
        // A page of PostgreSQL has no room for so many numbers, but for as many NULLs.
        shop.run(&format!(
            "update items set {}",
            (3..=1_995).map(|c| format!("c{c} = null")).collect::<Vec<_>>().join(", ")
        ))
        .await;
        let receipt = yard.completed(yard.pipeline(plan).await).await;
        assert_eq!(receipt["verdict"], "counted", "{receipt}");
        assert_eq!(target.rows("items", &["id", "changed"]).await.unwrap(), ["10001|10002"]);
    }
}

#[tokio::test]
async fn as_many_columns_as_postgres_has_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let shop = System::create(&yard, "shop", Kind::Postgres).await;
    let row = format!("({})", vec!["1"; 1_600].join(", "));
    shop.fill("items", &columns(1_600).replace("bigint", "smallint"), &[row]).await;
    for to in [Kind::DuckDb, Kind::Sqlite, Kind::Parquet] {
        let name = format!("{to:?}").to_lowercase();
        let target = System::create(&yard, &name, to).await;
        let pipeline = yard.pipeline(of("shop", &target.goal(), ("public.items", "items"), &modes()[0].1)).await;
        assert_eq!(yard.completed(pipeline).await["verdict"], "counted");
        assert_eq!(target.rows("items", &["id", "c1600"]).await.unwrap(), ["1|1"]);
    }
}
