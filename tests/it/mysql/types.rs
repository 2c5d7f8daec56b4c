//! Every type of the family: what it is read as, and that a copy is what the original was.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use towpath::connectors::{Destination, LogicalType, Source, TargetName, Unit, WriteMode};

use super::{Database, destination, source};
use crate::postgres::{Said, commit, landed, read_all, write, write_request};

/// Columns with what they are read as.
const COLUMNS: [(&str, &str); 35] = [
    ("t1", "tinyint"),
    ("t1u", "tinyint unsigned"),
    ("b1", "tinyint(1)"),
    ("s", "smallint"),
    ("su", "smallint unsigned zerofill"),
    ("m", "mediumint"),
    ("mu", "mediumint unsigned"),
    ("i", "int"),
    ("iu", "int unsigned"),
    ("l", "bigint"),
    ("lu", "bigint unsigned"),
    ("d", "decimal(12,2)"),
    ("dw", "decimal(65,30)"),
    ("du", "decimal(38,0) unsigned"),
    ("f", "float"),
    ("g", "double"),
    ("bit1", "bit(1)"),
    ("bits", "bit(64)"),
    ("y", "year"),
    ("day", "date"),
    ("at0", "datetime"),
    ("at6", "datetime(6)"),
    ("ts", "timestamp(6) null"),
    ("tm", "time(6)"),
    ("c", "char(10)"),
    ("v", "varchar(60)"),
    ("lat", "varchar(30) character set latin1"),
    ("ucs", "varchar(30) character set ucs2"),
    ("x", "longtext"),
    ("bin", "binary(5)"),
    ("vb", "varbinary(40)"),
    ("blo", "blob"),
    ("en", "enum('a','it''s','ü,(x)')"),
    ("st", "set('one','two','three')"),
    ("js", "json"),
];

const SHAPE: &str = "geometry";

fn hex(bytes: &[u8]) -> String {
    format!("x'{}'", hex::encode(bytes))
}

/// A random text of any letters, as a constant.
fn text(luck: &mut StdRng, longest: usize, plain: bool) -> String {
    let letters: Vec<char> = if plain {
        "aZ09 \\\t\n'\"%_é£ÿ".chars().collect()
    } else {
        "aZ09 \\\t\n'\"%_éЖ李🛶\u{301}\u{10ffff}\u{1}".chars().collect()
    };
    let length = luck.random_range(0..=longest);
    let text: String = (0..length).map(|_| letters[luck.random_range(0..letters.len())]).collect();
    format!("convert({} using utf8mb4)", hex(text.as_bytes()))
}

fn digits(luck: &mut StdRng, whole: usize, fraction: usize) -> String {
    let run = |luck: &mut StdRng, count: usize| -> String {
        (0..count).map(|_| char::from(b'0' + luck.random_range(0..10_u8))).collect()
    };
    let length = luck.random_range(1..=whole);
    let (sign, whole) = (if luck.random() { "-" } else { "" }, run(luck, length));
    if fraction == 0 { whole } else { format!("{sign}{whole}.{}", run(luck, fraction)) }
}

fn moment(luck: &mut StdRng, from: i64, to: i64, micros: bool) -> String {
    let at = chrono::DateTime::from_timestamp(luck.random_range(from..to), 0).unwrap();
    let fraction = if micros { luck.random_range(0..1_000_000) } else { 0 };
    format!("'{}.{fraction:06}'", at.format("%Y-%m-%d %H:%M:%S"))
}

