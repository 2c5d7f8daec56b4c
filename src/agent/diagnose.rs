//! Why something failed, read from what it printed: a library of fingerprints, no model. The text is matched and never
//! obeyed; whatever it says, all it can do is match.

mod chain;
mod fingerprint;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::agent::guard::secrets;
use crate::events::{CauseView, FixView};
use chain::Chain;
use fingerprint::Fingerprint;

/// The code of a cause that nothing here knows.
pub const UNKNOWN: &str = "unknown";

/// Letters of a text that are looked at: the end counts most, so the beginning goes first.
const LONGEST: usize = 32 * 1024;
/// Causes below this are not worth a person's time.
const LEAST: f64 = 0.35;
/// Most causes of one answer.
const MOST: usize = 4;
/// Most lines quoted for one cause, and letters of each.
const QUOTES: usize = 3;
const QUOTED: usize = 240;
/// What the depth in a chain of causes can add: deeper counts more.
const DEPTH: f64 = 0.12;
/// What standing behind in one line can add: `outer: inner: innermost`.
const BEHIND: f64 = 0.03;
/// How likely the kind of a run's own error alone makes a cause.
const BY_KIND: f64 = 0.45;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cause {
    title: String,
    means: String,
    /// Kinds of a run's own error that make this cause likely where the text says nothing.
    #[serde(default)]
    kinds: Vec<String>,
    /// What can be looked at now to tell whether it is this cause.
    #[serde(default)]
    probes: Vec<Probe>,
    fixes: Vec<Fix>,
}

/// Something to look at, read-only, when a run has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Whether source and destination answer.
    Connection,
    /// Whether the source's columns are those of the plan.
    Columns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fix {
    text: String,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    say: Option<String>,
}

const FAMILIES: &[&str] = &[
    include_str!("diagnose/fingerprints/postgres.yaml"),
    include_str!("diagnose/fingerprints/mysql.yaml"),
    include_str!("diagnose/fingerprints/databases.yaml"),
    include_str!("diagnose/fingerprints/warehouses.yaml"),
    include_str!("diagnose/fingerprints/http.yaml"),
    include_str!("diagnose/fingerprints/storage.yaml"),
    include_str!("diagnose/fingerprints/streams.yaml"),
    include_str!("diagnose/fingerprints/runtime.yaml"),
    include_str!("diagnose/fingerprints/towpath.yaml"),
];

#[expect(clippy::expect_used, reason = "the file is part of the program, and the tests read all of it")]
static CAUSES: LazyLock<BTreeMap<String, Cause>> =
    LazyLock::new(|| serde_saphyr::from_str(include_str!("diagnose/causes.yaml")).expect("causes.yaml is well-formed"));

#[expect(clippy::expect_used, reason = "the files are part of the program, and the tests read all of them")]
static FINGERPRINTS: LazyLock<Vec<Fingerprint>> = LazyLock::new(|| {
    FAMILIES.iter().flat_map(|family| fingerprint::read(family).expect("a family is well-formed")).collect()
});

/// One fingerprint found.
struct Hit<'a> {
    code: &'a str,
    score: f64,
    start: usize,
}

/// The causes of a failure, likeliest first; one of code [`UNKNOWN`] when nothing is recognised. `kind` is that of a run's
/// own error, where there is one.
pub fn diagnose(text: &str, kind: Option<&str>) -> Vec<CauseView> {
    let text = tail(text);
    let chain = Chain::read(text);
    let mut hits = find(text, &chain);
    reward_the_innermost(&mut hits, &chain);
    let mut best: BTreeMap<&str, f64> = BTreeMap::new();
    for hit in &hits {
        let score = best.entry(hit.code).or_default();
        *score = score.max(hit.score);
    }
    for (code, cause) in CAUSES.iter() {
        if kind.is_some_and(|kind| cause.kinds.iter().any(|known| known == kind)) {
            let score = best.entry(code).or_default();
            *score = if *score > 0.0 { *score + 0.05 } else { BY_KIND };
        }
    }
    let mut ranked: Vec<(&str, f64)> = best.into_iter().filter(|(_, score)| *score >= LEAST).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = ranked.first().map_or(0.0, |(_, score)| *score);
    ranked.retain(|(_, score)| *score >= top * 0.5);
    ranked.truncate(MOST);
    if ranked.is_empty() {
        return vec![unknown(text)];
    }
    let scores: Vec<f64> = ranked.iter().map(|(_, score)| *score).collect();
    let told = ranked.iter().enumerate().filter_map(|(at, (code, score))| {
        let cause = CAUSES.get(*code)?;
        let rival = scores.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, score)| *score);
        let rival = rival.fold(0.0, f64::max);
        let confidence = (score.min(1.0) * score / (score + 0.35 * rival)).clamp(0.05, 0.98);
        Some(CauseView {
            code: (*code).to_owned(),
            title: cause.title.clone(),
            confidence: (confidence * 100.0).round() / 100.0,
            explanation: cause.means.clone(),
            evidence: quotes(text, hits.iter().filter(|hit| hit.code == *code)),
            fixes: cause.fixes.iter().map(fix).collect(),
        })
    });
    told.collect()
}

