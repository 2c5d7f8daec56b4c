//! Streams by name: qualified or not, in the singular, with a slip, without the prefix that a modeller gave them.

use std::collections::HashSet;

use super::How;
use crate::agent::builtin::fold::{fold, likeness, parts, same_but_number, singulars, slips};
use crate::agent::builtin::knowledge::Stream;
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::{Kind, Sentence};

/// Prefixes and endings that modellers put on tables and people leave out.
const AFFIXES: &[&str] =
    &["tbl", "t", "dim", "fct", "fact", "stg", "src", "vw", "v", "raw", "dbo", "tab", "table", "ods", "ref", "lkp"];

/// The streams of the connections that may be the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    entries: Vec<Entry>,
    /// Every folded form that a name can be found by, so that other words are passed over at once.
    forms: HashSet<String>,
    /// The words of names of several words, in the order of the alphabet.
    bags: HashSet<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    connection: String,
    stream: Stream,
    /// Folded: the whole as plans name it, the last part, the last part without affixes.
    whole: String,
    name: String,
    stem: String,
    /// Folded: the connection's name before the whole and before the last part.
    with_connection: [String; 2],
    /// Folded: a file's name without its folders and endings.
    file: Option<String>,
    parts: Vec<String>,
}

impl Entry {
    fn forms(&self) -> Vec<String> {
        let spelled = [&self.whole, &self.name, &self.stem].into_iter().chain(&self.with_connection).chain(&self.file);
        spelled.flat_map(|form| singulars(form)).collect()
    }
}

/// How closely a name is that of a stream; the first is the closest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// As plans spell it, to the letter.
    Letter,
    Whole,
    Name,
    Folded,
    Number,
    File,
    Stem,
    /// The same words in another order: `api call log` for `log_api_call`.
    Turned,
}

/// A name as written.
struct Asked<'a> {
    name: &'a str,
    written: &'a str,
    /// Its words in the order of the alphabet.
    words: &'a str,
    qualified: bool,
}

impl Asked<'_> {
    fn rank(&self, entry: &Entry) -> Option<Rank> {
        let written = self.written;
        let [connection_whole, connection_name] = &entry.with_connection;
        if entry.stream.stream == self.name {
            Some(Rank::Letter)
        } else if entry.whole == written || connection_whole == written {
            Some(Rank::Whole)
        } else if entry.stream.name == self.name {
            Some(Rank::Name)
        } else if entry.name == written || self.qualified && connection_name == written {
            Some(Rank::Folded)
        } else if same_but_number(&entry.name, written) || self.qualified && same_but_number(&entry.whole, written) {
            Some(Rank::Number)
        } else if entry.file.as_ref().is_some_and(|file| same_but_number(file, written)) {
            Some(Rank::File)
        } else if entry.stem != entry.name && same_but_number(&entry.stem, written) {
            Some(Rank::Stem)
        } else if self.words.contains(' ') && bag(&entry.parts) == self.words {
            Some(Rank::Turned)
        } else {
            None
        }
    }
}

/// Endings of files that hold rows.
const FILE_ENDINGS: &[&str] =
    &["csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "avro", "orc", "xml", "xlsx", "gz", "zst", "log"];

/// One stream of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub connection: String,
    pub stream: String,
}

/// What a name may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub candidates: Vec<Candidate>,
    pub how: How,
}

impl Streams {
    pub(crate) fn add(&mut self, connection: &str, streams: &[Stream]) {
        for stream in streams {
            let known =
                self.entries.iter().any(|entry| entry.connection == connection && entry.stream.stream == stream.stream);
            if !known {
                self.entries.push(entry(connection, stream));
            }
        }
        self.without_shared_prefix(connection);
        self.bags.extend(self.entries.iter().filter(|entry| entry.parts.len() > 1).map(|entry| bag(&entry.parts)));
        self.forms.extend(self.entries.iter().filter(|entry| entry.connection == connection).flat_map(Entry::forms));
    }

