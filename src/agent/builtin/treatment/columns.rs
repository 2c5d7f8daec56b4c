//! What happens to columns: left out, kept alone, masked, renamed, cast.

mod choice;

use std::collections::BTreeSet;

use super::{Change, Walk};
use crate::agent::builtin::fold::{fold, likeness, parts};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::plan::spec::MaskSpec;

/// Columns named side by side.
pub(super) struct List {
    pub names: Vec<String>,
    /// Names among them that are no columns.
    pub unknown: Vec<String>,
    /// What was written, where it was read as a column's name.
    pub loose: Vec<(String, String)>,
    pub to: usize,
}

const MASKS: &[Class] = &[Class::Partial, Class::Hash, Class::Redact, Class::Nullify, Class::Mask];

impl Walk<'_> {
    /// Reads columns side by side. `loose` also takes parts of names and slips, and names that are no columns.
    pub(super) fn column_list(&self, from: usize, loose: bool) -> Option<List> {
        let sentence = &self.context.reading.sentence;
        let columns = self.context.columns;
        let free = |at: usize| self.free(at);
        let mut list = List { names: Vec::new(), unknown: Vec::new(), loose: Vec::new(), to: from };
        let mut at = from;
        loop {
            while sentence.is(
                at,
                &[
                    "the",
                    "their",
                    "its",
                    "my",
                    "our",
                    "both",
                    "of",
                    "customer's",
                    "a",
                    "all",
                    "any",
                    "also",
                    "values",
                    "value",
                ],
            ) || (sentence.is(at, &["column", "columns", "field", "fields"]) && self.free(at))
                || matches!(sentence.text(at), "(" | ":")
            {
                // A column may be called like a word that is passed over.
                if columns.mention(sentence, at, &free).is_some() {
                    break;
                }
                at += 1;
            }
            let personal = lexicon::phrase(sentence, at, Class::Personal).filter(|length| (at..at + length).all(free));
            if let Some(length) = personal {
                let names = self.personal();
                if names.is_empty() {
                    list.unknown.push(sentence.span(at, at + length).to_owned());
                }
                list.loose.push((sentence.span(at, at + length).to_owned(), names.join("`, `")));
                list.names.extend(names);
                at += length;
            } else if loose && list.to > from && self.begins_another(at) {
                break;
            } else if let Some((to, named)) =
                if loose { columns.loose_mention(sentence, at, &free) } else { columns.mention(sentence, at, &free) }
            {
                if named.how != How::Name {
                    list.loose.push((sentence.span(at, to).to_owned(), named.names.join("`, `")));
                }
                list.names.extend(named.names);
                at = to;
            } else if let Some(name) = (loose && !columns.is_empty())
                .then(|| self.unknown_name(at))
                .flatten()
                .filter(|_| self.list_goes_on(at, &list))
            {
                list.unknown.push(name);
                at += 1;
            } else {
                break;
            }
            while sentence
                .is(at, &["column", "columns", "field", "fields", "cols", "values", "value", "attribute", "attributes"])
                && free(at)
                || sentence.text(at) == ")"
            {
                at += 1;
            }
            list.to = at;
            let bullet = |at: usize| {
                matches!(sentence.text(at), "*" | "-" | "•" | "–")
                    && crate::agent::builtin::reading::begins(sentence, at)
            };
            let comma = usize::from(matches!(sentence.text(at), "," | "&" | "/" | "+") || bullet(at) && loose);
            let and = usize::from(sentence.is(at + comma, &["and", "or", "plus", "nor"]));
            let also = usize::from(sentence.is(at + comma + and, &["also", "the"]) && and + comma > 0);
            if comma + and == 0 {
                break;
            }
            at += comma + and + also;
        }
        list.names.dedup();
        (!list.names.is_empty() || !list.unknown.is_empty()).then_some(list)
    }

    /// `drop salary, and hired_on becomes …`: the next column has a clause of its own.
    fn begins_another(&self, at: usize) -> bool {
        let sentence = &self.context.reading.sentence;
        let free = |at: usize| self.free(at);
        let Some((to, _)) = self.context.columns.mention(sentence, at, &free) else { return false };
        sentence.is(
            to,
            &[
                "becomes", "become", "should", "must", "shall", "is", "are", "as", "will", "goes", "gets", "stays",
                "renamed", "called", "hashed", "redacted", "masked", "nulled",
            ],
        ) || matches!(sentence.text(to), "->" | "→" | "=>" | "=")
    }

    /// Whether an unknown name is one of the list and does not begin something else.
    fn list_goes_on(&self, at: usize, list: &List) -> bool {
        let sentence = &self.context.reading.sentence;
        let next = sentence.word(at + 1);
        let ends = next.is_empty()
            || matches!(sentence.text(at + 1), "," | "." | ";" | ")" | "&")
            || matches!(
                next,
                "and"
                    | "or"
                    | "column"
                    | "columns"
                    | "field"
                    | "from"
                    | "into"
                    | "to"
                    | "in"
                    | "for"
                    | "of"
                    | "with"
                    | "please"
                    | "every"
                    | "when"
                    | "before"
                    | "as"
            );
        ends || list.names.is_empty() && list.unknown.is_empty()
    }

    /// Columns that hold data about people, by their names.
    fn personal(&self) -> Vec<String> {
        let words: BTreeSet<String> = lexicon::values().personal_columns.iter().map(|word| fold(word)).collect();
        let is_personal = |name: &str| {
            let parts = parts(name);
            let folded = fold(name);
            words.contains(&folded)
                || parts.iter().any(|part| {
                    matches!(
                        part.as_str(),
                        "email"
                            | "phone"
                            | "mail"
                            | "mobile"
                            | "ssn"
                            | "iban"
                            | "passport"
                            | "surname"
                            | "birthdate"
                            | "dob"
                    )
                })
                || words.iter().any(|word| word.len() >= 6 && folded.contains(word.as_str()))
        };
        let names: BTreeSet<String> =
            self.context.columns.all().map(|column| column.name.clone()).filter(|name| is_personal(name)).collect();
        names.into_iter().collect()
    }

    /// Says what was read as a column, and asks about what is none.
    pub(super) fn own_columns(&mut self, list: &List, slot: &'static str) {
        for (written, name) in &list.loose {
            if !name.is_empty() {
                self.assume(slot, format!("`{written}` is read as the column `{name}`."));
            }
        }
        if let Some(name) = list.unknown.first() {
            let streams = self.streams();
            let likely = self.likely(name);
            let options = likely
                .iter()
                .map(|column| (column.clone(), column.clone()))
                .chain(std::iter::once(("Go on without it".to_owned(), "go on without it".to_owned())))
                .collect();
            self.doubt(slot, format!("{streams} has no column `{name}`. Which column is meant?"), options);
        }
    }

    pub(super) fn streams(&self) -> String {
        let names: Vec<String> =
            self.context.columns.schemas().iter().take(3).map(|schema| format!("`{}`", schema.stream)).collect();
        names.join(", ")
    }

    pub(super) fn likely(&self, name: &str) -> Vec<String> {
        let folded = fold(name);
        let mut scored: Vec<(f64, String)> = self
            .context
            .columns
            .all()
            .map(|column| (likeness(&folded, &fold(&column.name)), column.name.clone()))
            .collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut names: Vec<String> = Vec::new();
        for (_, name) in scored {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(4);
        names
    }

    /// Tokens of columns whose names are several words: `full name` is no full read.
    pub(super) fn multi_word_columns(&self) -> BTreeSet<usize> {
        let sentence = &self.context.reading.sentence;
        let mut taken = BTreeSet::new();
        for at in 0..sentence.len() {
            if let Some((to, _)) =
                self.context.columns.mention(sentence, at, &|at| self.free(at)).filter(|(to, _)| *to > at + 1)
            {
                taken.extend(at..to);
            }
        }
        taken
    }

    /// `with email hashed`, `phone should be null`: read before conditions, which `is` and `=` also lead.
    pub(super) fn masks_first(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let mut at = 0;
        while at < sentence.len() {
            let list = self.free(at).then(|| self.column_list(at, false)).flatten();
            let Some(mut list) = list else {
                at += 1;
                continue;
            };
            // `hash email, and full_name is to be redacted`: the first belongs to the verb before it.
            let led = (1..=2).any(|back| {
                at.checked_sub(back).is_some_and(|from| {
                    lexicon::longest(&sentence, from, MASKS).is_some_and(|(_, length)| length == back)
                })
            });
            let own = (list.names.len() > 1 && led)
                .then(|| self.context.columns.mention(&sentence, at, &|at| self.free(at)))
                .flatten()
                .and_then(|(to, _)| {
                    (to + 1..list.to).find_map(|from| self.column_list(from, false).map(|list| (from, list)))
                });
            let mut start = at;
            if let Some((from, behind)) = own {
                list = behind;
                start = from;
            }
            let at_list = start;
            if let Some(to) = self.left_out_behind(&list) {
                self.take(at_list, to);
                self.change(at_list, Change::Exclude(list.names));
                at = to;
                continue;
            }
            let mut verb = list.to;
            // `the tracking number, hashed though`
            verb += usize::from(
                sentence.text(verb) == ","
                    && sentence.word(verb + 1).ends_with("ed")
                    && lexicon::longest(&sentence, verb + 1, MASKS).is_some(),
            );
            while lexicon::word_is(sentence.word(verb), Class::Carried)
                || sentence.is(
                    verb,
                    &[
                        "only",
                        "in",
                        "just",
                        "set",
                        "personal",
                        "sensitive",
                        "private",
                        "confidential",
                        "is",
                        "are",
                        "be",
                        "should",
                        "must",
                        "gets",
                        "get",
                        "being",
                        "to",
                        "as",
                        "need",
                        "needs",
                        "has",
                        "have",
                        "will",
                        "column",
                        "a",
                        "with",
                        "by",
                        "stay",
                        "stays",
                    ],
                )
                || matches!(sentence.text(verb), "->" | "→" | "=" | ":" | "=>" | "(")
                || sentence.is(verb, &["and", "so"])
                    && sentence.is(verb - 1, &["personal", "sensitive", "private", "confidential"])
            {
                verb += 1;
            }
            let passive = lexicon::longest(&sentence, verb, MASKS).filter(|(class, length)| {
                (verb..verb + length).all(|at| self.free(at)) && is_passive(&sentence, verb, list.to, *class)
            });
            if let Some((class, length)) = passive {
                let form = usize::from(sentence.is(verb + length, &["form", "version", "values", "way"]));
                self.take(at_list, verb + length + form + usize::from(sentence.text(verb + length) == ")"));
                self.mask(at_list, list.names, class, verb + length);
                at = verb + length;
                continue;
            }
            at = list.to.max(at + 1);
        }
    }

    pub(super) fn columns(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        self.bracketed();
        self.listed_before_stream();
        let mut at = 0;
        while at < sentence.len() {
            if !self.free(at) {
                at += 1;
                continue;
            }
            let next = self
                .unmasked(at)
                .or_else(|| self.masked(at))
                .or_else(|| self.renamed(at))
                .or_else(|| self.cast(at))
                .or_else(|| self.restored(at))
                .or_else(|| self.left_out(at))
                .or_else(|| self.selected(at))
                .or_else(|| self.only_behind(at));
            at = next.unwrap_or(at).max(at + 1);
        }
        if self.context.focus == Some("streams.columns") && self.changes.is_empty() {
            self.asked_columns();
        }
    }

    fn verb(&self, at: usize, class: Class) -> Option<usize> {
        lexicon::phrase(&self.context.reading.sentence, at, class)
            .filter(|length| (at..at + length).all(|at| self.free(at)))
    }

    fn unmasked(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        let removes = sentence.is(at, &["remove", "drop", "forget", "undo", "stop", "no", "without"]) && {
            let noun = at + 1 + usize::from(sentence.is(at + 1, &["the", "any"]));
            sentence.is(noun, &["mask", "masking", "hash", "hashing", "redaction", "hashes", "masks"])
        };
        let length = self
            .verb(at, Class::Unmask)
            .or_else(|| removes.then(|| 2 + usize::from(sentence.is(at + 1, &["the", "any"]))))?;
        let start = at + length + usize::from(sentence.is(at + length, &["on", "of", "for", "from"]));
        let names = match self.column_list(start, true) {
            Some(list) => {
                self.take(at, list.to);
                list.names
            }
            None => Vec::new(),
        };
        self.take(at, at + length);
        self.change(at, Change::Unmask(names));
        Some(at + length)
    }

    /// `hash the email and phone`, `null out ssn`, `mask all personal data`, `replace phone with null`.
    fn masked(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        if sentence.is(
            at,
            &[
                "replace", "set", "make", "turn", "run", "put", "pass", "send", "store", "keep", "save", "load",
                "bring", "copy", "show",
            ],
        ) && self.free(at)
        {
            let list = self.column_list(at + 1, true).filter(|list| !list.names.is_empty())?;
            let link = usize::from(sentence.is(list.to, &["with", "to", "by", "into", "through", "as", "in"]));
            if link == 0 && !sentence.is(at, &["replace", "set", "make", "turn", "keep"]) {
                return None;
            }
            let article = usize::from(sentence.is(list.to + link, &["a", "an", "the", "its"]));
            let verb = list.to + link + article;
            let (class, length) = lexicon::longest(&sentence, verb, MASKS)?;
            self.take(at, verb + length);
            self.own_columns(&list, "streams.columns");
            self.mask(at, list.names, class, verb + length);
            return Some(verb + length);
        }
        let (class, length) =
            lexicon::longest(&sentence, at, MASKS).filter(|(_, length)| (at..at + length).all(|at| self.free(at)))?;
        let mut start = at + length;
        while sentence.is(start, &["on", "for", "of", "out", "also", "to", "over", "in", "all", "please"])
            && self.context.columns.mention(&sentence, start, &|at| self.free(at)).is_none()
            || matches!(sentence.text(start), "=" | ":")
        {
            start += 1;
        }
        // `keep the ip, but hash it`: the columns that were spoken of last.
        if sentence.is(start, &["it", "them", "those", "these", "that", "both"]) {
            if let Some(names) = self.named_last(at) {
                self.take(at, start + 1);
                self.mask(at, names, class, start + 1);
                return Some(start + 1);
            }
            if sentence.len() <= 6 {
                // `redact it instead`: what the plan on offer masks.
                self.take(at, start + 1);
                self.remask(at, class);
                return Some(start + 1);
            }
        }
        let list = self.column_list(start, true)?;
        self.take(at, list.to);
        self.own_columns(&list, "streams.columns");
        let to = list.to;
        self.mask(at, list.names, class, to);
        Some(to)
    }

    /// The columns that the last change was about.
    fn named_last(&mut self, at: usize) -> Option<Vec<String>> {
        // `nobody may see the phone, so hash it`: named before, and nothing done with it yet.
        let before: Vec<(usize, List)> = (0..at)
            .filter(|here| self.free(*here))
            .filter_map(|here| self.column_list(here, false).filter(|list| list.to <= at).map(|list| (here, list)))
            .collect();
        if let Some((_, last)) = before.last() {
            let (from, list) = before.iter().find(|(_, list)| list.to == last.to)?;
            let (from, to, names) = (*from, list.to, list.names.clone());
            self.take(from, to);
            return Some(names);
        }
        self.changes.iter().rev().find_map(|placed| match &placed.change {
            Change::Restore(names) | Change::Select(names) | Change::Rename(names, _) | Change::Cast(names, _) => {
                Some(names.clone())
            }
            _ => None,
        })
    }

    /// Adds a mask; words behind it may say of what kind: `mask phone partially`, `mask email with a hash`.
    fn mask(&mut self, at: usize, names: Vec<String>, class: Class, mut behind: usize) {
        let sentence = self.context.reading.sentence.clone();
        while sentence.is(behind, &["with", "by", "using", "as", "to", "a", "an", "the", "via"]) {
            behind += 1;
        }
        let clause =
            (at..sentence.len()).find(|here| matches!(sentence.text(*here), "." | ";" | "!")).unwrap_or(sentence.len());
        let visible = (at..clause).any(|here| {
            sentence.is(here, &["last", "first", "leading", "trailing"])
                && (here + 1..here + 4).any(|noun| {
                    sentence.is(
                        noun,
                        &[
                            "digits",
                            "digit",
                            "characters",
                            "character",
                            "letters",
                            "letter",
                            "chars",
                            "numbers",
                            "four",
                            "two",
                            "three",
                        ],
                    )
                })
        });
        let closer = match sentence.word(behind) {
            "partially" | "partly" | "partial" => Some((Class::Partial, 1)),
            _ if visible && matches!(class, Class::Mask | Class::Redact) => Some((Class::Partial, 0)),
            _ => lexicon::longest(&sentence, behind, &[Class::Hash, Class::Redact, Class::Nullify])
                .filter(|_| class == Class::Mask),
        };
        if let Some((_, length)) = closer {
            self.take(behind, behind + length);
        }
        let kind = match closer.map_or(class, |(class, _)| class) {
            Class::Hash => MaskSpec::Hash,
            Class::Partial => MaskSpec::Partial,
            Class::Nullify => MaskSpec::Null,
            Class::Redact => MaskSpec::Redact,
            _ => {
                self.assume(
                    "streams.columns",
                    "Masked columns carry `[redacted]`; `hash`, `partial` and `null` are the other ways.".to_owned(),
                );
                MaskSpec::Redact
            }
        };
        if !names.is_empty() {
            self.change(at, Change::Mask(names, kind));
        }
    }

    /// Another mask for whatever the plan on offer masks.
    fn remask(&mut self, at: usize, class: Class) {
        let kind = match class {
            Class::Hash => MaskSpec::Hash,
            Class::Partial => MaskSpec::Partial,
            Class::Nullify => MaskSpec::Null,
            _ => MaskSpec::Redact,
        };
        self.change(at, Change::Mask(Vec::new(), kind));
    }
}

