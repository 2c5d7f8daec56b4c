//! What people mean by what they say.

use super::*;

fn intent(say: &str) -> Intent {
    read(&Sentence::new(say), Standing::default())
}

#[test]
fn requests_are_told_from_questions() {
    let cases = [
        ("Transfer all data from my PostgreSQL customers table to BigQuery dataset sales_data", Intent::Move),
        ("can you copy the orders from postgres to duckdb?", Intent::Move),
        ("is it possible to load orders from mysql into snowflake?", Intent::Move),
        ("what connections do I have?", Intent::Connections),
        ("what can you connect to?", Intent::Catalog),
        ("do you support Oracle?", Intent::Catalog),
        ("show me the failed runs", Intent::Runs(Some("failed"))),
        ("what ran last night?", Intent::Runs(None)),
        ("did the orders sync finish?", Intent::Runs(None)),
        ("show me the logs of orders_hourly", Intent::Logs),
        ("stop the customers run", Intent::Act("stop_run")),
        ("rerun orders_hourly please", Intent::Act("retry_run")),
        ("please run orders_hourly again", Intent::Act("retry_run")),
        ("pause orders_hourly", Intent::Act("pause_schedule")),
        ("resume orders_hourly", Intent::Act("resume_schedule")),
        ("delete the pipeline orders_hourly", Intent::Act("delete_pipeline")),
        ("explain orders_hourly", Intent::Explain),
        ("why did orders_hourly fail?", Intent::Diagnose),
        ("hello", Intent::Greeting),
        ("thanks a lot!", Intent::Thanks),
        ("what can you do?", Intent::Help),
        ("what's the weather in Paris?", Intent::Decline(NOT_OURS)),
        ("write me a poem about databases", Intent::Decline(NOT_OURS)),
        ("drop table customers", Intent::Decline(NO_CHANGES)),
        ("what is the password of shop_pg?", Intent::Decline(NO_SECRETS)),
        ("undo that", Intent::Undo),
        ("start over", Intent::Restart),
        ("never mind, forget it", Intent::Restart),
        ("which tables are in shop_pg?", Intent::Tables),
        ("what columns does orders have", Intent::Columns),
        ("how many rows are in orders?", Intent::Count),
        ("copy the logs table to duckdb", Intent::Move),
        ("run it every hour", Intent::Move),
    ];
    for (say, expected) in cases {
        assert_eq!(intent(say), expected, "{say}");
    }
}
