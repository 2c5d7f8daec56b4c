//! What one utterance says about *what* moves and *between what*: connections, namespaces, streams. Columns, filters, modes
//! and schedules are read afterwards, when it is known which streams are meant.

mod due;
pub(super) mod namesake;
mod namespace;
mod object;
pub(super) mod passage;
mod phrasal;
mod place;
mod region;
mod stranger;
mod target;
mod wildcard;

pub(super) use passage::begins;
pub(super) use region::clause_start;

use super::knowledge::{Knowledge, Known, Listing, all};
use super::lexicon::{self, Class};
use super::link::How;
use super::link::connection::Directory;
use super::link::stream::{Candidate, Streams};
use super::token::{Kind, Sentence};

/// What a token was read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Use {
    #[default]
    Free,
    /// Inside a condition on rows.
    Shaded,
    Connection,
    Namespace,
    Stream,
    Target,
    Unknown,
    /// Told, and not asked for: the past, a greeting, a signature.
    Aside,
}

/// A connection as named: by its candidates, or as something that the workspace does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub words: String,
    pub names: Vec<String>,
    pub how: How,
    /// The connector of a system that no connection here is of.
    pub system: Option<String>,
}

/// A namespace as named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub name: String,
    /// What was written, where it was read as another name.
    pub slip_of: Option<String>,
    /// Connections that have it; empty when none does.
    pub of: Vec<String>,
}

/// Streams as named at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub from: usize,
    pub to: usize,
    pub words: String,
    pub candidates: Vec<Candidate>,
    pub how: How,
    /// Named to be left out.
    pub left_out: bool,
}

/// Many streams at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// With `*` for any letters; `*` alone is every stream.
    pub pattern: String,
    pub words: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub sentence: Sentence,
    pub uses: Vec<Use>,
    pub source: Option<Place>,
    pub destination: Option<Place>,
    /// Connections that are no longer wanted: `instead of snowflake`.
    pub replaced: Vec<String>,
    pub namespace: Option<Namespace>,
    pub source_namespace: Option<String>,
    pub mentions: Vec<Mention>,
    pub wildcard: Option<Wildcard>,
    /// Names that were meant as streams and are none, and where they stand.
    pub unknown: Vec<(String, usize)>,
    /// Names for targets: of the mention at this place, or of the only stream.
    pub targets: Vec<(Option<usize>, String)>,
    /// It asks for data to move.
    pub transfer: bool,
    pub additive: bool,
    pub instead: bool,
    /// Names of connections that play no part, and may be streams.
    unclaimed: Vec<(usize, usize)>,
    /// Tokens that name a column of a stream that is spoken of.
    columns: Vec<bool>,
    /// Tokens of passages that only describe.
    described: Vec<bool>,
}

/// What the talk has said before, as far as it bears on reading the next utterance.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub source: Vec<String>,
    pub destination: Vec<String>,
    /// A plan or a part of one is there to be changed.
    pub begun: bool,
    /// The streams chosen so far.
    pub picked: Vec<Candidate>,
    pub wildcard: bool,
    /// The slot that the last question was about.
    pub focus: Option<String>,
}

impl Reading {
    pub(super) fn free(&self, at: usize) -> bool {
        self.uses.get(at) == Some(&Use::Free)
    }

    /// Whether a place names a column of a stream that is spoken of.
    fn is_column(&self, at: usize) -> bool {
        self.columns.get(at) == Some(&true)
    }

    fn mark(&mut self, from: usize, to: usize, value: Use) {
        for place in self.uses.iter_mut().take(to).skip(from) {
            *place = value;
        }
    }

    pub(super) fn is(&self, at: usize, value: Use) -> bool {
        self.uses.get(at) == Some(&value)
    }

    /// Whether anything was said about what moves or between what.
    pub(super) fn has_objects(&self) -> bool {
        self.source.is_some()
            || self.destination.is_some()
            || self.namespace.is_some()
            || !self.mentions.is_empty()
            || self.wildcard.is_some()
            || !self.unknown.is_empty()
    }
}

