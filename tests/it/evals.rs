//! The embedded planner held against the committed talks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use towpath::agent::builtin::Builtin;
use towpath::eval::{EvalOptions, Report};

fn options(cases: &str) -> EvalOptions {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evals");
    EvalOptions {
        cases: folder.join(cases),
        worlds: Some(folder.join("worlds")),
        model: Arc::new(Builtin::new()),
        tag: None,
        only: None,
    }
}

async fn evaluate(options: EvalOptions) -> Report {
    let report = towpath::eval::run(options).await.unwrap();
    println!("{}", report.to_text());
    report
}

fn conduct_is_clean(report: &Report) {
    assert_eq!((report.fabricated(), report.unconfirmed(), report.leaked()), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_talks_that_the_product_must_take_pass() {
    let report = evaluate(options("cases")).await;
    conduct_is_clean(&report);
    assert_eq!(report.passed(), report.cases.len());
}

/// Cases of one's own: `TOWPATH_TEST_EVALS=DIR cargo nextest run --test it evals::a_folder --run-ignored all --no-capture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "for work on the planner: evaluates the folder that TOWPATH_TEST_EVALS names"]
async fn a_folder() {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    let folder = PathBuf::from(std::env::var("TOWPATH_TEST_EVALS").unwrap());
    let report = evaluate(EvalOptions { cases: folder, worlds: None, ..options("cases") }).await;
    conduct_is_clean(&report);
}
