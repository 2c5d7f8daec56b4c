//! How rows are read and written: full, incremental, changes; append, merge, replace; cursor, key, lookback, deletes.

use super::{Change, Walk, scope};
use crate::agent::builtin::knowledge::ColumnKind;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::column::Named;
use crate::agent::builtin::schedule::{self, Unit, amount};
use crate::agent::builtin::token::Kind;
use crate::connectors::{Deletes, NullCursor};
use crate::plan::spec::{ReadSpec, WriteSpec};

const MODES: &[Class] = &[
    Class::DeletesHard,
    Class::DeletesSoft,
    Class::DeletesIgnore,
    Class::Incremental,
    Class::Full,
    Class::Cdc,
    Class::Append,
    Class::Merge,
    Class::Dedupe,
    Class::Replace,
];

impl Walk<'_> {
    /// `with a lookback of 2 hours`, `re-read the last day`, `15 minutes overlap`, `rows up to 3 days late`.
    pub(super) fn lookback(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            // `look 6 hours back`
            let apart = sentence
                .is(at, &["look", "go", "reach", "read", "step"])
                .then(|| self.duration(at + 1))
                .flatten()
                .filter(|(_, used)| sentence.is(at + 1 + used, &["back", "again", "behind"]));
            if let Some((text, used)) = apart.filter(|_| self.free(at)) {
                self.take(at, at + used + 2);
                self.change(at, Change::Lookback(text));
                continue;
            }
            let late = sentence.is(at, &["late"]) && at >= 2;
            let Some(length) = lexicon::phrase(&sentence, at, Class::Lookback).or(late.then_some(1)) else { continue };
            if !(at..at + length).all(|at| self.free(at)) {
                continue;
            }
            let behind = (at + length..at + length + 7)
                .find_map(|from| self.duration(from).map(|(text, used)| (from, used, text)));
            let before =
                at.checked_sub(2).into_iter().chain(at.checked_sub(3)).chain(at.checked_sub(4)).find_map(|from| {
                    self.duration(from)
                        .filter(|(_, used)| {
                            from + used == at || (from + used + 1 == at && sentence.is(at - 1, &["of", "a"]))
                        })
                        .map(|(text, used)| (from, used, text))
                });
            let Some((from, used, text)) = before.or(behind.filter(|_| !late || length > 1)) else { continue };
            self.take(at.min(from), (at + length).max(from + used));
            self.change(at, Change::Lookback(text));
        }
    }

    /// A span as an ISO 8601 duration.
    fn duration(&self, at: usize) -> Option<(String, usize)> {
        let sentence = &self.context.reading.sentence;
        let word = sentence.text(at);
        if word.len() > 2
            && word.starts_with('P')
            && word.chars().skip(1).all(|letter| letter.is_ascii_digit() || "TDHMSW".contains(letter))
        {
            return Some((word.to_owned(), 1));
        }
        let article = sentence.is(at, &["a", "an", "one", "the"]);
        let (number, used) = if article { (1.0, 1) } else { amount(sentence, at)? };
        let hyphen = usize::from(sentence.text(at + used) == "-");
        let unit = schedule::unit(sentence.word(at + used + hyphen))
            .filter(|_| !article || sentence.word(at + used).len() > 2)?;
        let text = match unit {
            Unit::Second => format!("PT{number}S"),
            Unit::Minute => format!("PT{number}M"),
            Unit::Hour => format!("PT{number}H"),
            Unit::Day => format!("P{number}D"),
            Unit::Week => format!("P{}D", number * 7.0),
            Unit::Month => format!("P{}D", number * 30.0),
            Unit::Quarter | Unit::Year => return None,
        };
        (number.fract() == 0.0).then_some((text, used + hyphen + 1))
    }

    /// `key order_id`, `merge on id`, `id is the primary key`.
    pub(super) fn keys(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let mut at = 0;
        while at < sentence.len() {
            let found =
                lexicon::phrase(&sentence, at, Class::Key).filter(|length| (at..at + length).all(|at| self.free(at)));
            let Some(length) = found else {
                at += 1;
                continue;
            };
            let mut start = at + length;
            while sentence.is(
                start,
                &[
                    "is", "of", "the", "column", "columns", "on", "should", "be", "are", "field", "by", "to", "using",
                    "being", "with", "as", "table",
                ],
            ) || matches!(sentence.text(start), ":" | "=" | "(")
                || self.context.reading.is(start, super::Use::Stream)
            {
                start += 1;
            }
            let words = sentence.span(at, at + length).to_lowercase();
            if let Some(list) = self.column_list(start, true) {
                self.take(at, list.to);
                self.imply_write(at, &words);
                self.own_columns(&list, "streams.key");
                self.change(at, Change::Key(list.names));
                at = list.to;
                continue;
            }
            // `order_id as the key`, `order_id is the primary key`, `use order_id as key`
            if let Some((from, names)) = self.columns_before(at) {
                self.take(from, at + length);
                self.change(at, Change::Key(names));
                at += length;
                continue;
            }
            let verb = ["merge", "upsert", "dedup", "de-dup", "deduplicate", "one row per"]
                .iter()
                .any(|verb| words.starts_with(verb));
            let unknown = self.unknown_name(start).filter(|_| verb || words.contains("key"));
            if let Some(name) = unknown.filter(|_| !self.context.columns.is_empty()) {
                self.take(at, start + 1);
                self.imply_write(at, &words);
                let options =
                    self.likely(&name).into_iter().map(|column| (column.clone(), format!("key {column}"))).collect();
                let streams = self.streams();
                self.doubt(
                    "streams.key",
                    format!("{streams} has no column `{name}`. Which columns identify a row?"),
                    options,
                );
            } else if verb || words.contains("primary") || words == "pk" {
                // `dedupe by primary key`: the key is the stream's own.
                self.take(at, at + length);
                self.imply_write(at, &words);
            }
            at += length;
        }
    }

    /// Bare columns as the answer to a question about the key.
    pub(super) fn asked_key(&mut self) {
        let named = self.changes.iter().any(|placed| matches!(placed.change, Change::Key(_)));
        if self.context.focus != Some("streams.key") || named {
            return;
        }
        let len = self.context.reading.sentence.len();
        let found = (0..len).find_map(|at| {
            (self.free(at))
                .then(|| self.column_list(at, true))
                .flatten()
                .filter(|list| !list.names.is_empty())
                .map(|list| (at, list))
        });
        if let Some((at, list)) = found {
            self.take(at, list.to);
            self.own_columns(&list, "streams.key");
            self.change(at, Change::Key(list.names));
        }
    }

    /// `merge guests into the lake on guest_id`: the key of a verb that stands before.
    pub(super) fn merge_on(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        if self.changes.iter().any(|placed| matches!(placed.change, Change::Key(_))) {
            return;
        }
        for at in 1..sentence.len() {
            let verb = (0..at).any(|here| sentence.is(here, &["merge", "upsert", "dedupe", "deduplicate", "dedup"]));
            let list = (verb && sentence.is(at, &["on", "by"]) && self.free(at))
                .then(|| self.column_list(at + 1, false))
                .flatten();
            let incremental = (0..at).any(|here| lexicon::is(&sentence, here, Class::Incremental));
            if let Some(list) = list.filter(|_| !incremental) {
                self.take(at, list.to);
                self.change(at, Change::Write(WriteSpec::Merge));
                self.change(at, Change::Key(list.names));
                return;
            }
        }
    }

    fn imply_write(&mut self, at: usize, words: &str) {
        if words.starts_with("merg") || words.starts_with("upsert") || words.starts_with("match") {
            self.change(at, Change::Write(WriteSpec::Merge));
        } else if words.starts_with("dedup")
            || words.starts_with("de-dup")
            || words.starts_with("unique")
            || words.starts_with("one row")
        {
            self.change(at, Change::Dedupe);
        }
    }

    /// Columns right before `as key`, `is the key`.
    fn columns_before(&self, at: usize) -> Option<(usize, Vec<String>)> {
        let sentence = &self.context.reading.sentence;
        let mut end = at;
        while end > 0
            && sentence.is(end - 1, &["as", "is", "the", "are", "a", "its", "merge", "be", "should", "for", "my"])
        {
            end -= 1;
        }
        if end == at {
            return None;
        }
        // Lists end here; the longest that does is meant.
        (end.saturating_sub(8)..end)
            .find_map(|from| self.column_list(from, false).filter(|list| list.to == end).map(|list| (from, list.names)))
    }

    /// Words for reading and writing.
    pub(super) fn modes(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let names = self.multi_word_columns();
        let mut at = 0;
        while at < sentence.len() {
            let found = lexicon::longest(&sentence, at, MODES)
                .filter(|(_, length)| (at..at + length).all(|at| self.free(at) && !names.contains(&at)));
            let found = self
                .deletes_clause(at)
                .or_else(|| self.news_only(at).map(|length| (Class::Incremental, length)))
                .or_else(|| self.as_it_changes(at).map(|length| (Class::Cdc, length)))
                .or(found);
            let Some((class, length)) = found else {
                at += 1;
                continue;
            };
            if self.other_meaning(class, at, length) {
                at += 1;
                continue;
            }
            let denied = self.denied(at);
            self.take(at, at + length);
            if denied {
                // `not incremental` asks for the opposite where there is one.
                if class == Class::Incremental && !sentence.is(at.wrapping_sub(1), &["of", "than"]) {
                    self.change(at, Change::Read(ReadSpec::Full));
                }
                at += length;
                continue;
            }
            let change = match class {
                Class::Incremental => Change::Read(ReadSpec::Incremental),
                Class::Full => Change::Read(ReadSpec::Full),
                Class::Cdc => Change::Read(ReadSpec::Cdc),
                Class::Append => Change::Write(WriteSpec::Append),
                Class::Merge => Change::Write(WriteSpec::Merge),
                Class::Replace => Change::Write(WriteSpec::Replace),
                Class::Dedupe => Change::Dedupe,
                Class::DeletesHard => Change::Deletes(Deletes::Hard),
                Class::DeletesSoft => Change::Deletes(Deletes::Soft),
                _ => Change::Deletes(Deletes::Ignore),
            };
            self.change(at, change);
            at += length;
        }
        self.otherwise();
        self.cdc_over_incremental();
    }

    /// `by CDC if that is possible, otherwise incremental`: the second way is for where the first is not open.
    fn otherwise(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let Some(turn) = (1..sentence.len()).find(|at| {
            sentence.is(*at, &["otherwise", "else", "alternatively"])
                || sentence.is(*at, &["if"]) && sentence.is(at + 1, &["not"])
                || sentence.is(*at, &["fall", "falling"]) && sentence.is(at + 1, &["back"])
                || sentence.is(*at, &["or"]) && sentence.is(at + 1, &["else"])
        }) else {
            return;
        };
        let read = |placed: &super::Placed| match placed.change {
            Change::Read(read) => Some(read),
            _ => None,
        };
        let first = self.changes.iter().find(|placed| placed.at < turn && read(placed).is_some()).and_then(read);
        let second = self.changes.iter().position(|placed| placed.at > turn && read(placed).is_some());
        if let (Some(first), Some(second)) = (first, second)
            && let Some(placed) = self.changes.get_mut(second)
            && let Some(other) = read(placed).filter(|other| *other != first)
        {
            placed.change = Change::Otherwise(other);
        }
    }

    /// `stream every change incrementally`: the log is read, which is incremental by itself.
    fn cdc_over_incremental(&mut self) {
        let reading = self.context.reading;
        let captured: Vec<_> = self
            .changes
            .iter()
            .filter(|placed| placed.change == Change::Read(ReadSpec::Cdc))
            .map(|placed| scope::of(reading, placed.at))
            .collect();
        self.changes.retain(|placed| {
            placed.change != Change::Read(ReadSpec::Incremental) || !captured.contains(&scope::of(reading, placed.at))
        });
    }

    /// Words of modes that say something else here.
    fn other_meaning(&self, class: Class, at: usize, length: usize) -> bool {
        let sentence = &self.context.reading.sentence;
        let column_next = self.context.columns.mention(sentence, at + length, &|at| self.free(at)).is_some();
        let stream_next = (at + length..at + length + 2).any(|at| self.context.reading.is(at, super::Use::Stream));
        match class {
            Class::Replace => {
                length == 1
                    && (column_next
                        || (stream_next && (at..sentence.len()).any(|at| sentence.is(at, &["with", "by"])))
                        || sentence.is(at + length, &["with", "by", "it", "that"])
                            && !sentence.is(at + length, &["it"]))
            }
            Class::Full => {
                length == 1
                    && (sentence.is(at + 1, &["name", "names", "time", "price", "amount"])
                        || sentence.is(at.wrapping_sub(1), &["the"])
                            && sentence.is(at + 1, &["database", "schema", "db"]))
            }
            Class::Cdc => length == 1 && sentence.is(at, &["live"]) && sentence.is(at + 1, &["in", "on"]),
            Class::Merge => {
                length == 1
                    && stream_next
                    && sentence.is(at, &["merge"])
                    && self.context.reading.mentions.len() > 1
                    && (at..sentence.len()).any(|at| sentence.is(at, &["with"]))
            }
            _ => false,
        }
    }

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

    /// A name that is nobody's language and no column.
    pub(super) fn unknown_name(&self, at: usize) -> Option<String> {
        let token = self.context.reading.sentence.get(at).filter(|_| self.free(at))?;
        let noun = lexicon::is(&self.context.reading.sentence, at + 1, Class::Column);
        let named = (token.kind == Kind::Word
            && !lexicon::is_known(&token.word)
            && (noun || !lexicon::is_english(&token.word) || token.text.contains('_')))
            || (token.kind == Kind::Quoted && token.quote != Some('\''));
        (named && self.context.columns.named(&token.text).is_none()).then(|| token.text.clone())
    }
}
