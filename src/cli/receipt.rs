//! A receipt on the terminal.

use serde::Deserialize;
use serde_json::Value;

use super::terminal::{
    Align::{Left, Right},
    Terminal, count, printable, seconds,
};

/// What of a receipt is shown.
#[derive(Debug, Deserialize)]
struct Receipt {
    run: String,
    outcome: String,
    started_at: chrono::DateTime<chrono::Utc>,
    finished_at: chrono::DateTime<chrono::Utc>,
    streams: Vec<StreamReceipt>,
    #[serde(default)]
    signature: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StreamReceipt {
    target: String,
    rows_read: u64,
    rows_written: u64,
    #[serde(default)]
    rows_quarantined: u64,
    #[serde(default)]
    target_rows_after: Option<u64>,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    zero_rows_reason: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Prints a receipt; as JSON where it is one that this program cannot read.
pub(super) fn show(terminal: &Terminal, receipt: &Value) {
    let Ok(read) = serde_json::from_value::<Receipt>(receipt.clone()) else {
        terminal.line(&serde_json::to_string_pretty(receipt).unwrap_or_default());
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "a duration, shown")]
    let took = (read.finished_at - read.started_at).num_milliseconds() as f64 / 1000.0;
    terminal.line("");
    terminal.line(&format!(
        "  {}  {}  {}",
        terminal.accent("RECEIPT"),
        if read.outcome == "completed" { terminal.good(&read.outcome) } else { terminal.bad(&read.outcome) },
        terminal.dim(&format!("in {}", seconds(took)))
    ));
    terminal.line("");
    let rows: Vec<Vec<String>> = read
        .streams
        .iter()
        .map(|stream| {
            vec![
                printable(&stream.target),
                count(stream.rows_read),
                count(stream.rows_written),
                count(stream.rows_quarantined),
                stream.target_rows_after.map_or_else(|| "–".to_owned(), count),
                verdict(terminal, &stream.verdict),
            ]
        })
        .collect();
    let head = ["TARGET", "READ", "WRITTEN", "SET ASIDE", "THERE NOW", "PROOF"];
    terminal.table(&[Left, Right, Right, Right, Right, Left], &head, &rows);
    for stream in &read.streams {
        for note in stream.zero_rows_reason.iter().chain(&stream.notes) {
            terminal.line(&format!("    {} {}", terminal.dim(&printable(&stream.target)), printable(note)));
        }
    }
    if read.streams.iter().any(|stream| stream.rows_quarantined > 0) {
        terminal.line("");
        terminal.line(&format!(
            "  {} Rows were set aside. `towpath runs quarantine {}` says where they stood and why.",
            terminal.warn("!"),
            read.run
        ));
    }
    terminal.line("");
    let signature = read.signature.as_deref().and_then(|text| text.get(..16)).unwrap_or("none");
    terminal.line(&format!("  {}", terminal.dim(&format!("run {}  signature {signature}…", read.run))));
}

fn verdict(terminal: &Terminal, verdict: &str) -> String {
    match verdict {
        "proven" => terminal.good("✔ counts and checksums agree"),
        "counted" => terminal.good("✔ counts agree"),
        "unverified" => terminal.warn("not verified"),
        "mismatch" => terminal.bad("✘ does not agree"),
        other => printable(other),
    }
}