    /// `app_account`, `app_claim`, `app_address`: what most names of a source begin with is left out by people.
    fn without_shared_prefix(&mut self, connection: &str) {
        const FEW: usize = 3;
        let own = |entry: &&mut Entry| entry.connection == connection && entry.parts.len() > 1;
        let all = self.entries.iter().filter(|entry| entry.connection == connection).count();
        let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for entry in self.entries.iter_mut().filter(own) {
            if let Some(first) = entry.parts.first() {
                *counts.entry(first.clone()).or_default() += 1;
            }
        }
        let shared: Vec<String> = counts
            .into_iter()
            .filter(|(_, count)| *count >= FEW && *count * 2 > all)
            .map(|(prefix, _)| prefix)
            .collect();
        for entry in self.entries.iter_mut().filter(own) {
            if entry.parts.first().is_some_and(|first| shared.contains(first)) && entry.stem == entry.name {
                entry.stem = entry.parts.get(1..).unwrap_or_default().concat();
            }
        }
    }

    pub(crate) fn of(&self, connection: &str) -> impl Iterator<Item = &Stream> {
        self.entries.iter().filter(move |entry| entry.connection == connection).map(|entry| &entry.stream)
    }

    pub(crate) fn get(&self, connection: &str, stream: &str) -> Option<&Stream> {
        self.of(connection).find(|found| found.stream == stream)
    }

    /// Streams called exactly so. Each connection answers with its closest: two streams of one connection that differ in
    /// case alone are still two, while `patients` here and `Patients` there are both meant.
    pub(crate) fn named(&self, name: &str) -> Option<Found> {
        self.named_in(name, None)
    }

    /// [`Self::named`] among the streams of these connections.
    pub(crate) fn named_in(&self, name: &str, connections: Option<&[String]>) -> Option<Found> {
        let written = fold(name);
        let words = bag(&parts(name));
        let turned = words.contains(' ') && self.bags.contains(&words);
        if written.is_empty()
            || name.contains(['*', '%'])
            || !turned && !singulars(&written).iter().any(|form| self.knows(form))
        {
            return None;
        }
        let asked = Asked { name, written: &written, words: &words, qualified: name.contains('.') };
        let among = |entry: &&Entry| connections.is_none_or(|connections| connections.contains(&entry.connection));
        let ranked: Vec<(&Entry, Rank)> =
            self.entries.iter().filter(among).filter_map(|entry| asked.rank(entry).map(|rank| (entry, rank))).collect();
        let best = ranked.iter().map(|(_, rank)| *rank).min()?;
        let closest = |connection: &str| {
            ranked.iter().filter(|(entry, _)| entry.connection == connection).map(|(_, rank)| *rank).min()
        };
        let candidates = ranked
            .iter()
            .filter(|(entry, rank)| {
                closest(&entry.connection) == Some(*rank)
                    && (*rank == best || (best >= Rank::Name || !asked.qualified) && *rank < Rank::File)
            })
            .map(|(entry, _)| candidate(entry))
            .collect();
        Some(Found { candidates, how: if best >= Rank::Stem { How::Part } else { How::Name } })
    }

    fn knows(&self, form: &str) -> bool {
        self.forms.contains(form)
    }

    /// Streams that the name may be a slip for; alone when nothing else comes near.
    pub(crate) fn slip(&self, name: &str) -> Option<Found> {
        let last = name.rsplit('.').next().unwrap_or(name);
        let written = fold(last);
        let whole = fold(name);
        let distance = |entry: &Entry| {
            [slips(&written, &entry.name), slips(&written, &entry.stem), slips(&whole, &entry.whole)]
                .into_iter()
                .flatten()
                .min()
        };
        let least = self.entries.iter().filter_map(&distance).min()?;
        // Within the margin of one slip, the name may mean either.
        let near = self.entries.iter().filter(|entry| distance(entry).is_some_and(|distance| distance <= least));
        let candidates = near.map(candidate).collect();
        Some(Found { candidates, how: How::Slip })
    }

    /// Streams that hold these words in their name.
    pub(crate) fn holding(&self, words: &[String]) -> Option<Found> {
        if words.is_empty() || words.iter().all(|word| word.len() < 3) {
            return None;
        }
        self.collect(|entry| words.iter().all(|word| entry.parts.iter().any(|part| same_but_number(part, word))))
            .map(|found| Found { how: How::Part, ..found })
    }

