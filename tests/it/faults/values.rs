//! Values that other programs bend: through every system and back they are what they were, or their row is set aside and
//! counted.

use serde_json::json;

use super::{modes, of};
use crate::systems::{Kind, System};
use crate::yard::Yard;

/// Columns with their types.
const COLUMNS: [(&str, &str); 14] = [
    ("big", "bigint"),
    ("exact", "numeric(38,20)"),
    ("free", "numeric"),
    ("double", "double precision"),
    ("single", "real"),
    ("flag", "boolean"),
    ("day", "date"),
    ("clock", "time"),
    ("zoned", "timestamptz"),
    ("naive", "timestamp"),
    ("bytes", "bytea"),
    ("word", "text"),
    ("doc", "jsonb"),
    ("code", "uuid"),
];

/// One value per column and row; `-` is NULL.
const ROWS: [[&str; 14]; 9] = [
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    [
        "9223372036854775807",
        "123456789012345678.12345678901234567891",
        "0.1000",
        "-0",
        "-0",
        "true",
        "1970-01-01",
        "00:00:00",
        "2024-03-31 01:30:00+01",
        "2024-03-31 02:30:00",
        "\\x",
        "",
        "null",
        "00000000-0000-0000-0000-000000000000",
    ],
    [
        "-9223372036854775808",
        "-999999999999999999.99999999999999999999",
        "-123456789012345678901234567890123456789012345678901234567890.000000000000000000000000000001",
        "1.7976931348623157e308",
        "3.4028235e38",
        "false",
        "0001-01-01",
        "23:59:59.999999",
        "2024-10-27 02:30:00+02",
        "2024-10-27 02:30:00",
        "\\x00ff00",
        "Zoë 😀 'quoted' \"double\" \\ back",
        "{\"a\": [1, null, \"é\"], \"n\": 12345678901234567890.123456789}",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ],
    [
        "0",
        "0.00000000000000000001",
        "1e-40",
        "5e-324",
        "1e-45",
        "true",
        "9999-12-31",
        "24:00:00",
        "2024-10-27 02:30:00+01",
        "9999-12-31 23:59:59.999999",
        "\\x0a0d2c22",
        "line\nbreak\ttab,comma",
        "{}",
        "12345678-1234-1234-1234-123456789012",
    ],
    [
        "1",
        "1",
        "NaN",
        "NaN",
        "NaN",
        "-",
        "2024-02-29",
        "12:00:00.000001",
        "1969-12-31 23:59:59.999999+00",
        "1969-12-31 23:59:59.999999",
        "\\x5c",
        "NULL",
        "\"text\"",
        "-",
    ],
    [
        "2",
        "1.5",
        "1e40",
        "Infinity",
        "-Infinity",
        "-",
        "2024-02-29",
        "12:00:00.000001",
        "0001-01-01 00:00:00+00",
        "0001-01-01 00:00:00",
        "-",
        " ",
        "[]",
        "-",
    ],
    ["3", "NaN", "-", "-", "-", "-", "-", "-", "-", "-", "-", "a decimal has no NaN", "-", "-"],
    ["4", "-", "-", "-", "-", "-", "infinity", "-", "infinity", "-infinity", "-", "moments without end", "-", "-"],
    ["5", "-", "Infinity", "0.1", "0.1", "-", "-", "-", "-", "-", "-", "-", "false", "-"],
];

async fn fill(shop: &System) {
    let columns = COLUMNS.map(|(name, of)| format!("{name} {of}")).join(", ");
    // The server lives in a zone with summer time; nothing may depend on it.
    let name = &shop.database().name;
    shop.run(&format!(
        "alter database {name} set timezone = 'Europe/Amsterdam'; alter database {name} set datestyle = 'SQL, DMY'"
    ))
    .await;
    let rows: Vec<String> = ROWS
        .iter()
        .enumerate()
        .map(|(id, row)| {
            let cell = |(value, (_, of)): (&&str, &(&str, &str))| match *value {
                "-" => "null".to_owned(),
                value => format!("'{}'::{of}", value.replace('\'', "''")),
            };
            format!("({}, {})", id + 1, row.iter().zip(&COLUMNS).map(cell).collect::<Vec<_>>().join(", "))
        })
        .collect();
    shop.fill("v", &format!("id bigint primary key, {columns}"), &rows).await;
}

