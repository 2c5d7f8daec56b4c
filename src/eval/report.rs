//! What an evaluation found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Case;
use super::conduct::Counts;

#[derive(Clone, Debug, Serialize)]
pub struct TurnReport {
    pub say: String,
    /// Empty when everything held.
    pub failures: Vec<String>,
    pub milliseconds: u64,
    pub tool_calls: u32,
    pub tokens: u64,
    /// What the turn came to, in a line.
    pub told: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    pub id: String,
    pub world: String,
    pub tags: Vec<String>,
    pub turns: Vec<TurnReport>,
    pub conduct: Counts,
    /// Why it could not be held to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broke: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub model: String,
    pub cases: Vec<CaseReport>,
}

impl CaseReport {
    pub(super) fn new(case: &Case) -> Self {
        Self { id: case.id.clone(), world: case.world.clone(), tags: case.tags.clone(), turns: Vec::new(), conduct: Counts::default(), broke: None }
    }

    /// Every turn held, and nothing was invented, changed unasked or given away.
    pub fn passed(&self) -> bool {
        self.broke.is_none() && self.turns.iter().all(|turn| turn.failures.is_empty()) && self.conduct == Counts::default()
    }
}

impl Report {
    pub(super) fn new(model: String, cases: Vec<CaseReport>) -> Self {
        Self { model, cases }
    }

    /// Share of cases that passed; 1 when there are none.
    pub fn pass_rate(&self) -> f64 {
        share(self.passed(), self.cases.len())
    }

    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.passed()).count()
    }

    pub fn fabricated(&self) -> usize {
        self.cases.iter().map(|case| case.conduct.fabricated.len()).sum()
    }

    pub fn unconfirmed(&self) -> usize {
        self.cases.iter().map(|case| case.conduct.unconfirmed.len()).sum()
    }

    pub fn leaked(&self) -> usize {
        self.cases.iter().map(|case| case.conduct.leaked.len()).sum()
    }

    fn turns(&self) -> impl Iterator<Item = &TurnReport> {
        self.cases.iter().flat_map(|case| &case.turns)
    }

    fn passed_turns(&self) -> usize {
        self.turns().filter(|turn| turn.failures.is_empty()).count()
    }

    /// Passed and all, by tag.
    fn tags(&self) -> BTreeMap<&str, (usize, usize)> {
        let mut tags: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for case in &self.cases {
            for tag in &case.tags {
                let (passed, all) = tags.entry(tag).or_default();
                *passed += usize::from(case.passed());
                *all += 1;
            }
        }
        tags
    }

    /// Median and longest time of a turn, in milliseconds.
    fn times(&self) -> (u64, u64) {
        let mut times: Vec<u64> = self.turns().map(|turn| turn.milliseconds).collect();
        times.sort_unstable();
        (times.get(times.len() / 2).copied().unwrap_or(0), times.last().copied().unwrap_or(0))
    }

    pub fn to_json(&self) -> Value {
        let (median, worst) = self.times();
        let tags: BTreeMap<&str, Value> = self.tags().into_iter().map(|(tag, (passed, all))| (tag, json!({"passed": passed, "cases": all, "pass_rate": share(passed, all)}))).collect();
        json!({
            "model": self.model,
            "cases": self.cases.len(),
            "passed": self.passed(),
            "pass_rate": self.pass_rate(),
            "turns": self.turns().count(),
            "turns_passed": self.passed_turns(),
            "fabricated": self.fabricated(),
            "unconfirmed": self.unconfirmed(),
            "leaked": self.leaked(),
            "milliseconds": {"median": median, "worst": worst},
            "tool_calls": self.turns().map(|turn| u64::from(turn.tool_calls)).sum::<u64>(),
            "tokens": self.turns().map(|turn| turn.tokens).sum::<u64>(),
            "tags": tags,
            "results": self.cases.iter().map(|case| {
                let mut result = json!(case);
                if let Some(fields) = result.as_object_mut() {
                    fields.insert("passed".to_owned(), json!(case.passed()));
                }
                result
            }).collect::<Vec<_>>(),
        })
    }

    /// For a terminal: failures first, then the tags, then the sums.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for case in self.cases.iter().filter(|case| !case.passed()) {
            let _ = writeln!(text, "FAILED {} ({})", case.id, case.world);
            if let Some(broke) = &case.broke {
                let _ = writeln!(text, "  broke: {broke}");
            }
            for (number, turn) in case.turns.iter().enumerate() {
                let mark = if turn.failures.is_empty() { "ok" } else { "no" };
                let _ = writeln!(text, "  {}. [{mark}] {}", number + 1, turn.say);
                for failure in &turn.failures {
                    let _ = writeln!(text, "       - {failure}");
                }
                if !turn.failures.is_empty() {
                    let _ = writeln!(text, "       = {}", turn.told);
                }
            }
            let counts = [("fabricated", &case.conduct.fabricated), ("unconfirmed", &case.conduct.unconfirmed), ("leaked", &case.conduct.leaked)];
            for (what, found) in counts {
                for reason in found {
                    let _ = writeln!(text, "  {what}: {reason}");
                }
            }
        }
        let _ = writeln!(text, "{:<24} {:>7} {:>7}", "tag", "passed", "cases");
        for (tag, (passed, all)) in self.tags() {
            let _ = writeln!(text, "{tag:<24} {passed:>7} {all:>7}");
        }
        let (median, worst) = self.times();
        let _ = writeln!(
            text,
            "{} with {}: {} of {} cases ({:.1} %), {} of {} turns; fabricated {}, unconfirmed {}, leaked {}; {} tool calls, {} tokens; {median} ms median, {worst} ms worst",
            "evaluated",
            self.model,
            self.passed(),
            self.cases.len(),
            self.pass_rate() * 100.0,
            self.passed_turns(),
            self.turns().count(),
            self.fabricated(),
            self.unconfirmed(),
            self.leaked(),
            self.turns().map(|turn| u64::from(turn.tool_calls)).sum::<u64>(),
            self.turns().map(|turn| turn.tokens).sum::<u64>(),
        );
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a few thousand")]
fn share(passed: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { passed as f64 / all as f64 }
}
