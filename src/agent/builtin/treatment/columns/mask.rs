//! What hides the values of columns, and what shows them again.

use super::{List, MASKS};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::treatment::{Change, Walk};
use crate::plan::spec::MaskSpec;

impl Walk<'_> {
    pub(super) fn unmasked(&mut self, at: usize) -> Option<usize> {
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
    pub(super) fn masked(&mut self, at: usize) -> Option<usize> {
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
    pub(super) fn named_last(&mut self, at: usize) -> Option<Vec<String>> {
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
    pub(super) fn mask(&mut self, at: usize, names: Vec<String>, class: Class, mut behind: usize) {
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
    pub(super) fn remask(&mut self, at: usize, class: Class) {
        let kind = match class {
            Class::Hash => MaskSpec::Hash,
            Class::Partial => MaskSpec::Partial,
            Class::Nullify => MaskSpec::Null,
            _ => MaskSpec::Redact,
        };
        self.change(at, Change::Mask(Vec::new(), kind));
    }
}