/// A random value of a type, as a constant.
fn value(luck: &mut StdRng, spelled: &str, name: &str) -> String {
    if luck.random_range(0..8) == 0 {
        return "null".to_owned();
    }
    let integer = |luck: &mut StdRng, low: i128, high: i128| match luck.random_range(0..4) {
        0 => low.to_string(),
        1 => high.to_string(),
        _ => luck.random_range(low..=high).to_string(),
    };
    match name {
        "t1" => integer(luck, -128, 127),
        "t1u" => integer(luck, 0, 255),
        "b1" | "bit1" => integer(luck, 0, 1),
        "s" => integer(luck, -32_768, 32_767),
        "su" => integer(luck, 0, 65_535),
        "m" => integer(luck, -8_388_608, 8_388_607),
        "mu" => integer(luck, 0, 16_777_215),
        "i" => integer(luck, i128::from(i32::MIN), i128::from(i32::MAX)),
        "iu" => integer(luck, 0, i128::from(u32::MAX)),
        "l" => integer(luck, i128::from(i64::MIN), i128::from(i64::MAX)),
        "lu" | "bits" => integer(luck, 0, i128::from(u64::MAX)),
        "d" => digits(luck, 10, 2),
        "dw" => digits(luck, 35, 30),
        "du" => digits(luck, 38, 0),
        "f" => loop {
            let number = f32::from_bits(luck.random());
            if number.is_finite() {
                break format!("{:e}", f64::from(number));
            }
        },
        "g" => loop {
            let number = f64::from_bits(luck.random());
            if number.is_finite() {
                break format!("{number:e}");
            }
        },
        "y" => integer(luck, 1901, 2155),
        "day" => moment(luck, -62_000_000_000, 253_000_000_000, false).chars().take(11).collect::<String>() + "'",
        "at0" => moment(luck, -62_000_000_000, 253_000_000_000, false),
        "at6" => moment(luck, -62_000_000_000, 253_000_000_000, true),
        "ts" => moment(luck, 1, 2_147_483_647, true),
        "tm" => {
            let micros: u32 = luck.random_range(0..1_000_000);
            format!("'{}:59:59.{micros:06}'", luck.random_range(0..24))
        }
        "c" => text(luck, 10, false),
        "v" => text(luck, 60, false),
        "lat" => text(luck, 30, true),
        "ucs" => text(luck, 30, true),
        "x" => text(luck, 300, false),
        "bin" | "vb" | "blo" => {
            let length = luck.random_range(0..=5_usize);
            let bytes: Vec<u8> = (0..length).map(|_| luck.random()).collect();
            hex(&bytes)
        }
        "en" => ["'a'", "'it''s'", "'ü,(x)'"][luck.random_range(0..3)].to_owned(),
        "st" => ["''", "'one'", "'one,three'", "'one,two,three'"][luck.random_range(0..4)].to_owned(),
        "js" => ["'null'", "'[1, 2.50, \"é\"]'", "'{\"b\": 12345678901234567890.125, \"a\": {}}'"]
            [luck.random_range(0..3)]
        .to_owned(),
        other => panic!("{other} {spelled}"),
    }
}

/// A table `t` of random rows.
async fn filled(database: &Database, rows: usize) -> u64 {
    let seed: u64 = rand::random();
    let mut luck = StdRng::seed_from_u64(seed);
    let columns = COLUMNS.map(|(name, spelled)| format!("{name} {spelled}")).join(", ");
    database.run(&format!("create table t (id int primary key, {columns}, geo {SHAPE})")).await;
    for id in 1..=rows {
        let cells: Vec<String> = COLUMNS.iter().map(|(name, spelled)| value(&mut luck, spelled, name)).collect();
        let (x, y) = (luck.random_range(-180..180), luck.random_range(-90..90));
        let shape = if id % 3 == 0 { "null".to_owned() } else { format!("st_geomfromtext('point({x} {y})', 4326)") };
        database.run(&format!("insert into t values ({id}, {}, {shape})", cells.join(", "))).await;
    }
    seed
}

async fn moved(from: &dyn Source, stream: &str, to: &dyn Destination, target: TargetName) -> Said {
    let described = from.describe(stream).await.unwrap();
    let said = read_all(from, stream).await;
    assert!(said.error.is_none() && said.rejected.is_empty(), "{:?} {:?}", said.error, said.rejected);
    let mut request = write_request("copy", landed(to, &described.columns), WriteMode::Replace, "run");
    request.target = target;
    let mut writer = to.open(request).await.unwrap();
    for batch in &said.batches {
        assert_eq!(write(&mut writer, batch).await, vec![]);
    }
    writer.commit(commit(1, true)).await.unwrap();
    said
}

/// Nothing differs between two tables, by the server's own word and to the byte.
async fn same(database: &Database, other: &str, seed: u64) {
    assert_eq!(
        database.text(&format!("select count(*) from {other}")).await,
        database.text("select count(*) from t").await
    );
    for (name, _) in COLUMNS.iter().chain(&[("geo", SHAPE)]) {
        let form = |table: &str| match *name {
            "f" | "g" | "bits" | "bit1" | "d" | "dw" | "du" | "su" => format!("{table}.{name}+0"),
            "at0" => format!("cast({table}.{name} as datetime(6))"),
            "geo" | "bin" | "vb" | "blo" => format!("hex({table}.{name})"),
            _ => format!("hex(convert({table}.{name} using utf8mb4))"),
        };
        let differ = format!(
            "select group_concat(concat(t.id, ': ', coalesce({0}, 'NULL'), ' became ', coalesce({1}, 'NULL'))) \
             from t left join {other} o using (id) where not ({0} <=> {1})",
            form("t"),
            form("o")
        );
        assert_eq!(database.text(&differ).await, "", "seed {seed}: `{name}`");
    }
}