/// Reads the objects of an utterance. Asks for the listings that it takes.
pub(super) fn read(say: &str, know: &Knowledge, directory: &Directory, before: &Before) -> Known<(Reading, Streams)> {
    let read = read_passages(say, know, directory, before, true)?;
    // `Yesterday Jonas loaded the turbines by hand. Set that up properly`: what was told is what is asked for.
    let told = read.0.uses.contains(&Use::Aside) && !read.0.has_objects() && !before.begun;
    if told { read_passages(say, know, directory, before, false) } else { Ok(read) }
}

fn read_passages(
    say: &str,
    know: &Knowledge,
    directory: &Directory,
    before: &Before,
    told: bool,
) -> Known<(Reading, Streams)> {
    let mut reading = Reading { sentence: split_names(Sentence::new(say), directory), ..Reading::default() };
    phrasal::join(&mut reading.sentence);
    reading.uses = vec![Use::Free; reading.sentence.len()];
    region::shade(&mut reading);
    if told {
        passages(&mut reading);
    } else {
        reading.described = vec![false; reading.sentence.len()];
    }
    reading.transfer = (0..reading.sentence.len())
        .any(|at| !reading.is(at, Use::Aside) && lexicon::is(&reading.sentence, at, Class::Transfer));
    reading.instead = reading
        .sentence
        .tokens
        .iter()
        .any(|token| matches!(token.word.as_str(), "instead" | "rather" | "swap" | "switch"));
    let asked: Vec<bool> = reading.described.iter().map(|described| !described).collect();
    let everywhere = vec![true; asked.len()];
    place::read_strong(&mut reading, directory, before, &asked);
    if reading.source.is_none() || reading.destination.is_none() {
        place::read_strong(&mut reading, directory, before, &everywhere);
    }
    let streams = gather(&reading, know, directory, before)?;
    object::link(&mut reading, &streams, before, &asked);
    if !reading.mentions.iter().any(|mention| !mention.left_out) {
        object::link(&mut reading, &streams, before, &everywhere);
    }
    place::claim(&mut reading);
    columns(&mut reading, know, before)?;
    place::read_weak(&mut reading, directory, before, &streams);
    stranger::read_slips(&mut reading, directory, before, &streams);
    stranger::read_bare(&mut reading, directory, before);
    let listings = destinations(&reading, know, directory, before)?;
    namespace::read(&mut reading, directory, &listings, &streams, before);
    target::read(&mut reading);
    let uses = reading.uses.clone();
    // What may be a slip in a stream's name is none in a word of requests.
    let slips: Vec<bool> = (0..uses.len())
        .map(|at| {
            let text = reading.sentence.text(at);
            uses.get(at) == Some(&Use::Free)
                && !lexicon::is_english(reading.sentence.word(at))
                && streams.slip(text).is_some()
        })
        .collect();
    lexicon::correct(&mut reading.sentence, |at| uses.get(at) == Some(&Use::Free) && slips.get(at) == Some(&false));
    reading.transfer |= (0..reading.sentence.len()).any(|at| lexicon::is(&reading.sentence, at, Class::Transfer));
    wildcard::read(&mut reading, &streams);
    namespace::read_unknown(&mut reading, directory, before);
    object::read_unknown(&mut reading, &streams, before);
    stranger::read_unknown(&mut reading, directory, before, &streams);
    object::settle(&mut reading, before);
    Ok((reading, streams))
}

/// Marks what is told and not asked for.
fn passages(reading: &mut Reading) {
    let passages = passage::read(&reading.sentence);
    reading.described = vec![false; reading.sentence.len()];
    for passage in passages {
        match passage.purpose {
            passage::Purpose::Request => {}
            passage::Purpose::Aside => reading.mark(passage.from, passage.to, Use::Aside),
            passage::Purpose::Plain => {
                for described in reading.described.iter_mut().take(passage.to).skip(passage.from) {
                    *described = true;
                }
            }
        }
    }
}

