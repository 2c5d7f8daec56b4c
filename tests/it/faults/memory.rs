//! Rows of 64 MB, and wide ones: memory follows the size of a few rows and never the size of the table.
#![expect(clippy::print_stdout, reason = "the figure is worth seeing")]

use serde_json::json;

use super::of;
use crate::systems::{Kind, System};
use crate::yard::Yard;

/// Highest resident memory of this process so far, in MiB.
fn highest() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Rows of so many MiB, far more of them than fit.
async fn large_rows(to: Kind, (rows, size): (u64, u64), most: u64) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) =
        (System::create(&yard, "shop", Kind::Postgres).await, System::create(&yard, "target", to).await);
    // Stored as it is: the server would be busy for long with packing it.
    shop.run(&format!(
        "create table items (id bigint, name text); alter table items alter name set storage external; \
         insert into items select i, repeat(md5(i::text), {size} << 15) from generate_series(1, {rows}) i"
    ))
    .await;
    let before = highest();
    let mut plan = of("shop", &target.goal(), ("public.items", "items"), &json!({"read": "full", "write": "append"}));
    plan["options"] = json!({"verify": "none"});
    let receipt = yard.completed(yard.pipeline(plan).await).await;
    assert_eq!(receipt["rows_written"], rows, "{receipt}");
    let used = highest() - before;
    println!("{to:?}: {used} MiB");
    assert!(used < most, "{to:?}: {used} MiB for {rows} rows of {size} MiB");
}

#[tokio::test]
async fn large_rows_into_postgres() {
    large_rows(Kind::Postgres, (40, 16), 500).await;
}

#[tokio::test]
async fn large_rows_into_files() {
    large_rows(Kind::Parquet, (20, 64), 1_200).await;
}
