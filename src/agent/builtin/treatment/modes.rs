//! How rows are read and written: full, incremental, changes; append, merge, replace; cursor, key, lookback, deletes.

use super::{Change, Walk, scope};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::schedule::{self, Unit, amount};
use crate::agent::builtin::token::Kind;
use crate::connectors::Deletes;
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
    pub(super) fn columns_before(&self, at: usize) -> Option<(usize, Vec<String>)> {
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

    /// A name that is nobody's language and no column.
    pub(super) fn unknown_name(&self, at: usize) -> Option<String> {
        let token = self.context.reading.sentence.get(at).filter(|_| self.free(at))?;
        let named = (token.kind == Kind::Word && !lexicon::is_known(&token.word))
            || (token.kind == Kind::Quoted && token.quote != Some('\''));
        (named && self.context.columns.named(&token.text).is_none()).then(|| token.text.clone())
    }
}