    /// The likest names, for suggestions.
    pub(crate) fn like(&self, name: &str, connections: Option<&[String]>) -> Vec<Candidate> {
        let written = fold(name);
        let mut scored: Vec<(f64, &Entry)> = self
            .entries
            .iter()
            .filter(|entry| connections.is_none_or(|connections| connections.contains(&entry.connection)))
            .map(|entry| (likeness(&written, &entry.name).max(likeness(&written, &entry.stem)), entry))
            .collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        scored.into_iter().take(4).map(|(_, entry)| candidate(entry)).collect()
    }

    /// Streams that a pattern with `*` or `%` matches, by whole or last name.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<Candidate> {
        let pattern = pattern.to_lowercase().replace('%', "*");
        let fits = |entry: &&Entry| {
            glob(&pattern, &entry.stream.stream.to_lowercase()) || glob(&pattern, &entry.stream.name.to_lowercase())
        };
        self.entries.iter().filter(fits).map(candidate).collect()
    }

    fn collect(&self, fits: impl Fn(&Entry) -> bool) -> Option<Found> {
        let candidates: Vec<Candidate> = self.entries.iter().filter(|entry| fits(entry)).map(candidate).collect();
        (!candidates.is_empty()).then_some(Found { candidates, how: How::Name })
    }

    /// The longest span from here on that names a stream; `due` where nothing but a stream is expected.
    pub(crate) fn mention(
        &self,
        sentence: &Sentence,
        at: usize,
        free: &dyn Fn(usize) -> bool,
        due: bool,
    ) -> Option<(usize, Found)> {
        for length in (1..=6).rev() {
            let to = at + length;
            if to > sentence.len()
                || !(at..to).all(|here| free(here) && joins(sentence, here, at) && !sentence.contracted(here))
            {
                continue;
            }
            if sentence.get(to - 1).is_some_and(|token| token.kind == Kind::Mark || token.kind == Kind::Operator) {
                continue;
            }
            let name = sentence.name(at, to);
            let Some(found) = self.named(&name) else { continue };
            // A lone word that is part of the language of requests names a stream only where one is expected.
            let everyday = length == 1
                && sentence.get(at).is_some_and(|token| token.kind == Kind::Word && lexicon::is_known(&token.word));
            // `Case`, in the very letters of the stream and not at the head of a sentence.
            let lettered = at > 0
                && !matches!(sentence.text(at - 1), "." | "!" | "?" | ":")
                && name.chars().any(char::is_uppercase)
                && found.candidates.iter().any(|candidate| candidate.stream.rsplit('.').next() == Some(name.as_str()));
            if !everyday || due || lettered || expected(sentence, at) {
                return Some((to, found));
            }
        }
        None
    }
}

/// Whether a stream is expected at this place: beside `table`, or as the bare object of a verb.
fn expected(sentence: &Sentence, at: usize) -> bool {
    use lexicon::{Class, is, word_is};
    let noun_after = is(sentence, at + 1, Class::Table);
    let mut before = at;
    while let Some(previous) = before.checked_sub(1).filter(|previous| {
        sentence.is(*previous, &["the", "my", "our", "a", "this", "that", "your", "all", "entire", "whole"])
    }) {
        before = previous;
    }
    let lead = before.checked_sub(1).map_or("", |at| sentence.word(at));
    let noun_before = word_is(lead, Class::Table);
    let verb_before = word_is(lead, Class::Transfer);
    let ends = at + 1 >= sentence.len()
        || is(sentence, at + 1, Class::From)
        || is(sentence, at + 1, Class::To)
        || sentence.is(at + 1, &["in", "and"])
        || matches!(sentence.text(at + 1), "," | ".");
    noun_after
        || noun_before
        || (verb_before && ends)
        || sentence.get(at).is_some_and(|token| {
            token.text.chars().any(char::is_uppercase) && !token.text.chars().next().is_some_and(char::is_uppercase)
        })
}

