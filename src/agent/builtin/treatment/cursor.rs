//! Which column tells what is new.

use super::{Change, Walk};
use crate::agent::builtin::knowledge::ColumnKind;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::column::Named;
use crate::connectors::NullCursor;
use crate::plan::spec::ReadSpec;

impl Walk<'_> {
    /// `based on updated_at`, `cursor: id`, `incrementally by modified`.
    #[expect(clippy::too_many_lines, reason = "one way of naming a cursor after the other")]
    pub(super) fn cursors(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let incremental = self.context.incremental
            || self.changes.iter().any(|placed| {
                matches!(placed.change, Change::Read(ReadSpec::Incremental) | Change::Otherwise(ReadSpec::Incremental))
            });
        let asked = self.context.focus == Some("streams.cursor");
        let mut found = false;
        let mut at = 0;
        while at < sentence.len() {
            let Some(length) = lexicon::phrase(&sentence, at, Class::Cursor)
                .filter(|length| (at..at + length).all(|at| self.free(at)))
            else {
                at += 1;
                continue;
            };
            let words = sentence.span(at, at + length).to_lowercase();
            let strong = [
                "based",
                "base",
                "cursor",
                "watermark",
                "track",
                "high",
                "bookmark",
                "replication",
                "checkpoint",
                "on the basis",
                "with cursor",
                "driven",
                "incremental",
            ]
            .iter()
            .any(|word| words.starts_with(word));
            let mut start = at + length;
            while sentence.is(
                start,
                &[
                    "the",
                    "column",
                    "is",
                    "field",
                    "on",
                    "of",
                    "a",
                    "its",
                    "by",
                    "to",
                    "their",
                    "being",
                    "should",
                    "be",
                    "cursor",
                    "watermark",
                    "changes",
                    "in",
                    "last",
                ],
            ) || matches!(sentence.text(start), ":" | "=")
            {
                start += 1;
            }
            let column = self
                .context
                .columns
                .loose_mention(&sentence, start, &|at| self.free(at))
                .filter(|(_, named)| strong || named.how != How::Part);
            if let Some((to, named)) = column.filter(|_| strong || incremental || asked) {
                let to = to + usize::from(sentence.is(to, &["column", "field"]));
                self.name_cursor(at, start, to, &named);
                found = true;
                at = to;
                continue;
            }
            if strong && let Some((from, names)) = self.columns_before(at) {
                self.name_cursor(at, from, at, &Named { names, how: How::Name });
                self.take(at, at + length);
                found = true;
            } else if (strong || (incremental && sentence.text(start).contains('_')))
                && let Some(name) = self.unknown_name(start).filter(|_| !self.context.columns.is_empty())
            {
                self.take(at, start + 1);
                self.no_such_cursor(&name);
                found = true;
            }
            at += length;
        }
        if !found && asked && self.changes.is_empty() {
            self.asked_cursor();
        }
        self.use_column(incremental || asked);
        let named = |walk: &Self| walk.changes.iter().any(|placed| matches!(placed.change, Change::Cursor(_)));
        if incremental && !named(self) {
            self.column_is();
        }
        if !named(self) {
            self.told_by(incremental);
        }
        self.null_cursor();
    }

    /// `ChangedUtc tells you`, `use updated_at to detect new rows`: a column of time beside words of change.
    fn told_by(&mut self, incremental: bool) {
        const NEWS: &[&str] = &[
            "new",
            "changes",
            "changed",
            "change",
            "updates",
            "updated",
            "modified",
            "detect",
            "delta",
            "deltas",
            "track",
            "tells",
            "tell",
            "shows",
            "indicates",
            "says",
            "spot",
            "recognise",
            "recognize",
            "news",
            "newer",
        ];
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            let Some((to, column)) = self.context.columns.mention(&sentence, at, &|at| self.free(at)) else { continue };
            let temporal = column
                .names
                .first()
                .and_then(|name| self.context.columns.get(name))
                .is_some_and(|column| matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date));
            let from = crate::agent::builtin::reading::clause_start(&sentence, at);
            let end = (to..sentence.len())
                .find(|here| matches!(sentence.text(*here), "." | ";" | "!" | "?"))
                .unwrap_or(sentence.len());
            let news = (from..at)
                .chain(to..end)
                .any(|here| sentence.is(here, NEWS) && !self.context.reading.is(here, super::Use::Stream));
            let everyday = lexicon::is_known(sentence.word(at)) && to == at + 1;
            if !temporal || everyday || !(news || incremental) {
                continue;
            }
            if !incremental && !news {
                continue;
            }
            self.name_cursor(at, at, to, &column);
            return;
        }
    }

    fn name_cursor(&mut self, at: usize, from: usize, to: usize, named: &Named) {
        let sentence = &self.context.reading.sentence;
        if named.how != How::Name {
            let text = format!("`{}` is read as the column `{}`.", sentence.span(from, to), named.names.join("`, `"));
            self.assume("streams.cursor", text);
        }
        self.take(at.min(from), to.max(at + 1));
        self.change(at, Change::Cursor(named.names.clone()));
    }

    fn no_such_cursor(&mut self, name: &str) {
        let times: Vec<String> = self
            .context
            .columns
            .all()
            .filter(|column| matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date))
            .map(|column| column.name.clone())
            .collect();
        let mut options: Vec<(String, String)> =
            times.into_iter().map(|column| (column.clone(), format!("incremental by {column}"))).collect();
        options.dedup();
        options.truncate(4);
        let streams = self.streams();
        self.doubt(
            "streams.cursor",
            format!("{streams} has no column `{name}`. Which column tells what is new?"),
            options,
        );
    }

    /// A bare column as the answer to a question about the cursor.
    fn asked_cursor(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let found = (0..sentence.len()).find_map(|at| {
            self.context.columns.loose_mention(&sentence, at, &|at| self.free(at)).map(|(to, named)| (at, to, named))
        });
        if let Some((at, to, named)) = found {
            self.name_cursor(at, at, to, &named);
        }
    }

    /// `…, the column is changed_at`, under an incremental read.
    fn column_is(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            let noun = sentence.is(at, &["column", "field"]) && self.free(at);
            let start = at
                + 1
                + usize::from(sentence.is(at + 1, &["is", "to", "for"]) || matches!(sentence.text(at + 1), ":" | "="));
            let found = noun.then(|| self.context.columns.mention(&sentence, start, &|at| self.free(at))).flatten();
            let orders =
                found.as_ref().and_then(|(_, named)| self.context.columns.get(named.names.first()?)).is_some_and(
                    |column| matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date | ColumnKind::Number),
                );
            if let Some((to, named)) = found.filter(|_| orders) {
                self.name_cursor(at, start, to, &named);
                return;
            }
        }
    }

    /// `use modified instead`.
    fn use_column(&mut self, incremental: bool) {
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            let uses = sentence.is(at, &["use", "take", "using"]) && self.free(at) && incremental;
            let start = at + 1 + usize::from(sentence.is(at + 1, &["the"]));
            let column = uses.then(|| self.context.columns.mention(&sentence, start, &|at| self.free(at))).flatten();
            let temporal = column
                .as_ref()
                .and_then(|(_, named)| named.names.first())
                .and_then(|name| self.context.columns.get(name))
                .is_some_and(|column| {
                    matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date | ColumnKind::Number)
                });
            if let Some((to, named)) = column.filter(|_| temporal) {
                self.name_cursor(at, at, to, &named);
            }
        }
    }

    /// `include rows without updated_at`, `null cursors are an error`.
    fn null_cursor(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let null = sentence.tokens.iter().position(|token| matches!(token.word.as_str(), "null" | "nulls" | "empty"));
        let Some(at) =
            null.filter(|_| sentence.tokens.iter().any(|token| matches!(token.word.as_str(), "cursor" | "cursors")))
        else {
            return;
        };
        let policy = sentence.tokens.iter().find_map(|token| match token.word.as_str() {
            "include" | "keep" | "included" => Some(NullCursor::Include),
            "exclude" | "skip" | "ignore" | "drop" | "excluded" | "skipped" => Some(NullCursor::Exclude),
            "error" | "fail" | "fails" => Some(NullCursor::Error),
            _ => None,
        });
        if let Some(policy) = policy {
            self.take(at, at + 1);
            self.change(at, Change::NullCursor(policy));
        }
    }
}
