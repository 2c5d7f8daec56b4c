//! What happens to columns: left out, kept alone, masked, renamed, cast.

mod choice;
mod mask;

use std::collections::BTreeSet;

use super::{Change, Walk};
use crate::agent::builtin::fold::{fold, likeness, parts};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;

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
    #[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
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
    #[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
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
