//! Random values of every logical type through the encoders and the server and back: what is taken comes back as it went.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    Float32Array, Float64Array, Int8Array, Int16Array, Int64Array, RecordBatch, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampSecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Int64Type, i256};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use towpath::connectors::{Column, LogicalType, Unit, WriteMode, schema};

use super::Database;
use crate::postgres::{column, commit, landed, listen, write};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", "[\\\\\n\r\t'\"\u{0}\u{1}\u{7f}]{0,12}", Just("\\N".to_owned()), Just(" x ".to_owned())]
}

fn cells<S: Strategy>(runner: &mut TestRunner, rows: usize, strategy: S) -> Vec<Option<S::Value>>
where
    S::Value: std::fmt::Debug,
{
    let strategy = proptest::collection::vec(proptest::option::weighted(0.9, strategy), rows);
    strategy.new_tree(runner).unwrap().current()
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
    add(L::Int64, Arc::new(Int64Array::from_iter_values((0..).take(rows))));
    add(L::Boolean, Arc::new(BooleanArray::from(cells(runner, rows, any::<bool>()))));
    add(L::Int8, Arc::new(Int8Array::from(cells(runner, rows, any::<i8>()))));
    add(L::Int16, Arc::new(Int16Array::from(cells(runner, rows, any::<i16>()))));
    add(L::Int64, Arc::new(Int64Array::from(cells(runner, rows, any::<i64>()))));
    add(L::UInt8, Arc::new(UInt8Array::from(cells(runner, rows, any::<u8>()))));
    add(L::UInt32, Arc::new(UInt32Array::from(cells(runner, rows, any::<u32>()))));
    add(L::UInt64, Arc::new(UInt64Array::from(cells(runner, rows, any::<u64>()))));
    add(L::Float32, Arc::new(Float32Array::from(cells(runner, rows, proptest::num::f32::NORMAL))));
    add(L::Float64, Arc::new(Float64Array::from(cells(runner, rows, proptest::num::f64::NORMAL))));
    let narrow = Decimal128Array::from(cells(runner, rows, -edge + 1..edge));
    add(L::Decimal { precision: 38, scale: 9 }, Arc::new(narrow.with_precision_and_scale(38, 9).unwrap()));
    let shifted = Decimal128Array::from(cells(runner, rows, -99_999..=99_999_i128));
    add(L::Decimal { precision: 5, scale: -3 }, Arc::new(shifted.with_precision_and_scale(5, -3).unwrap()));
    let wide = Decimal256Array::from(cells(runner, rows, (any::<i128>(), any::<u128>()).prop_map(wide)));
    add(L::Decimal { precision: 60, scale: 30 }, Arc::new(wide.with_precision_and_scale(60, 30).unwrap()));
    for logical in [L::Text, L::Interval, L::Enum, L::Numeric, L::Json] {
        add(logical, Arc::new(StringArray::from(cells(runner, rows, text()))));
    }
    let bytes = cells(runner, rows, proptest::collection::vec(any::<u8>(), 0..40));
    add(L::Binary, Arc::new(BinaryArray::from(bytes.iter().map(Option::as_deref).collect::<Vec<_>>())));
    let uuids = any::<u128>().prop_map(|value| uuid::Uuid::from_u128(value).to_string());
    add(L::Uuid, Arc::new(StringArray::from(cells(runner, rows, uuids))));
    let days = prop_oneof![20 => -719_162..2_932_897, 1 => Just(i32::MAX), 1 => Just(-800_000)];
    add(L::Date, Arc::new(Date32Array::from(cells(runner, rows, days))));
    add(L::Time, Arc::new(Time64MicrosecondArray::from(cells(runner, rows, 0..=86_400_000_000_i64))));
    let (first, last) = (-62_135_596_800_i64, 253_402_300_800);
    let instant =
        || prop_oneof![20 => first * 1_000_000..last * 1_000_000, 1 => Just(i64::MIN), 1 => Just(last * 1_000_000)];
    let micros = |runner: &mut TestRunner| TimestampMicrosecondArray::from(cells(runner, rows, instant()));
    add(stamp(Unit::Microsecond, false), Arc::new(micros(runner)));
    add(stamp(Unit::Microsecond, true), Arc::new(micros(runner).with_timezone("UTC")));
    add(stamp(Unit::Second, false), Arc::new(TimestampSecondArray::from(cells(runner, rows, first..last))));
    let millis = cells(runner, rows, first * 1_000..last * 1_000);
    add(stamp(Unit::Millisecond, false), Arc::new(TimestampMillisecondArray::from(millis)));
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    (columns, records)
}

#[tokio::test]
async fn random_rows_come_back_as_they_went() {
    let database = Database::create().await;
    let to = database.destination();
    let mut runner = TestRunner::default();
    for round in 0..8 {
        let (columns, records) = random(&mut runner, 60);
        let mode = if round % 2 == 0 { WriteMode::Replace } else { WriteMode::Append };
        let name = format!("t{}", round % 2);
        let request = database.write_request(&name, landed(&*to, &columns), mode, &format!("run{round}"));
        let mut writer = to.open(request).await.unwrap();
        let rejected = write(&mut writer, &records).await;
        assert!(rejected.iter().all(|row| row.code == "invalid_time"), "{rejected:?}");
        writer.commit(commit(1, true)).await.unwrap();
        drop(writer);
        let back = listen(to.read_back(&database.target(&name), &columns, None).await.unwrap()).await;
        assert_eq!((back.error.is_none(), &back.rejected), (true, &vec![]), "{:?}", back.error);
        let back = arrow::compute::concat_batches(records.schema_ref(), &back.batches).unwrap();
        assert_eq!(back.num_rows(), records.num_rows() - rejected.len());
        // The server puts a row where it finds room.
        let order = arrow::compute::sort_to_indices(back.column(0), None, None).unwrap();
        let back = arrow::compute::take_record_batch(&back, &order).unwrap();
        let stand: HashSet<i64> = back.column(0).as_primitive::<Int64Type>().values().iter().copied().collect();
        let kept = records.column(0).as_primitive::<Int64Type>().iter().map(|id| id.map(|id| stand.contains(&id)));
        let due = arrow::compute::filter_record_batch(&records, &kept.collect::<BooleanArray>()).unwrap();
        for (index, column) in columns.iter().enumerate() {
            let (came, due) = (back.column(index), due.column(index));
            assert!(came.to_data() == due.to_data(), "{:?}:\n{came:?}\n{due:?}", column.data_type.logical);
        }
        if round % 2 == 1 {
            database.run(&format!("truncate table {name}; delete from _towpath_state")).await;
        }
    }
}
