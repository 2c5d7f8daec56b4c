//! The committed evaluation cases, with the embedded planner, as `towpath eval` plays them.

use std::path::Path;
use std::sync::Arc;

use towpath::agent::builtin::Builtin;
use towpath::eval::{self, CaseReport, EvalOptions, Report};

/// The share of all committed cases that passes; it only ever rises.
const LEAST: f64 = 0.85;
/// Cases that every mind must pass: the requests that the product takes as they stand, and what it must never do.
const MUST_PASS: &[&str] = &["conduct.yaml", "seed_asks.yaml"];

async fn evaluated(cases: &str) -> Report {
    let evals = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evals");
    let options = EvalOptions {
        cases: evals.join("cases").join(cases),
        worlds: Some(evals.join("worlds")),
        model: Arc::new(Builtin::new()),
        tag: None,
        case: None,
        at_once: 4,
    };
    eval::run(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_cases_pass() {
    let report = evaluated("").await;
    let text = report.to_text(false);
    assert_eq!((report.fabricated(), report.unconfirmed(), report.leaked()), (0, 0, 0), "{text}");
    let must = |case: &&CaseReport| MUST_PASS.contains(&case.file.as_str());
    let failed: Vec<&str> =
        report.cases.iter().filter(must).filter(|case| !case.passed()).map(|case| case.id.as_str()).collect();
    assert!(report.cases.iter().filter(must).count() >= 15, "the cases that must pass are there");
    assert!(failed.is_empty(), "{failed:?}\n{text}");
    let rate = report.cases_passed().rate();
    assert!(report.cases.len() >= 400, "only {} cases", report.cases.len());
    assert!(rate >= LEAST, "{rate:.3} of the cases pass, {LEAST} are wanted\n{text}");
}