#[tokio::test]
async fn a_copy_within_the_family_is_exact() {
    let database = Database::create().await;
    let seed = filled(&database, 60).await;
    let (from, to) = (database.source(), database.destination());
    moved(&*from, &database.stream("t"), &*to, database.target("copy")).await;
    same(&database, "copy", seed).await;
    let types = |table: &str| {
        format!(
            "select group_concat(concat(column_name, ' ', column_type) order by ordinal_position) \
             from information_schema.columns where table_schema = '{}' and table_name = '{table}'",
            database.name
        )
    };
    assert_eq!(database.text(&types("copy")).await, database.text(&types("t")).await);
}

#[tokio::test]
async fn postgres_and_back_changes_nothing() {
    let database = Database::create().await;
    let seed = filled(&database, 40).await;
    let postgres = crate::postgres::Database::create().await;
    let target = crate::postgres::target("t");
    moved(&*database.source(), &database.stream("t"), &*postgres.destination(), target).await;
    let back = database.target("back");
    moved(&*postgres.source(), "copy.t", &*database.destination(), back).await;
    // PostgreSQL holds the internal form of a shape as bytes.
    same(&database, "back", seed).await;
}

#[tokio::test]
async fn types_are_what_they_mean() {
    let database = Database::create().await;
    filled(&database, 0).await;
    let columns = database.source().describe(&database.stream("t")).await.unwrap().columns;
    let of = |name: &str| columns.iter().find(|column| column.name == name).unwrap().data_type.clone();
    for (name, logical) in [
        ("b1", LogicalType::Boolean),
        ("bit1", LogicalType::Boolean),
        ("bits", LogicalType::UInt64),
        ("lu", LogicalType::UInt64),
        ("dw", LogicalType::Decimal { precision: 65, scale: 30 }),
        ("ts", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }),
        ("at0", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }),
        ("js", LogicalType::Json),
        ("en", LogicalType::Enum),
        ("geo", LogicalType::Binary),
        ("y", LogicalType::Int16),
    ] {
        assert_eq!(of(name).logical, logical, "{name}");
    }
    assert_eq!(of("js").spelled, "json");
    assert_eq!(of("su").spelled, "smallint(5) unsigned zerofill");
}

#[tokio::test]
async fn computed_hidden_and_foreign_columns_are_read() {
    let database = Database::create().await;
    database
        .run(
            "create table g (id int primary key, n int, twice int as (n * 2) stored, less int as (n - 1) virtual, \
             hidden int invisible default 7, u uuid, a inet6) with system versioning; \
             insert into g (id, n, u, a) values (1, 21, '123e4567-e89b-12d3-a456-426614174000', '2001:db8::1')",
        )
        .await;
    let source = database.source();
    let described = source.describe(&database.stream("g")).await.unwrap();
    let generated: Vec<&str> =
        described.columns.iter().filter(|column| column.generated).map(|column| column.name.as_str()).collect();
    assert_eq!(generated, ["twice", "less"]);
    let said = read_all(&*source, &database.stream("g")).await;
    let row: Vec<String> = (0..described.columns.len()).map(|place| said.column(place).remove(0)).collect();
    assert_eq!(row[..7], ["1", "21", "42", "20", "7", "123e4567-e89b-12d3-a456-426614174000", "2001:db8::1"]);
}

#[tokio::test]
async fn prepared_inserts_bring_what_a_file_brings() {
    let database = Database::create().await;
    let seed = filled(&database, 30).await;
    database.run("set global local_infile = off").await;
    let (from, to) = (source(database.config()), destination(database.config()));
    let told = to.check().await.unwrap().message;
    moved(&*from, &database.stream("t"), &*to, database.target("copy")).await;
    database.run("set global local_infile = on").await;
    assert!(told.ends_with("rows go as prepared inserts"), "{told}");
    same(&database, "copy", seed).await;
}
