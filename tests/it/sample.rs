//! The sample shop: what a newcomer moves first.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use towpath::sample::{SampleError, generate};

fn digest(connection: &Connection) -> String {
    let mut digest = Sha256::new();
    for table in ["customers", "products", "orders", "order_items"] {
        let mut statement = connection.prepare(&format!("select * from {table} order by 1, 2")).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for index in 0..width {
                digest.update(format!("{:?};", row.get_ref(index).unwrap()));
            }
        }
    }
    hex::encode(digest.finalize())
}

#[test]
fn the_shop_holds_what_a_shop_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let made = generate(folder.path(), 7, |table, rows| told.push((table.to_owned(), rows))).unwrap();
    let connection = Connection::open(&made.shop).unwrap();
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();

    let total: u64 = made.rows.iter().map(|(_, rows)| rows).sum();
    assert!((240_000..260_000).contains(&total), "{total} rows");
    for (table, rows) in &made.rows {
        assert_eq!(u64::try_from(ask(&format!("select count(*) from {table}"))).unwrap(), *rows, "{table}");
    }
    assert!(told.iter().any(|(table, rows)| table == "order_items" && *rows > 100_000));

    // Every total is the sum of its lines, every reference leads somewhere.
    let sums = "select count(*) from orders o where round(o.total_amount * 100) <> \
        (select round(sum(round(i.unit_price * 100) * i.quantity * (1 - coalesce(i.discount, 0)))) \
         from order_items i where i.order_id = o.order_id)";
    assert_eq!(ask(sums), 0);
    assert_eq!(ask("select count(*) from pragma_foreign_key_check"), 0);
    // NULLs, ties, late updates, unicode beyond the basic plane.
    assert!(ask("select count(*) from products where updated_at is null") > 50);
    assert!(ask("select max(n) from (select count(*) n from customers group by updated_at)") >= 2_500);
    assert!(ask("select count(*) from orders where updated_at > placed_at") > 20_000);
    assert!(ask("select count(*) from customers where full_name like '%𠮷%'") > 0);
    assert!(
        ask("select count(*) from customers where updated_at < created_at and customer_id not between 8001 and 10500")
            == 0
    );
    assert!(made.warehouse.exists() && made.lake.is_dir());
    assert!(matches!(generate(folder.path(), 7, |_, _| ()), Err(SampleError::Exists { .. })));
}

#[test]
fn the_same_seed_makes_the_same_rows() {
    let made = [7, 7, 8].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        let shop = generate(folder.path(), seed, |_, _| ()).unwrap();
        digest(&Connection::open(&shop.shop).unwrap())
    });
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0], made[2]);
}

#[tokio::test]
async fn the_shop_moves_whole_into_the_warehouse() {
    use serde_json::json;
    use towpath::connectors::{DynConnector as _, TargetName};

    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), 7, |_, _| ()).unwrap();
    let source = towpath::connectors::sqlite::Sqlite.source(json!({"path": made.shop})).unwrap();
    let warehouse = towpath::connectors::duckdb::DuckDb.destination(json!({"path": made.warehouse})).unwrap();
    for (table, rows) in &made.rows {
        let target = TargetName { namespace: None, name: (*table).to_owned() };
        let copied = crate::copying::copy(&source, table, &warehouse, &target).await.unwrap();
        assert_eq!((copied.delivered, copied.unread, copied.unwritten), (*rows, Vec::new(), Vec::new()), "{table}");
        assert_eq!(warehouse.count(&target, None).await.unwrap(), *rows);
    }
    let shop = Connection::open(&made.shop).unwrap();
    let cents =
        shop.query_row("select sum(cast(round(total_amount * 100) as integer)) from orders", [], |row| row.get(0));
    let sum =
        "select cast(sum(total_amount) * 100 as bigint) from orders where updated_at >= '2023-06-01'::timestamptz";
    let moved: i64 = towpath::connectors::duckdb::with_native(&made.warehouse, |connection| {
        connection.query_row(sum, [], |row| row.get(0)).unwrap()
    })
    .unwrap();
    assert_eq!(cents, Ok(moved));
}