/// From PostgreSQL through a system and back: nothing differs but the rows that were set aside, and those are counted.
async fn there_and_back(through: Kind, aside: &[i64]) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let shop = System::create(&yard, "shop", Kind::Postgres).await;
    let middle = System::create(&yard, "middle", through).await;
    fill(&shop).await;
    let mut plan = of("shop", &middle.goal(), ("public.v", "v"), &modes()[0].1);
    plan["options"] = json!({"verify": "checksums"});
    let receipt = yard.completed(yard.pipeline(plan).await).await;
    assert_eq!(receipt["rows_quarantined"], aside.len(), "{through:?}: {receipt}");
    let differing = &receipt["checksum"]["differing"];
    assert!(
        receipt["verdict"] == "proven" || receipt["notes"].to_string().contains("refused rows"),
        "{receipt} {differing}"
    );

    let stream = match through {
        Kind::Csv | Kind::Jsonl | Kind::Parquet => "lake.v".to_owned(),
        _ => middle.stream("v"),
    };
    let mut plan = of("middle", "shop", (&stream, "back"), &modes()[0].1);
    plan["options"] = json!({"verify": "checksums"});
    let receipt = yard.completed(yard.pipeline(plan).await).await;
    assert_eq!(
        (&receipt["verdict"], &receipt["rows_quarantined"]),
        (&"proven".into(), &0.into()),
        "{through:?}: {receipt}"
    );
    let shop = shop.database();
    // Years in which zones had seconds do not read back in their own.
    shop.run(&format!(
        "alter database {0} set timezone = 'UTC'; alter database {0} set datestyle = 'ISO, YMD'",
        shop.name
    ))
    .await;
    let missing = shop
        .text("select coalesce(string_agg(id::text, ',' order by id), '') from v where id not in (select id from back)")
        .await;
    let due: Vec<String> = aside.iter().map(i64::to_string).collect();
    assert_eq!(missing, due.join(","), "{through:?}");
    for (name, of) in COLUMNS {
        let differ = format!(
            "select coalesce(string_agg(v.id || ': ' || coalesce(v.{name}::text, 'NULL') || ' became ' \
             || coalesce(back.{name}::text, 'NULL'), '; '), '') from v join back using (id) \
             where v.{name}::text is distinct from ((back.{name}::text)::{of})::text"
        );
        // SQLite keeps no sign of a zero, and the plan says so.
        let due = if through == Kind::Sqlite && ["double", "single"].contains(&name) { "2: -0 became 0" } else { "" };
        assert_eq!(shop.text(&differ).await, due, "{name} {of} through {through:?}");
    }
}

#[tokio::test]
async fn through_postgres() {
    there_and_back(Kind::Postgres, &[7]).await;
}

/// It holds no NaN, no infinity and no moments without end.
#[tokio::test]
async fn through_mysql() {
    there_and_back(Kind::MySql, &[5, 6, 7, 8]).await;
}

/// Text has no form for 24:00:00 that all readers agree on.
#[tokio::test]
async fn through_sqlite() {
    there_and_back(Kind::Sqlite, &[4, 7]).await;
}

#[tokio::test]
async fn through_duckdb() {
    there_and_back(Kind::DuckDb, &[7]).await;
}

#[tokio::test]
async fn through_csv() {
    there_and_back(Kind::Csv, &[4, 7]).await;
}

#[tokio::test]
async fn through_json_lines() {
    there_and_back(Kind::Jsonl, &[4, 7]).await;
}

#[tokio::test]
async fn through_parquet() {
    // Infinite dates stand for themselves: as the number farthest out, which DuckDB reads so too.
    there_and_back(Kind::Parquet, &[7]).await;
}

/// PostgreSQL holds no NUL: the row is set aside, in every mode, and the others of its batch arrive.
#[tokio::test]
async fn a_poisoned_row_costs_itself_alone() {
    for from in [Kind::Sqlite, Kind::DuckDb] {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", from).await;
        let target = System::create(&yard, "target", Kind::Postgres).await;
        let of_row = |id: i64| match (id, from) {
            (50, Kind::Sqlite) => "(50, 'a' || char(0) || 'b', 1, null)".to_owned(),
            (50, _) => "(50, 'a' || chr(0) || 'b', 1, null)".to_owned(),
            _ => format!("({id}, 'fine {id}', {id}, null)"),
        };
        let rows: Vec<String> = (1..=100).map(of_row).collect();
        shop.fill("items", "id bigint primary key, name text, changed bigint, doc text", &rows).await;
        for (name, mode) in modes() {
            let pipeline = yard.pipeline(of("shop", "target", ("items", name), &mode)).await;
            let receipt = yard.completed(pipeline).await;
            assert_eq!(receipt["rows_quarantined"], 1, "{from:?} by {name}: {receipt}");
            let mut due: Vec<String> = (1..=100).filter(|id| *id != 50).map(|id| id.to_string()).collect();
            due.sort();
            assert_eq!(target.rows(name, &["id"]).await.unwrap(), due, "{from:?} by {name}");
        }
    }
}