/// `email hashed`, `phone is masked`, `ssn → null`: the verb stands behind its column.
fn is_passive(sentence: &crate::agent::builtin::token::Sentence, verb: usize, after: usize, class: Class) -> bool {
    let word = sentence.word(verb);
    let participle = word.ends_with("ed") || word.ends_with("en") || matches!(class, Class::Partial);
    let linked = verb > after
        && !(verb == after + 1 && sentence.is(after, &["with", "by", "a", "is", "="]) && class != Class::Hash);
    let only_equals = (after..verb).all(|at| matches!(sentence.text(at), "=" | ":") || sentence.is(at, &["is", "are"]));
    // `phone is null` compares; `phone should be null`, `phone -> null` mask.
    let null = matches!(word, "null" | "nulls" | "blank");
    if null { linked && !only_equals } else { participle || (linked && !only_equals) }
}

/// The type that is named here, as plans write it, and the token after it.
fn type_at(sentence: &crate::agent::builtin::token::Sentence, at: usize) -> Option<(String, usize)> {
    let (words, canonical) = lexicon::types()
        .iter()
        .find(|(words, _)| words.iter().enumerate().all(|(step, word)| sentence.word(at + step) == word))?;
    let length = words.len();
    let to = at + length;
    if sentence.text(to) == "(" {
        let close = (to..sentence.len().min(to + 6)).find(|at| sentence.text(*at) == ")")?;
        let digits = sentence.span(to + 1, close).replace(' ', "");
        let kept = if canonical == "decimal" { format!("decimal({digits})") } else { canonical.to_owned() };
        return Some((kept, close + 1));
    }
    Some((canonical.to_owned(), to))
}