/// Whether a token may stand inside a name that begins at `first`: words do; `/` and `-` do where nothing stands around them.
fn joins(sentence: &Sentence, at: usize, first: usize) -> bool {
    match sentence.kind(at) {
        Some(Kind::Word | Kind::Number) => true,
        // `"sales"."Order Lines"`
        Some(Kind::Quoted) => at == first || sentence.text(at - 1) == "." && joins(sentence, at - 1, first),
        Some(Kind::Mark) => {
            matches!(sentence.text(at), "/" | "-" | ".")
                && at > first
                && sentence.get(at).is_some_and(|token| token.glued)
                && sentence.get(at + 1).is_some_and(|token| token.glued)
        }
        _ => false,
    }
}

/// Words in the singular and in the order of the alphabet.
fn bag(parts: &[String]) -> String {
    let mut words: Vec<String> = parts.iter().map(|part| singulars(part).pop().unwrap_or_default()).collect();
    words.sort_unstable();
    words.join(" ")
}

fn candidate(entry: &Entry) -> Candidate {
    Candidate { connection: entry.connection.clone(), stream: entry.stream.stream.clone() }
}

fn entry(connection: &str, stream: &Stream) -> Entry {
    let name = fold(&stream.name);
    let mut words = parts(&stream.name);
    while words.len() > 1 && words.first().is_some_and(|word| AFFIXES.contains(&word.as_str())) {
        words.remove(0);
    }
    while words.len() > 1
        && words.last().is_some_and(|word| matches!(word.as_str(), "tbl" | "table" | "v1" | "v2" | "v3" | "t" | "tab"))
    {
        words.pop();
    }
    let whole = fold(&stream.stream);
    let of = fold(connection);
    let base = stream.stream.rsplit('/').next().unwrap_or_default();
    let is_file = stream.stream.contains('/') || base.split('.').skip(1).any(|ending| FILE_ENDINGS.contains(&ending));
    let file = is_file.then(|| fold(base.split('.').next().unwrap_or(base))).filter(|file| !file.is_empty());
    Entry {
        connection: connection.to_owned(),
        with_connection: [format!("{of}{whole}"), format!("{of}{name}")],
        whole,
        file,
        stem: words.concat(),
        parts: parts(&stream.name),
        name,
        stream: stream.clone(),
    }
}

/// `*` stands for any run of letters.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or("");
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        let mut streams = Streams::default();
        let all: Vec<Stream> = [
            "public.customers",
            "public.orders",
            "public.order_items",
            "public.dim_store",
            "public.Order Notes",
            "archive.orders",
        ]
        .iter()
        .map(|stream| Stream {
            stream: (*stream).to_owned(),
            name: stream.split('.').nth(1).unwrap().to_owned(),
            readable: true,
            ..Stream::default()
        })
        .collect();
        streams.add("pg", &all);
        streams
    }

    fn named(name: &str) -> Vec<String> {
        streams()
            .named(name)
            .map(|found| found.candidates.into_iter().map(|candidate| candidate.stream).collect())
            .unwrap_or_default()
    }

    #[test]
    fn streams_are_found_by_what_people_call_them() {
        assert_eq!(named("customer"), ["public.customers"]);
        assert_eq!(named("Order Items"), ["public.order_items"]);
        assert_eq!(named("public.orders"), ["public.orders"]);
        assert_eq!(named("orders"), ["public.orders", "archive.orders"]);
        assert_eq!(named("stores"), ["public.dim_store"]);
        assert_eq!(named("order notes"), ["public.Order Notes"]);
        assert!(named("invoices").is_empty());
        assert_eq!(streams().slip("custmers").unwrap().candidates.len(), 1);
        assert_eq!(streams().matching("order*").len(), 4);
    }

    #[test]
    fn patterns_match_whole_names() {
        assert!(glob("order*", "orders") && glob("*", "x") && glob("a*c*e", "abcde") && glob("abc", "abc"));
        assert!(!glob("order", "orders") && !glob("*x", "xy") && !glob("a*b", "ba"));
    }
}
