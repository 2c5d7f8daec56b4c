//! SQLite to SQLite: what arrives is stored as it was, down to the storage class.

use proptest::prelude::*;
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};
use towpath::connectors::TargetName;

use super::{open_destination, open_source};
use crate::copying::copy;

const COLUMNS: &str = "i INTEGER, r REAL, t TEXT, b BLOB, d DECIMAL(14,4), n NUMERIC, f BOOLEAN, day DATE, at TIMESTAMP(6), \
    z TIMESTAMPTZ(3), clock TIME, u UUID, j JSON_TEXT, w DECIMAL_TEXT(60,20), bare";

fn or_null(strategy: impl Strategy<Value = Stored> + 'static) -> BoxedStrategy<Stored> {
    prop_oneof![1 => Just(Stored::Null), 6 => strategy].boxed()
}

fn text(strategy: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Stored> {
    or_null(strategy.prop_map(Stored::Text))
}

/// A row of [`COLUMNS`], in the forms in which this connector stores them.
fn row() -> impl Strategy<Value = Vec<Stored>> {
    let moment = || (-62_000_000_000_i64..253_000_000_000, 0_u32..1_000_000);
    let at = moment().prop_map(|(seconds, micros)| {
        let at = chrono::DateTime::from_timestamp(seconds, micros * 1000).unwrap();
        at.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    });
    let zoned = moment().prop_map(|(seconds, micros)| {
        let at = chrono::DateTime::from_timestamp(seconds, micros / 1000 * 1_000_000).unwrap();
        at.format("%Y-%m-%d %H:%M:%S%.3f+00:00").to_string()
    });
    let clock = (0_u32..86_400, 0_u32..1_000_000).prop_map(|(seconds, micros)| {
        let time = chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, micros * 1000).unwrap();
        time.format("%H:%M:%S%.6f").to_string()
    });
    vec![
        or_null(any::<i64>().prop_map(Stored::Integer)),
        or_null(prop::num::f64::NORMAL.prop_map(Stored::Real)),
        text(any::<String>()),
        or_null(any::<Vec<u8>>().prop_map(Stored::Blob)),
        or_null((-999_999_999_i64..999_999_999).prop_map(|cents| Stored::Real(format!("{cents}e-4").parse().unwrap()))),
        or_null(prop_oneof![any::<i64>().prop_map(Stored::Integer), (-1e14..1e14).prop_map(Stored::Real)]),
        or_null(any::<bool>().prop_map(|value| Stored::Integer(value.into()))),
        text((-719_162_i32..2_932_896).prop_map(|days| chrono::NaiveDate::from_epoch_days(days).unwrap().to_string())),
        text(at),
        text(zoned),
        text(clock),
        text(any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string())),
        text(any::<String>().prop_map(|text| serde_json::json!({"k": [text, null, 1.5]}).to_string())),
        text("-?[1-9][0-9]{0,35}\\.[0-9]{20}"),
        or_null(any::<i64>().prop_map(Stored::Integer)),
    ]
}

fn dump(connection: &Connection, columns: usize) -> Vec<Vec<Stored>> {
    let mut statement = connection.prepare("select * from t order by rowid").unwrap();
    let rows = statement.query_map([], |row| (0..columns).map(|index| row.get(index)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_value_arrives_as_it_was(rows in prop::collection::vec(row(), 1..30)) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
        let native = Connection::open(&from).unwrap();
        native.execute_batch(&format!("create table t ({COLUMNS})")).unwrap();
        for row in &rows {
            let places = vec!["?"; row.len()].join(", ");
            native.execute(&format!("insert into t values ({places})"), params_from_iter(row)).unwrap();
        }
        let width = rows[0].len();
        let stored = dump(&native, width);
        let target = TargetName { namespace: None, name: "t".to_owned() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let copied = runtime
            .block_on(copy(&open_source(&from).unwrap(), "t", &open_destination(&to).unwrap(), &target))
            .unwrap();
        prop_assert_eq!((copied.unread, copied.unwritten), (Vec::new(), Vec::new()));
        prop_assert_eq!(dump(&Connection::open(&to).unwrap(), width), stored);
    }
}
