//! Which of the streams a change is about.

use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::stream::Candidate;
use crate::agent::builtin::reading::{Reading, Use};

/// Streams that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Of(Vec<Candidate>),
    /// All but these.
    Rest(Vec<Candidate>),
}

/// Streams that are named side by side.
struct Group {
    from: usize,
    to: usize,
    candidates: Vec<Candidate>,
}

/// The streams that something at this place is said of.
pub(crate) fn of(reading: &Reading, at: usize) -> Scope {
    let sentence = &reading.sentence;
    let groups = groups(reading);
    let before = groups.iter().rev().find(|group| group.to <= at);
    let clause =
        (0..at).rev().find(|here| matches!(sentence.text(*here), "." | ";" | "," | ":")).map_or(0, |here| here + 1);
    let inside = |from: usize, to: usize, words: &[&str]| {
        (from..to).find(|here| sentence.is(*here, words) && reading.free(*here))
    };
    let start = before.map_or(clause, |group| group.to.max(clause));
    if inside(start, (at + 5).min(sentence.len()), &["rest", "others", "remaining"]).is_some() && !groups.is_empty() {
        return Scope::Rest(groups.iter().flat_map(|group| group.candidates.clone()).collect());
    }
    if inside(start, at, &["all", "both", "everything", "each"]).is_some()
        && before.is_none_or(|group| group.to <= clause)
        && before.is_some()
    {
        return Scope::All;
    }
    // `hash email in customers`, `incremental for orders`
    let after = groups.iter().find(|group| group.from > at).filter(|group| {
        let between = at..group.from;
        let link = (at..group.from).rev().find(|here| {
            !sentence.is(*here, &["the", "table", "tables", "stream", "both"])
                && reading.uses.get(*here) != Some(&Use::Stream)
        });
        let linked = link.is_some_and(|link| sentence.is(link, &["for", "of", "in", "on", "from"]));
        linked
            && between.into_iter().all(|here| !matches!(sentence.text(here), "." | ";" | ","))
            && group.from - at <= 9
    });
    let own_clause = before.is_some_and(|group| group.from >= clause);
    let group = match (before, after) {
        (_, Some(after)) if !own_clause => Some(after),
        (Some(before), _) => Some(before),
        (None, Some(after)) => Some(after),
        (None, None) => groups.first().filter(|_| groups.len() == 1),
    };
    group.map_or(Scope::All, |group| Scope::Of(group.candidates.clone()))
}

fn groups(reading: &Reading) -> Vec<Group> {
    let sentence = &reading.sentence;
    let mut groups: Vec<Group> = Vec::new();
    for mention in reading.mentions.iter().filter(|mention| !mention.left_out) {
        let joins = |group: &Group| {
            (group.to..mention.from).all(|at| {
                !reading.free(at) && reading.uses.get(at) != Some(&Use::Shaded) && !reading.is(at, Use::Connection)
                    || matches!(sentence.text(at), "," | "&" | "+" | "/" | "'")
                    || sentence.is(
                        at,
                        &["and", "the", "also", "plus", "my", "our", "as", "well", "both", "from", "or", "then"],
                    )
                    || lexicon::word_is(sentence.word(at), Class::Table)
            })
        };
        match groups.last_mut() {
            Some(group) if joins(group) => {
                group.to = mention.to;
                group.candidates.extend(mention.candidates.iter().cloned());
            }
            _ => groups.push(Group { from: mention.from, to: mention.to, candidates: mention.candidates.clone() }),
        }
    }
    groups
}

impl Scope {
    pub(crate) fn covers(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(candidates) => candidates.iter().any(|candidate| candidate.stream == stream),
            Self::Rest(candidates) => !candidates.iter().any(|candidate| candidate.stream == stream),
        }
    }
}
