//! Connections by name, label, connector, kind and the words that make up their names.

use std::collections::BTreeSet;

use super::How;
use crate::agent::builtin::fold::{fold, parts, slips};
use crate::agent::builtin::knowledge::Connection;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// The workspace's connections, ready to be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    connection: Connection,
    name: String,
    label: String,
    /// Words of the name and the label.
    words: BTreeSet<String>,
    /// What those words may be short for, and the kind of system.
    loose: BTreeSet<String>,
    /// Words for its connector, folded.
    nicknames: BTreeSet<String>,
}

/// Connections that a span of a sentence may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub from: usize,
    pub to: usize,
    pub names: Vec<String>,
    pub how: How,
    /// Read without regard to where it stands: a name, a label, a connector. Otherwise it takes a `from` or a `to`.
    pub strong: bool,
}

impl Directory {
    pub(crate) fn new(connections: &[Connection]) -> Self {
        Self { entries: connections.iter().map(entry).collect() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Connection> {
        self.entries.iter().map(|entry| &entry.connection).find(|connection| connection.name == name)
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.entries.iter().map(|entry| &entry.connection)
    }

    /// The connections meant by the longest span that begins here.
    pub(crate) fn mention(&self, sentence: &Sentence, at: usize, free: &dyn Fn(usize) -> bool) -> Option<Mention> {
        self.named(sentence, at, free).or_else(|| self.described(sentence, at, free))
    }

    /// By the whole name or label.
    fn named(&self, sentence: &Sentence, at: usize, free: &dyn Fn(usize) -> bool) -> Option<Mention> {
        for length in (1..=6).rev() {
            let to = at + length;
            if to > sentence.len()
                || !(at..to).all(|here| {
                    let inside = here > at && matches!(sentence.text(here), "-" | "'" | "’");
                    free(here) && (sentence.kind(here) != Some(Kind::Mark) || inside)
                })
                || sentence.kind(to - 1) == Some(Kind::Mark)
            {
                continue;
            }
            let folded = sentence.folded(at, to);
            if folded.len() < 2 || (at..to).any(|here| sentence.contracted(here)) {
                continue;
            }
            let names: Vec<String> = self
                .entries
                .iter()
                .filter(|entry| entry.name == folded || entry.label == folded)
                .map(|entry| entry.connection.name.clone())
                .collect();
            if !names.is_empty() {
                // A connection that is called by an everyday word (`files`, `lake`) is meant only where a place is meant.
                let strong =
                    length > 1 || !lexicon::is_known(sentence.word(at)) || sentence.kind(at) == Some(Kind::Quoted);
                return Some(Mention { from: at, to: trailing(sentence, to, free), names, how: How::Name, strong });
            }
        }
        None
    }

    /// By its connector and by words of its name, in any order: `the legacy mysql`, `finance snowflake db`.
    fn described(&self, sentence: &Sentence, at: usize, free: &dyn Fn(usize) -> bool) -> Option<Mention> {
        let mut meant: Option<Vec<&Entry>> = None;
        let (mut here, mut to, mut count, mut by_connector) = (at, at, 0, false);
        while here < sentence.len() && free(here) && here < at + 7 {
            let (found, length, connector) = self.word(sentence, here, free);
            if found.is_empty() {
                let noun = here > at
                    && (lexicon::is(sentence, here, Class::Connection) || sentence.is(here, &["the", "our", "my"]));
                if !noun || sentence.is(here, &["the", "our", "my"]) && count == 0 {
                    break;
                }
                here += 1;
                continue;
            }
            let narrowed: Vec<&Entry> = match &meant {
                Some(meant) => found
                    .into_iter()
                    .filter(|entry| meant.iter().any(|other| other.connection.name == entry.connection.name))
                    .collect(),
                None => found,
            };
            if narrowed.is_empty() {
                break;
            }
            meant = Some(narrowed);
            by_connector |= connector;
            count += 1;
            here += length;
            to = here;
        }
        let names: Vec<String> = meant?.into_iter().map(|entry| entry.connection.name.clone()).collect();
        let spelled = sentence.folded(at, to);
        let plain_nickname = by_connector && count == 1 && lexicon::is_known(&spelled);
        let strong = (by_connector && !plain_nickname && spelled.len() >= 2) || count >= 2;
        Some(Mention { from: at, to: trailing(sentence, to, free), names, how: How::Part, strong })
    }

    /// The entries that a word or a nickname of several words may mean.
    fn word(&self, sentence: &Sentence, at: usize, free: &dyn Fn(usize) -> bool) -> (Vec<&Entry>, usize, bool) {
        for length in (1..=4).rev() {
            let to = at + length;
            if to > sentence.len()
                || !(at..to).all(|at| {
                    free(at) && sentence.kind(at) != Some(Kind::Mark) && sentence.kind(at) != Some(Kind::Operator)
                })
            {
                continue;
            }
            let folded = sentence.folded(at, to);
            let found: Vec<&Entry> = self.entries.iter().filter(|entry| entry.nicknames.contains(&folded)).collect();
            if !found.is_empty() {
                return (found, length, true);
            }
        }
        if sentence.kind(at) == Some(Kind::Mark) || sentence.kind(at) == Some(Kind::Operator) {
            return (Vec::new(), 0, false);
        }
        let word = fold(sentence.text(at));
        if word.len() < 2
            || lexicon::word_is(sentence.word(at), Class::Determiner)
            || lexicon::word_is(sentence.word(at), Class::Generic)
        {
            return (Vec::new(), 0, false);
        }
        let literal: Vec<&Entry> = self.entries.iter().filter(|entry| entry.words.contains(&word)).collect();
        if !literal.is_empty() {
            return (literal, 1, false);
        }
        let expanded = lexicon::systems().abbreviations.get(&word);
        let loose = self
            .entries
            .iter()
            .filter(|entry| entry.loose.contains(&word) || expanded.is_some_and(|word| entry.words.contains(word)))
            .collect();
        (loose, 1, false)
    }

    /// The connections that an unknown word may be a slip for.
    pub(crate) fn slip(&self, sentence: &Sentence, at: usize) -> Option<Mention> {
        let word = fold(sentence.text(at));
        if word.len() < 4 || lexicon::is_known(sentence.word(at)) {
            return None;
        }
        let mut best: Option<(usize, Vec<String>)> = None;
        for entry in &self.entries {
            let spelled = std::iter::once(&entry.name)
                .chain(&entry.nicknames)
                .chain(entry.words.iter().filter(|word| word.len() >= 5));
            let Some(distance) = spelled.filter_map(|meant| slips(&word, meant)).min() else { continue };
            match &mut best {
                Some((least, names)) if *least == distance => names.push(entry.connection.name.clone()),
                Some((least, _)) if *least < distance => {}
                _ => best = Some((distance, vec![entry.connection.name.clone()])),
            }
        }
        best.map(|(_, names)| Mention { from: at, to: at + 1, names, how: How::Slip, strong: false })
    }

    /// A system that people name but that no connection here is of: the connector's id and how many tokens name it.
    pub(crate) fn foreign_system(&self, sentence: &Sentence, at: usize) -> Option<(String, usize)> {
        for length in (1..=4).rev() {
            let to = at + length;
            if to > sentence.len()
                || (at..to).any(|at| {
                    sentence.kind(at) != Some(Kind::Word)
                        && sentence.kind(at) != Some(Kind::Number)
                        && sentence.text(at) != "/"
                })
            {
                continue;
            }
            let folded = sentence.folded(at, to);
            if folded.len() < 2 {
                continue;
            }
            if let Some(id) = lexicon::nickname(&folded) {
                return (!self.entries.iter().any(|entry| connector_id(&entry.connection.connector) == id))
                    .then(|| (id.to_owned(), length));
            }
        }
        None
    }
}

/// `the postgres database`, `snowflake account`: the noun belongs to the name.
fn trailing(sentence: &Sentence, mut to: usize, free: &dyn Fn(usize) -> bool) -> usize {
    while free(to)
        && sentence.is(
            to,
            &[
                "database",
                "databse",
                "db",
                "warehouse",
                "connection",
                "server",
                "instance",
                "cluster",
                "account",
                "system",
                "bucket",
                "lake",
            ],
        )
    {
        to += 1;
    }
    to
}

fn connector_id(connector: &str) -> String {
    lexicon::systems().shared.get(&fold(connector)).cloned().unwrap_or_else(|| connector.to_owned())
}

fn entry(connection: &Connection) -> Entry {
    let systems = lexicon::systems();
    let id = connector_id(&connection.connector);
    let mut nicknames: BTreeSet<String> =
        systems.nicknames.get(&id).into_iter().flatten().map(|word| fold(word)).collect();
    nicknames.insert(fold(&id));
    nicknames.insert(fold(&connection.connector));
    let label = connection.label.clone().unwrap_or_default();
    let words: BTreeSet<String> = parts(&connection.name)
        .into_iter()
        .chain(parts(&label))
        .filter(|word| {
            word.len() >= 2 && !lexicon::word_is(word, Class::Generic) && !lexicon::word_is(word, Class::Determiner)
        })
        .filter(|word| {
            !matches!(
                word.as_str(),
                "db" | "database"
                    | "connection"
                    | "server"
                    | "in"
                    | "for"
                    | "and"
                    | "to"
                    | "from"
                    | "source"
                    | "destination"
            )
        })
        .collect();
    let kind = if connection.kind.is_empty() {
        systems.kind_of.get(&id).cloned().unwrap_or_default()
    } else {
        connection.kind.clone()
    };
    let mut loose: BTreeSet<String> =
        words.iter().filter_map(|word| systems.abbreviations.get(word)).cloned().collect();
    loose.extend(systems.kinds.get(&kind).into_iter().flatten().map(|word| fold(word)));
    loose.extend(
        systems.kind_of.get(&id).and_then(|kind| systems.kinds.get(kind)).into_iter().flatten().map(|word| fold(word)),
    );
    Entry { name: fold(&connection.name), label: fold(&label), words, loose, nicknames, connection: connection.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let connection = |name: &str, connector: &str, label: &str| Connection {
            name: name.to_owned(),
            label: Some(label.to_owned()),
            connector: connector.to_owned(),
            source: true,
            destination: true,
            ..Connection::default()
        };
        Directory::new(&[
            connection("shop_pg", "postgres", "ShopFlow production"),
            connection("crm_pg", "postgres", "CRM Postgres"),
            connection("legacy_mysql", "mysql", "Legacy shop MySQL"),
            connection("analytics_bq", "bigquery", "Analytics warehouse"),
            connection("wh_snowflake", "snowflake", "Finance Snowflake"),
            connection("lake", "s3", "Data lake bucket"),
        ])
    }

    fn found(text: &str) -> Vec<String> {
        let sentence = Sentence::new(text);
        (0..sentence.len())
            .find_map(|at| directory().mention(&sentence, at, &|_| true))
            .map(|mention| mention.names)
            .unwrap_or_default()
    }

    #[test]
    fn connections_are_found_by_what_people_call_them() {
        assert_eq!(found("shop_pg"), ["shop_pg"]);
        assert_eq!(found("Shop PG"), ["shop_pg"]);
        assert_eq!(found("postgresql"), ["shop_pg", "crm_pg"]);
        assert_eq!(found("the legacy mysql"), ["legacy_mysql"]);
        assert_eq!(found("crm postgres database"), ["crm_pg"]);
        assert_eq!(found("big query"), ["analytics_bq"]);
        assert_eq!(found("finance snowflake"), ["wh_snowflake"]);
        assert_eq!(found("production postgres"), ["shop_pg"]);
        assert_eq!(found("prod pg"), ["shop_pg"]);
        assert_eq!(found("the warehouse"), ["analytics_bq"]);
        assert_eq!(found("data lake"), ["lake"]);
        assert!(found("anything").is_empty());
    }
}
