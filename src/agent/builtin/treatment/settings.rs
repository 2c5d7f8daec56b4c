//! How the run itself goes: batches, parallelism, verification, quarantine, runtime, messages, changes of the schema.

use super::{Change, Walk};
use crate::agent::builtin::schedule::amount;
use crate::agent::builtin::token::{Kind, Sentence};
use crate::plan::spec::{SchemaPolicy, Verify};

impl Walk<'_> {
    pub(super) fn settings(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            if self.free(at) {
                self.numbers(&sentence, at);
                self.verification(&sentence, at);
                self.runtime(&sentence, at);
                self.policy(&sentence, at);
                self.message(&sentence, at);
            }
        }
    }

    fn numbers(&mut self, sentence: &Sentence, at: usize) {
        let whole = |at: usize| {
            let (number, used) = amount(sentence, at)?;
            let thousand = sentence.is(at + used, &["k", "thousand"]);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be whole and in range"
            )]
            (number.fract() == 0.0 && (1.0..1e9).contains(&number))
                .then_some((number as u64 * if thousand { 1000 } else { 1 }, used + usize::from(thousand)))
        };
        let near = |from: usize| (from..from + 4).find_map(whole);
        match sentence.word(at) {
            "batch" | "batches" if sentence.is(at + 1, &["size", "of"]) => {
                self.treatment.options.batch_rows = near(at + 1).map(|(number, _)| number);
            }
            "batch_rows" => self.treatment.options.batch_rows = near(at + 1).map(|(number, _)| number),
            "parallelism" => {
                self.treatment.options.parallelism = near(at + 1).and_then(|(number, _)| u32::try_from(number).ok());
            }
            _ => {}
        }
        let Some((number, used)) = whole(at) else { return };
        let noun = at + used;
        let parallel = sentence.is(noun, &["in", "at"]) && sentence.is(noun + 1, &["parallel", "once"])
            || sentence.is(noun, &["parallel", "threads", "thread", "workers", "worker", "concurrent"])
            || (sentence.is(noun, &["streams", "tables", "readers"])
                && sentence.is(noun + 1, &["in", "at"])
                && sentence.is(noun + 2, &["parallel", "once"]));
        if parallel {
            self.treatment.options.parallelism = u32::try_from(number).ok();
        }
        if sentence.is(noun, &["rows"])
            && sentence.is(noun + 1, &["per", "a", "each", "at"])
            && sentence.is(noun + 2, &["batch", "time", "a"])
        {
            self.treatment.options.batch_rows = Some(number);
        }
        let bad = sentence
            .is(noun, &["bad", "rejected", "broken", "invalid", "quarantined", "faulty", "malformed", "failed"])
            && sentence.is(noun + 1, &["rows", "records", "row", "lines"]);
        // `fail if more than 50 rows end up in quarantine`
        let quarantined = sentence.is(noun, &["rows", "records", "row", "lines"])
            && (at.saturating_sub(8)..at + 9).any(|here| {
                sentence.is(here, &["quarantine", "quarantined", "rejected", "unreadable", "faulty", "malformed"])
            });
        if bad || quarantined {
            self.treatment.quarantine = Some(number);
        }
    }

    fn verification(&mut self, sentence: &Sentence, at: usize) {
        let near = (at.saturating_sub(3)..at)
            .any(|at| sentence.is(at, &["verify", "verification", "check", "with", "compare", "by", "using", "and"]));
        let verify = match sentence.word(at) {
            "checksum" | "checksums" => Some(Verify::Checksums),
            "counts" | "rowcounts" if near => Some(Verify::Counts),
            "verify" | "verification" | "verifying"
                if sentence.is(at.wrapping_sub(1), &["no", "without", "skip", "don't"]) =>
            {
                Some(Verify::None)
            }
            _ => None,
        };
        if let Some(verify) = verify {
            self.treatment.options.verify = Some(verify);
        }
    }

    fn runtime(&mut self, sentence: &Sentence, at: usize) {
        let lead = at.checked_sub(1).is_some_and(|before| {
            sentence.is(before, &["in", "on", "with", "using", "runtime", "inside", "via"])
                || matches!(sentence.text(before), ":" | "=")
        }) || (at >= 2
            && sentence.is(at - 1, &["a", "our", "the", "as"])
            && sentence.is(at - 2, &["in", "on", "with", "using", "runtime"]));
        let runtime = match sentence.word(at) {
            "docker" if lead => Some("docker"),
            "kubernetes" | "k8s" if lead => Some("kubernetes"),
            "local" if sentence.is(at + 1, &["runtime"]) => Some("local"),
            "locally" if (at.saturating_sub(3)..at).any(|at| sentence.is(at, &["run", "execute", "runs"])) => {
                Some("local")
            }
            _ => None,
        };
        if let Some(runtime) = runtime {
            self.treatment.runtime = Some(runtime.to_owned());
        } else if sentence.is(at, &["runtime"]) {
            let start =
                at + 1 + usize::from(matches!(sentence.text(at + 1), ":" | "=") || sentence.is(at + 1, &["is", "to"]));
            let named = sentence.get(start).filter(|token| token.kind == Kind::Word && start > at + 1);
            if let Some(token) = named {
                self.treatment.runtime = Some(token.word.clone());
            }
        }
    }

    /// `freeze the schema`, `pause when the schema changes`, `add new columns automatically`.
    fn policy(&mut self, sentence: &Sentence, at: usize) {
        let schema = |from: usize, to: usize| {
            (from..to.min(sentence.len())).any(|at| sentence.is(at, &["schema", "columns", "structure", "column"]))
        };
        let changes = |from: usize| {
            (from..sentence.len())
                .any(|at| sentence.is(at, &["changes", "change", "drift", "drifts", "changed", "new", "added"]))
        };
        let policy = match sentence.word(at) {
            "freeze" | "frozen" | "lock" if schema(at.saturating_sub(4), at + 4) => Some(SchemaPolicy::Freeze),
            "evolve" | "evolves" | "evolving" if schema(at.saturating_sub(5), at + 5) => Some(SchemaPolicy::Evolve),
            "follow" if schema(at, at + 4) && changes(at) => Some(SchemaPolicy::Evolve),
            "pause" | "stop" | "halt" if schema(at, at + 7) && changes(at) => Some(SchemaPolicy::Pause),
            "schema" if changes(at) && (at..at + 6).any(|at| sentence.is(at, &["pause", "stop", "halt"])) => {
                Some(SchemaPolicy::Pause)
            }
            // `should the columns ever change, pause and ask me`
            "pause" | "stop" | "halt" | "hold" | "wait" if Self::drift_before(sentence, at) => {
                Some(SchemaPolicy::Pause)
            }
            _ => None,
        };
        if let Some(policy) = policy {
            self.change(at, Change::Policy(policy));
        }
    }

    /// A change of columns is spoken of in the clause before a place.
    fn drift_before(sentence: &Sentence, at: usize) -> bool {
        let from =
            (0..at).rev().find(|here| matches!(sentence.text(*here), "." | ";" | "!" | "?")).map_or(0, |here| here + 1);
        let cond =
            (from..at).any(|here| sentence.is(here, &["if", "when", "whenever", "should", "once", "case", "as"]));
        let noun =
            (from..at).any(|here| sentence.is(here, &["schema", "columns", "structure", "fields", "layout", "column"]));
        let change = (from..at).any(|here| {
            sentence.is(
                here,
                &[
                    "change", "changes", "changed", "drift", "drifts", "differ", "differs", "altered", "new", "added",
                    "appear", "appears",
                ],
            )
        });
        cond && noun && change
    }

    /// `notify ops-slack when it fails`.
    fn message(&mut self, sentence: &Sentence, at: usize) {
        if !sentence.is(at, &["notify", "alert", "ping", "inform"]) {
            return;
        }
        let start = at + 1 + usize::from(sentence.is(at + 1, &["the"])) + usize::from(sentence.text(at + 1) == "#");
        let Some(channel) = sentence.get(start).filter(|token| {
            matches!(token.kind, Kind::Word | Kind::Quoted)
                && token.word.len() > 2
                && !matches!(token.word.as_str(), "when" | "you" | "everyone")
        }) else {
            return;
        };
        let mut on: Vec<String> = Vec::new();
        for word in (start..sentence.len()).map(|at| sentence.word(at)) {
            let event = match word {
                "fails" | "failed" | "failure" | "failures" | "fail" | "error" | "errors" | "breaks" => "failed",
                "recovers" | "recovered" | "recovery" | "recover" => "recovered",
                "completes" | "completed" | "succeeds" | "finishes" | "done" | "success" | "finished" => "completed",
                _ => continue,
            };
            if !on.iter().any(|known| known == event) {
                on.push(event.to_owned());
            }
        }
        if on.is_empty() {
            on.push("failed".to_owned());
        }
        let channel = channel.text.clone();
        self.take(at, start + 1);
        self.treatment.notify.push((channel, on));
    }
}
