//! Renaming, casting, keeping and leaving out.

use super::{List, type_at};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::reading::Use;
use crate::agent::builtin::token::Kind;
use crate::agent::builtin::treatment::{Change, Walk};

/// Words between a column and its type.
const LINKS: &[&str] = &[
    "to",
    "as",
    "into",
    "in",
    "a",
    "an",
    "is",
    "be",
    "should",
    "must",
    "shall",
    "has",
    "have",
    "needs",
    "type",
    "of",
    "stored",
    "kept",
    "treated",
    "saved",
    "cast",
    "written",
    "converted",
    "loaded",
    "changed",
    "turned",
    "are",
];

impl Walk<'_> {
    /// `rename full_name to name`, `call it …`, `full_name as name`, `full_name should be called name`.
    pub(super) fn renamed(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        // `Name becomes supplier_name`: a column that is called like the verb.
        let itself = self.context.columns.mention(&sentence, at, &|at| self.free(at)).is_some_and(|(to, _)| {
            sentence.is(to, &["becomes", "become", "as", "should", "will", "is", "shall"])
                || matches!(sentence.text(to), "->" | "→" | "=>")
        });
        let verb = self.verb(at, Class::Rename).filter(|_| !itself);
        let start = at + verb.unwrap_or(0);
        let start = start
            + usize::from(verb.is_some() && sentence.is(start, &["the"]))
            + usize::from(
                verb.is_some() && sentence.is(start + usize::from(sentence.is(start, &["the"])), &["column", "field"]),
            );
        let free = |at: usize| self.free(at);
        let (to, named) = if verb.is_some() {
            self.context.columns.loose_mention(&sentence, start, &free)?
        } else {
            self.context.columns.mention(&sentence, start, &free)?
        };
        let mut here = to + usize::from(sentence.is(to, &["column", "field"]));
        let mut linked = verb.is_some();
        while lexicon::word_is(sentence.word(here), Class::Carried) && !self.ends_name(here)
            || sentence.is(
                here,
                &[
                    "to", "as", "into", "just", "simply", "is", "should", "be", "called", "named", "renamed", "gets",
                    "the", "name", "becomes", "become", "will", "being",
                ],
            )
            || matches!(sentence.text(here), "->" | "→" | "=>" | ":" | "=")
        {
            let name_here = sentence.is(here, &["name"]) && self.ends_name(here);
            if name_here {
                break;
            }
            linked |= sentence.is(here, &["as", "called", "named", "renamed", "becomes", "become"])
                || matches!(sentence.text(here), "->" | "→" | "=>");
            here += 1;
        }
        let token =
            sentence.get(here).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted) && self.free(here))?;
        let name = token.text.clone();
        let typed = type_at(&sentence, here).is_some() && verb.is_none();
        // `call full_name worker`
        let direct = here == to && verb.is_some() && sentence.is(at, &["call", "name", "label", "rename", "alias"]);
        if !linked
            || here == to && !direct
            || typed
            || (token.kind == Kind::Word
                && sentence
                    .is(here, &["key", "the", "cursor", "a", "an", "primary", "null", "is", "and", "hashed", "masked"]))
        {
            return None;
        }
        self.take(at, here + 1);
        if named.how != How::Name {
            self.assume(
                "streams.columns",
                format!("`{}` is read as the column `{}`.", sentence.span(start, to), named.names.join("`, `")),
            );
        }
        self.change(at, Change::Rename(named.names, name));
        let mut end = here + 1;
        // `rename a to b and c to d`
        if verb.is_some() {
            let separators = usize::from(sentence.text(end) == ",")
                + usize::from(sentence.is(end + usize::from(sentence.text(end) == ","), &["and"]));
            let next = (separators > 0)
                .then(|| self.context.columns.mention(&sentence, end + separators, &|at| self.free(at)))
                .flatten();
            if let Some((to, named)) = next
                .filter(|(to, _)| sentence.is(*to, &["to", "as", "into"]) || matches!(sentence.text(*to), "->" | "→"))
            {
                let here = to + 1;
                let token = sentence.get(here).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
                let name = token.text.clone();
                self.take(end, here + 1);
                self.change(at, Change::Rename(named.names, name));
                end = here + 1;
            }
        }
        Some(end)
    }

    /// Whether a word that may lead a name is the name itself: nothing follows it in its clause.
    pub(super) fn ends_name(&self, at: usize) -> bool {
        let sentence = &self.context.reading.sentence;
        at + 1 >= sentence.len()
            || matches!(sentence.text(at + 1), "," | "." | ";" | "!")
            || sentence.is(at + 1, &["and", "in", "into", "to", "on", "please", "every", "for"])
    }

    /// `cast amount to decimal(18,4)`, `store zip as text`, `make it_id a string`.
    pub(super) fn cast(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        let verb = self.verb(at, Class::Cast);
        let mut start = at + verb.unwrap_or(0);
        while verb.is_some() && sentence.is(start, &["the", "type", "of", "column"]) {
            start += 1;
        }
        // `rename a to b and cast it to double`
        let pronoun = verb.is_some() && sentence.is(start, &["it", "them", "those", "both"]);
        let before = pronoun.then(|| self.named_last(at)).flatten();
        let list = match before {
            Some(names) => List { names, unknown: Vec::new(), loose: Vec::new(), to: start + 1 },
            None => self.column_list(start, verb.is_some())?,
        };
        let mut here = list.to;
        while sentence.is(here, LINKS)
            || lexicon::word_is(sentence.word(here), Class::Carried)
            || matches!(sentence.text(here), "->" | "→" | "::" | ":")
        {
            here += 1;
        }
        let (type_name, to) = type_at(&sentence, here)?;
        // `make balance decimal(18,4)`: the verb links them.
        if here == list.to && !(verb.is_some() && sentence.is(at, &["make", "cast", "turn", "store", "convert"]))
            || !list.unknown.is_empty() && list.names.is_empty()
        {
            return None;
        }
        let type_name = if type_name == "decimal" { self.decimal(&list.names) } else { type_name };
        self.take(at, to);
        self.own_columns(&list, "streams.columns");
        self.change(at, Change::Cast(list.names, type_name));
        Some(to)
    }

    /// A decimal wide enough for the column, where no digits were named.
    pub(super) fn decimal(&mut self, names: &[String]) -> String {
        let declared = names.iter().find_map(|name| {
            let spelled = &self.context.columns.get(name)?.spelled;
            let inner = spelled.split_once('(')?.1.strip_suffix(')')?;
            inner.contains(',').then(|| format!("decimal({})", inner.replace(' ', "")))
        });
        let chosen = declared.unwrap_or_else(|| "decimal(38,9)".to_owned());
        self.assume("streams.columns", format!("A decimal without digits named is read as `{chosen}`."));
        chosen
    }

    pub(super) fn restored(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        let length = self.verb(at, Class::Restore)?;
        if sentence.is(at + length, &["only", "just"]) {
            return None;
        }
        let list = self.column_list(at + length, false)?;
        if let Some(to) = self.only_behind(at + length) {
            self.take(at, to);
            return Some(to);
        }
        self.take(at, list.to);
        self.change(at, Change::Restore(list.names));
        Some(list.to)
    }

    /// `without phone`, `drop the email column`, `leave out a, b and c`.
    pub(super) fn left_out(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        // `every column but the phone`, `all but phone`
        let but = sentence.is(at, &["but"])
            && self.free(at)
            && sentence.is(at.wrapping_sub(1), &["column", "columns", "field", "fields", "all", "everything", "it"]);
        let length = self.verb(at, Class::Except).or(but.then_some(1))?;
        let sign = usize::from(matches!(sentence.text(at + length), "=" | ":"));
        let compares = sentence.is(at, &["no"]) && sentence.is(at + 2, &["than"]);
        let list = self.column_list(at + length + sign, true).filter(|_| !compares)?;
        let noun = (at..list.to).any(|at| lexicon::is(&sentence, at, Class::Column))
            || lexicon::is(&sentence, list.to, Class::Column);
        // Unknown names alone are columns only where they are called so, or where nothing else can be left out.
        if list.names.is_empty()
            && !noun
            && (self.context.reading.wildcard.is_some()
                || sentence.is(at, &["forget", "drop", "no", "skip", "remove", "delete", "ignore"]))
        {
            return None;
        }
        self.take(at, list.to);
        self.own_columns(&list, "streams.columns");
        if !list.names.is_empty() {
            self.change(at, Change::Exclude(list.names));
        }
        Some(list.to)
    }

    /// `only id and email`, `just the columns a, b`, `columns: a, b`.
    pub(super) fn selected(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        let noun = sentence.is(at, &["columns", "fields"]).then_some(1);
        // `we only want a and b`, `I just need a and b`
        let length = self.verb(at, Class::Select).or(noun)?;
        let length = length
            + usize::from(
                noun.is_none()
                    && sentence.is(
                        at + length,
                        &["want", "need", "take", "keep", "copy", "load", "use", "get", "bring", "include"],
                    ),
            );
        // `these fields in the lake:` and a list
        let mut length = length;
        while noun.is_some()
            && (self.context.reading.is(at + length, Use::Connection)
                || self.context.reading.is(at + length, Use::Namespace)
                || sentence.is(at + length, &["in", "into", "to", "the", "from", "at", "for"])
                || matches!(sentence.text(at + length), ":" | "*" | "-" | "•"))
            && self.context.columns.mention(&sentence, at + length, &|at| self.free(at)).is_none()
        {
            length += 1;
        }
        let called = noun.is_some()
            || (at + length..at + length + 3).any(|at| sentence.is(at, &["column", "columns", "field", "fields"]));
        let list = self.column_list(at + length, called)?;
        if list.names.is_empty() && list.unknown.is_empty() || sentence.kind(list.to) == Some(Kind::Operator) {
            return None;
        }
        self.take(at, list.to);
        self.own_columns(&list, "streams.columns");
        if !list.names.is_empty() {
            self.change(at, Change::Select(list.names));
        }
        Some(list.to)
    }

    /// `customers (id, email)`.
    pub(super) fn bracketed(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        for at in 1..sentence.len() {
            let behind = self.context.reading.is(at - 1, Use::Stream)
                || self.context.reading.is(at - 1, Use::Connection)
                || self.context.reading.is(at - 1, Use::Namespace);
            let opens = sentence.text(at) == "(" && behind;
            let start = at + 1 + usize::from(sentence.is(at + 1, &["only", "just"]));
            if let Some(list) = opens
                .then(|| self.column_list(start, false))
                .flatten()
                .filter(|list| sentence.text(list.to.saturating_sub(1)) == ")")
            {
                self.take(at, list.to);
                self.change(at, Change::Select(list.names));
            }
        }
    }

    /// `copy id, email and name of customers`, `select id, email from customers`.
    pub(super) fn listed_before_stream(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let stream_at = |from: usize| {
            (from..from + 4)
                .find(|at| !sentence.is(*at, &["the", "my", "our", "table"]))
                .is_some_and(|at| self.context.reading.is(at, Use::Stream))
        };
        for at in 0..sentence.len() {
            let verb =
                lexicon::is(&sentence, at, Class::Transfer) || sentence.is(at, &["select", "take", "get", "only"]);
            let start = at + 1 + usize::from(sentence.is(at + 1, &["only", "just"]));
            let Some(list) = verb.then(|| self.column_list(start, false)).flatten() else { continue };
            if sentence.is(list.to, &["of", "from", "in"]) && stream_at(list.to + 1) {
                self.take(start, list.to);
                self.change(at, Change::Select(list.names));
                return;
            }
        }
    }

    /// `phone and email are left out`, `vat_no should be dropped`, `fax is not needed`, `the phone must not be copied`.
    pub(super) fn left_out_behind(&self, list: &List) -> Option<usize> {
        let sentence = &self.context.reading.sentence;
        let modal = |at: usize| {
            lexicon::word_is(sentence.word(at), Class::Modal)
                || sentence.is(at, &["to", "being", "gets", "get", "stays", "stay"])
        };
        let mut verb = list.to;
        while modal(verb) && self.free(verb) {
            verb += 1;
        }
        let denied = usize::from(lexicon::word_is(sentence.word(verb), Class::Denial) && self.free(verb));
        if denied == 1 {
            let mut taken = verb + 1;
            while lexicon::word_is(sentence.word(taken), Class::Hedge)
                && !lexicon::is(sentence, taken, Class::Taken)
                && taken < verb + 6
            {
                taken += 1;
            }
            let participle = lexicon::word_is(sentence.word(taken), Class::Transfer)
                && (taken > verb + 1 || sentence.word(taken).ends_with("ed"));
            let length = lexicon::phrase(sentence, taken, Class::Taken).or(participle.then_some(1))?;
            return Some(taken + length);
        }
        let gone = sentence.is(verb, &["left", "taken", "kept", "stay", "stays", "leave", "thrown", "cut", "stripped"])
            && sentence.is(verb + 1, &["out", "away", "off", "aside", "behind"]);
        // `phone out as well`
        let ends = verb + 1 >= sentence.len()
            || sentence.kind(verb + 1) == Some(Kind::Mark)
            || sentence.is(verb + 1, &["as", "too", "also", "please", "again", "and"]);
        let out = sentence.is(verb, &["out", "off", "away", "behind"])
            && (verb > 0 && sentence.is(verb - 1, &["stay", "stays", "is", "are", "be", "get"]) || ends);
        let plain = sentence.is(
            verb,
            &[
                "dropped",
                "excluded",
                "removed",
                "omitted",
                "skipped",
                "ignored",
                "stripped",
                "unwanted",
                "unneeded",
                "excluding",
                "left-out",
                "discarded",
                "deleted",
                "unnecessary",
                "irrelevant",
                "superfluous",
                "forbidden",
                "off-limits",
                "taboo",
            ],
        );
        // `phone can go`, and nowhere else.
        let goes = sentence.is(verb, &["go"])
            && (verb + 1 >= sentence.len()
                || sentence.kind(verb + 1) == Some(Kind::Mark)
                || sentence.is(verb + 1, &["and", "please", "too", "away"]));
        let length = if gone { 2 } else { usize::from(plain || out || goes) };
        let plainly = (out || plain || sentence.is(verb, &["gone"])) && ends;
        let length = if length == 0 { usize::from(plainly) } else { length };
        ((verb > list.to || plainly) && length > 0).then_some(verb + length)
    }

    /// `id and email only`, `id, email and nothing else`: the columns that are kept stand before the word.
    pub(super) fn only_behind(&mut self, at: usize) -> Option<usize> {
        let sentence = self.context.reading.sentence.clone();
        let led = at.checked_sub(1).is_some_and(|before| {
            sentence.is(before, &["by", "on", "using", "via", "cursor", "key", "without", "where", "whose"])
                || sentence.kind(before) == Some(Kind::Operator)
        });
        let list = self.column_list(at, false).filter(|_| !led)?;
        let and =
            usize::from(matches!(sentence.text(list.to), ",")) + usize::from(sentence.is(list.to, &["and", "but"]));
        let nothing = sentence.is(list.to + and, &["nothing"]) && sentence.is(list.to + and + 1, &["else", "more"]);
        let alone = sentence.is(list.to, &["only", "alone", "exclusively", "solely"])
            && !sentence
                .is(list.to + 1, &["where", "when", "if", "for", "rows", "the", "new", "changed", "in", "as", "with"])
            && lexicon::longest(&sentence, list.to + 1, &[Class::Hash, Class::Mask, Class::Redact]).is_none();
        if !nothing && !alone {
            return None;
        }
        let to = list.to + if nothing { and + 2 } else { 1 };
        self.take(at, to);
        self.change(at, Change::Select(list.names));
        Some(to)
    }

    /// A bare column as the answer to a question about columns.
    pub(super) fn asked_columns(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        for at in 0..sentence.len() {
            if let Some(list) =
                self.free(at).then(|| self.column_list(at, true)).flatten().filter(|list| list.unknown.is_empty())
            {
                self.take(at, list.to);
                self.change(at, Change::Restore(list.names));
                return;
            }
        }
    }
}
