//! Random values through the codecs and the server and back.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::i256;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use towpath::connectors::{Column, LogicalType, Unit, WriteMode, schema};

use super::{Database, column, commit, landed, listen, target, write, write_request};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}".prop_map(|text| text.replace('\0', "")),
        "[\\\\\n\r\t'\"\u{1}\u{7f}]{0,12}",
        Just("\\N".to_owned()),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,40})?".prop_filter("no negative zero", |text| {
            !text.starts_with('-') || text.contains(|digit: char| ('1'..='9').contains(&digit))
        }),
    ]
}

fn cells<S: Strategy>(runner: &mut TestRunner, rows: usize, strategy: S) -> Vec<Option<S::Value>>
where
    S::Value: std::fmt::Debug,
{
    let strategy = proptest::collection::vec(proptest::option::weighted(0.9, strategy), rows);
    strategy.new_tree(runner).unwrap().current()
}

/// The server's years, in microseconds, with the infinities.
fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![-200_000_000_000_000_000..9_223_000_000_000_000_000_i64, Just(i64::MAX), Just(i64::MIN), -10..10_i64]
}

fn random(runner: &mut TestRunner, rows: usize) -> (Vec<Column>, RecordBatch) {
    use LogicalType as L;
    let edge = 10_i128.pow(38);
    let wide = |(high, low): (i128, u128)| i256::from_parts(low, high % 1_000_000_000_000_000);
    let mut columns = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut add = |logical: LogicalType, array: ArrayRef| {
        columns.push(column(&format!("c{}", columns.len()), logical));
        arrays.push(array);
    };
    let stamp = |unit, zoned| L::Timestamp { unit, zoned };
    let numbers: Vec<i64> = (0..).take(rows).collect();
    add(L::Int64, Arc::new(Int64Array::from(numbers)));
    add(L::Boolean, Arc::new(BooleanArray::from(cells(runner, rows, any::<bool>()))));
    add(L::Int8, Arc::new(Int8Array::from(cells(runner, rows, any::<i8>()))));
    add(L::Int16, Arc::new(Int16Array::from(cells(runner, rows, any::<i16>()))));
    add(L::Int32, Arc::new(Int32Array::from(cells(runner, rows, any::<i32>()))));
    add(L::Int64, Arc::new(Int64Array::from(cells(runner, rows, any::<i64>()))));
    add(L::UInt8, Arc::new(UInt8Array::from(cells(runner, rows, any::<u8>()))));
    add(L::UInt16, Arc::new(UInt16Array::from(cells(runner, rows, any::<u16>()))));
    add(L::UInt32, Arc::new(UInt32Array::from(cells(runner, rows, any::<u32>()))));
    add(L::UInt64, Arc::new(UInt64Array::from(cells(runner, rows, any::<u64>()))));
    add(L::Float32, Arc::new(Float32Array::from(cells(runner, rows, proptest::num::f32::ANY))));
    add(L::Float64, Arc::new(Float64Array::from(cells(runner, rows, proptest::num::f64::ANY))));
    let narrow = Decimal128Array::from(cells(runner, rows, -edge + 1..edge));
    add(L::Decimal { precision: 38, scale: 9 }, Arc::new(narrow.with_precision_and_scale(38, 9).unwrap()));
    let shifted = Decimal128Array::from(cells(runner, rows, -99_999..=99_999_i128));
    add(L::Decimal { precision: 5, scale: -3 }, Arc::new(shifted.with_precision_and_scale(5, -3).unwrap()));
    let wide = Decimal256Array::from(cells(runner, rows, (any::<i128>(), any::<u128>()).prop_map(wide)));
    add(L::Decimal { precision: 60, scale: 30 }, Arc::new(wide.with_precision_and_scale(60, 30).unwrap()));
    add(L::Numeric, Arc::new(StringArray::from(cells(runner, rows, number()))));
    add(L::Text, Arc::new(StringArray::from(cells(runner, rows, text()))));
    add(L::Interval, Arc::new(StringArray::from(cells(runner, rows, text()))));
    let bytes = cells(runner, rows, proptest::collection::vec(any::<u8>(), 0..40));
    add(L::Binary, Arc::new(BinaryArray::from(bytes.iter().map(Option::as_deref).collect::<Vec<_>>())));
    let uuids = any::<u128>().prop_map(|value| uuid::Uuid::from_u128(value).to_string());
    add(L::Uuid, Arc::new(StringArray::from(cells(runner, rows, uuids))));
    let json = text().prop_map(|text| serde_json::json!({"k": [text, 1.5, null]}).to_string());
    add(L::Json, Arc::new(StringArray::from(cells(runner, rows, json))));
    let days = prop_oneof![-2_440_587..2_145_042_541, Just(i32::MAX), Just(i32::MIN)];
    add(L::Date, Arc::new(Date32Array::from(cells(runner, rows, days))));
    add(L::Time, Arc::new(Time64MicrosecondArray::from(cells(runner, rows, 0..=86_400_000_000_i64))));
    let micros = |runner: &mut TestRunner| TimestampMicrosecondArray::from(cells(runner, rows, instant()));
    add(stamp(Unit::Microsecond, false), Arc::new(micros(runner)));
    add(stamp(Unit::Microsecond, true), Arc::new(micros(runner).with_timezone("UTC")));
    let seconds = cells(runner, rows, -200_000_000_000..9_000_000_000_000_i64);
    add(stamp(Unit::Second, false), Arc::new(TimestampSecondArray::from(seconds)));
    let millis = cells(runner, rows, -200_000_000_000_000..9_000_000_000_000_000_i64);
    add(stamp(Unit::Millisecond, false), Arc::new(TimestampMillisecondArray::from(millis)));
    let nanos =
        cells(runner, rows, (-9_000_000_000_000_000..9_000_000_000_000_000_i64).prop_map(|micros| micros * 1000));
    add(stamp(Unit::Nanosecond, true), Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC")));
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    (columns, records)
}

#[tokio::test]
async fn random_rows_come_back_as_they_went() {
    let database = Database::create().await;
    let to = database.destination();
    let mut runner = TestRunner::default();
    for round in 0..12 {
        let (columns, records) = random(&mut runner, 60);
        let request = write_request("t", landed(&*to, &columns), WriteMode::Replace, &format!("run{round}"));
        let mut writer = to.open(request).await.unwrap();
        assert_eq!(write(&mut writer, &records).await, vec![]);
        writer.commit(commit(1, true)).await.unwrap();
        drop(writer);
        let back = listen(to.read_back(&target("t"), &columns, None).await.unwrap()).await;
        assert_eq!((back.error.is_none(), &back.rejected), (true, &vec![]), "{:?}", back.error);
        let back = arrow::compute::concat_batches(records.schema_ref(), &back.batches).unwrap();
        // The server puts a row where it finds room.
        let order = arrow::compute::sort_to_indices(back.column(0), None, None).unwrap();
        let back = arrow::compute::take_record_batch(&back, &order).unwrap();
        for (index, column) in columns.iter().enumerate() {
            assert_eq!(back.column(index).to_data(), records.column(index).to_data(), "{:?}", column.data_type.logical);
        }
        assert_eq!(to.count(&target("t"), None).await.unwrap(), 60);
    }
}