/// What to look at for a cause.
pub fn probes(code: &str) -> &'static [Probe] {
    CAUSES.get(code).map_or(&[], |cause| cause.probes.as_slice())
}

fn find<'a>(text: &str, chain: &Chain) -> Vec<Hit<'a>> {
    let mut hits = Vec::new();
    let lower = text.to_ascii_lowercase();
    for fingerprint in FINGERPRINTS.iter() {
        for start in fingerprint.find(text, &lower) {
            let mut score = fingerprint.weight + DEPTH * chain.depth(start);
            if chain.is_told_to_obey(start) {
                score *= 0.5;
            }
            hits.push(Hit { code: &fingerprint.code, score, start });
        }
    }
    hits
}

/// Within one line what stands further behind is further down: `outer failed: inner failed: no such host`.
fn reward_the_innermost(hits: &mut [Hit<'_>], chain: &Chain) {
    hits.sort_by_key(|hit| hit.start);
    let lines: Vec<usize> = hits.iter().map(|hit| chain.line(hit.start)).collect();
    let mut from = 0;
    while from < hits.len() {
        let line = lines.get(from).copied();
        let to = (from..hits.len()).find(|at| lines.get(*at).copied() != line).unwrap_or(hits.len());
        let last = (to - from).saturating_sub(1).max(1);
        for (rank, hit) in hits.iter_mut().skip(from).take(to - from).enumerate() {
            hit.score +=
                BEHIND * f64::from(u32::try_from(rank).unwrap_or(0)) / f64::from(u32::try_from(last).unwrap_or(1));
        }
        from = to;
    }
}

/// The lines that gave a cause away, strongest first, without secrets.
fn quotes<'a>(text: &str, hits: impl Iterator<Item = &'a Hit<'a>>) -> Vec<String> {
    let mut hits: Vec<_> = hits.collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut quotes: Vec<String> = Vec::new();
    for hit in hits {
        let begin = text.get(..hit.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line = text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        // A long line is quoted around what was found in it.
        let back = line.get(..hit.start - begin).map_or(0, |before| before.chars().count()).saturating_sub(60);
        let skip = if line.chars().count() > QUOTED { back } else { 0 };
        let quote: String = line.chars().skip(skip).take(QUOTED).collect();
        let quote = secrets::redact(quote.trim()).text;
        if !quote.is_empty() && !quotes.contains(&quote) {
            quotes.push(quote);
        }
        if quotes.len() == QUOTES {
            break;
        }
    }
    quotes
}

fn fix(fix: &Fix) -> FixView {
    FixView { text: fix.text.clone(), command: fix.command.clone(), say: fix.say.clone() }
}

fn unknown(text: &str) -> CauseView {
    let speaks = |line: &&str| {
        let lower = line.to_lowercase();
        ["error", "fatal", "fail", "exception", "denied", "refused"].iter().any(|word| lower.contains(word))
    };
    let line = text.lines().rfind(speaks).or_else(|| text.lines().rfind(|line| !line.trim().is_empty()));
    let quote = line.map(|line| secrets::redact(line.trim()).text.chars().take(QUOTED).collect());
    let ask = "Attach the whole message, with the lines before it, or read the run's log.";
    CauseView {
        code: UNKNOWN.to_owned(),
        title: "The cause is not recognised".to_owned(),
        confidence: 0.0,
        explanation: "None of the known causes fits what was printed.".to_owned(),
        evidence: quote.into_iter().collect(),
        fixes: vec![FixView { text: ask.to_owned(), command: None, say: Some("show the log of that run".to_owned()) }],
    }
}

fn tail(text: &str) -> &str {
    let begin = text.len().saturating_sub(LONGEST);
    (begin..=text.len()).find(|at| text.is_char_boundary(*at)).and_then(|at| text.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