/// Finds the columns of the streams that are spoken of, so that none of them is taken for a stream or a place.
fn columns(reading: &mut Reading, know: &Knowledge, before: &Before) -> Known<()> {
    const FEW: usize = 8;
    reading.columns = vec![false; reading.sentence.len()];
    let unread = (0..reading.sentence.len()).any(|at| {
        let sentence = &reading.sentence;
        (reading.free(at) || reading.is(at, Use::Shaded))
            && (sentence.kind(at) == Some(Kind::Quoted) || !lexicon::is_english(sentence.word(at)))
            && sentence.text(at).chars().any(char::is_alphabetic)
    });
    let mut candidates: Vec<&Candidate> = Vec::new();
    for candidate in reading.mentions.iter().flat_map(|mention| &mention.candidates).chain(&before.picked) {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    let several = reading.mentions.len() > 1;
    if !(unread || several) || candidates.is_empty() || candidates.len() > FEW {
        return Ok(());
    }
    let schemas = all(candidates.iter().map(|candidate| know.schema(&candidate.connection, &candidate.stream)))?;
    let columns = super::link::column::Columns::new(schemas);
    part_of_columns(reading, &columns);
    let mut at = 0;
    while at < reading.sentence.len() {
        let free = |at: usize| reading.free(at) || reading.is(at, Use::Shaded);
        let everyday = lexicon::is_known(reading.sentence.word(at)) && !reading.sentence.text(at).contains('_');
        match columns.mention(&reading.sentence, at, &free).filter(|(to, _)| !everyday || *to > at + 1) {
            Some((to, _)) => {
                for column in reading.columns.iter_mut().take(to).skip(at) {
                    *column = true;
                }
                at = to;
            }
            None => at += 1,
        }
    }
    Ok(())
}

/// `student id` beside a mention of `students` is a column, and no second mention of the stream.
fn part_of_columns(reading: &mut Reading, columns: &super::link::column::Columns) {
    let sentence = &reading.sentence;
    let again: Vec<(usize, usize, usize)> = reading
        .mentions
        .iter()
        .enumerate()
        .filter(|_| reading.mentions.len() > 1)
        .filter_map(|(index, mention)| {
            let own =
                |at: usize| (mention.from..mention.to).contains(&at) || reading.free(at) || reading.is(at, Use::Shaded);
            let (to, _) = columns.mention(sentence, mention.from, &own)?;
            // `with a technician` beside work orders that have such a column: no second stream of technicians.
            let spelled = mention.candidates.iter().any(|candidate| {
                let last = candidate.stream.rsplit('.').next().unwrap_or_default();
                super::fold::fold(last) == super::fold::fold(&mention.words)
            });
            let led = (mention.from.saturating_sub(2)..mention.from).any(|at| {
                sentence.is(
                    at,
                    &["with", "have", "has", "having", "without", "where", "whose", "by", "no", "which", "lacking"],
                )
            });
            (to > mention.to || led && !spelled).then_some((index, mention.from, to))
        })
        .collect();
    for (index, from, to) in again.into_iter().rev() {
        reading.mentions.remove(index);
        reading.mark(from, to, Use::Free);
    }
}

/// Splits `shop_pg.public.orders` after the connection's name.
fn split_names(mut sentence: Sentence, directory: &Directory) -> Sentence {
    let mut tokens = Vec::with_capacity(sentence.tokens.len());
    for token in sentence.tokens {
        let dot = token.text.find('.').filter(|_| token.kind == Kind::Word);
        let first = dot.and_then(|dot| token.text.get(..dot));
        let rest = dot.and_then(|dot| token.text.get(dot + 1..));
        let (Some(dot), Some(first), Some(rest)) = (dot, first, rest) else {
            tokens.push(token);
            continue;
        };
        let alone = Sentence::new(first);
        let named =
            directory.mention(&alone, 0, &|_| true).is_some_and(|mention| mention.to == alone.len() && mention.strong);
        if !named || rest.is_empty() {
            tokens.push(token);
            continue;
        }
        let piece = |text: &str, kind, from: usize, glued| super::token::Token {
            kind,
            start: token.start + from,
            end: token.start + from + text.len(),
            text: text.to_owned(),
            word: super::fold::lower(text),
            glued,
            quote: None,
        };
        tokens.push(piece(first, Kind::Word, 0, token.glued));
        tokens.push(piece(".", Kind::Mark, dot, true));
        tokens.push(piece(rest, Kind::Word, dot + 1, true));
    }
    sentence.tokens = tokens;
    sentence
}

/// The streams of every connection that may be the source.
fn gather(reading: &Reading, know: &Knowledge, directory: &Directory, before: &Before) -> Known<Streams> {
    let names = sources(reading, directory, before);
    let listings = all(names.iter().map(|name| know.listing(name)))?;
    let mut streams = Streams::default();
    let mut searches: Vec<Known<(String, Listing)>> = Vec::new();
    for (name, listing) in names.iter().zip(&listings) {
        streams.add(name, &listing.streams);
        if !listing.complete {
            // Too many to list: ask by the words that may name one.
            for words in content_words(reading).into_iter().take(10) {
                searches.push(know.search(name, &words).map(|found| (name.clone(), found)));
            }
        }
    }
    for (name, listing) in all(searches)? {
        streams.add(&name, &listing.streams);
    }
    Ok(streams)
}

/// The connections whose streams may be meant.
fn sources(reading: &Reading, directory: &Directory, before: &Before) -> Vec<String> {
    let readable = |name: &String| directory.get(name).is_some_and(|connection| connection.source);
    if let Some(place) = &reading.source {
        return place.names.iter().filter(|name| readable(name)).cloned().collect();
    }
    if !before.source.is_empty() {
        return before.source.iter().filter(|name| readable(name)).cloned().collect();
    }
    let taken: Vec<&String> =
        reading.destination.iter().flat_map(|place| &place.names).chain(&before.destination).collect();
    let only = (taken.len() == 1).then(|| taken.first().copied()).flatten();
    directory
        .connections()
        .filter(|connection| connection.source && Some(&connection.name) != only)
        .map(|connection| connection.name.clone())
        .collect()
}

/// Words and neighbouring words of the utterance that are nobody's language but the data's.
fn content_words(reading: &Reading) -> Vec<String> {
    let sentence = &reading.sentence;
    let content = |at: usize| {
        reading.uses.get(at) != Some(&Use::Connection)
            && matches!(sentence.kind(at), Some(Kind::Word | Kind::Quoted))
            && !lexicon::word_is(sentence.word(at), Class::Transfer)
            && (!lexicon::is_known(sentence.word(at)) || sentence.text(at).contains('_'))
    };
    let mut words = Vec::new();
    let mut at = 0;
    while at < sentence.len() {
        let mut to = at;
        while to < sentence.len() && content(to) && to < at + 4 {
            to += 1;
        }
        if to > at {
            words.push(sentence.name(at, to).replace(['*', '%'], ""));
        }
        at = to.max(at + 1);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the possible destinations hold, where it matters.
fn destinations(
    reading: &Reading,
    know: &Knowledge,
    directory: &Directory,
    before: &Before,
) -> Known<Vec<(String, Listing)>> {
    let named: Vec<String> = match &reading.destination {
        Some(place) => place.names.clone(),
        None if !before.destination.is_empty() => before.destination.clone(),
        // A namespace alone may say which destination is meant.
        None if namespace::may_be_alone(reading) => directory
            .connections()
            .filter(|connection| connection.destination)
            .map(|connection| connection.name.clone())
            .collect(),
        None => Vec::new(),
    };
    let named: Vec<String> =
        named.into_iter().filter(|name| directory.get(name).is_some_and(|connection| connection.destination)).collect();
    let listings = all(named.iter().map(|name| know.listing(name)))?;
    Ok(named.into_iter().zip(listings).collect())
}
