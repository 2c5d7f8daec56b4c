//! The words that the planner knows, read from the data files beside this one. A word is known by its class; phrases are
//! matched token by token, longest first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fold::{fold, lower, slips};
use super::token::{Kind, Sentence};

/// What a word or phrase does in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    Transfer,
    WeakTransfer,
    Ingestion,
    Table,
    Namespace,
    Connection,
    Column,
    Generic,
    Filler,
    Determiner,
    From,
    To,
    WeakTo,
    All,
    Except,
    Restore,
    Unmask,
    Hash,
    Redact,
    Partial,
    Nullify,
    Mask,
    Rename,
    Cast,
    Select,
    Incremental,
    Full,
    Cdc,
    Append,
    Merge,
    Dedupe,
    Replace,
    DeletesHard,
    DeletesSoft,
    DeletesIgnore,
    Cursor,
    Key,
    Lookback,
    Where,
    And,
    Or,
    Not,
    Also,
    Instead,
    Undo,
    Restart,
    Affirm,
    Deny,
    Greeting,
    Thanks,
    Help,
    OnDemand,
    NoFilter,
    Pronoun,
    Personal,
}

/// The systems that people name, and the words they use for them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Systems {
    /// Connector id to the words for it.
    pub nicknames: BTreeMap<String, Vec<String>>,
    /// Kind of system to the words for it.
    pub kinds: BTreeMap<String, Vec<String>>,
    pub kind_of: BTreeMap<String, String>,
    pub shared: BTreeMap<String, String>,
    pub abbreviations: BTreeMap<String, String>,
}

/// Words for values: numbers, months, states, and what columns hold them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Values {
    pub states: Vec<String>,
    pub state_columns: Vec<String>,
    pub personal_columns: Vec<String>,
    pub event_verbs: BTreeMap<String, Vec<String>>,
    pub update_columns: Vec<String>,
    pub numbers: BTreeMap<String, u64>,
    pub ordinals: BTreeMap<String, u32>,
    pub months: BTreeMap<String, u32>,
    pub weekdays: BTreeMap<String, u32>,
    pub units: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Words {
    /// By class: first word to the phrases that begin with it, longest first.
    phrases: HashMap<Class, HashMap<String, Vec<Vec<String>>>>,
    known: HashSet<String>,
    /// Single words that a slip of the finger may be read as.
    correctable: Vec<String>,
}

fn read<T: DeserializeOwned + Default>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_default()
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let classes: BTreeMap<Class, Vec<String>> = read(include_str!("lexicon/words.json"));
    let mut words = Words::default();
    let schedule: Vec<String> = read(include_str!("lexicon/schedule.json"));
    let calendar = VALUES.weekdays.keys().chain(VALUES.months.keys()).chain(VALUES.units.keys()).chain(&schedule);
    for word in calendar {
        words.known.insert(word.clone());
        if word.len() >= 5 {
            words.correctable.push(word.clone());
        }
    }
    for (class, phrases) in classes {
        let correctable =
            !matches!(class, Class::Filler | Class::Generic | Class::Greeting | Class::Thanks | Class::Pronoun);
        let by_first = words.phrases.entry(class).or_default();
        for phrase in phrases {
            let tokens: Vec<String> = Sentence::new(&phrase).tokens.into_iter().map(|token| token.word).collect();
            if let [word] = tokens.as_slice()
                && correctable
                && word.len() >= 5
            {
                words.correctable.push(word.clone());
            }
            words.known.extend(tokens.iter().cloned());
            if let Some(first) = tokens.first() {
                by_first.entry(first.clone()).or_default().push(tokens.clone());
            }
        }
        for phrases in by_first.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        }
    }
    words
});

static SYSTEMS: LazyLock<Systems> = LazyLock::new(|| read(include_str!("lexicon/systems.json")));
static VALUES: LazyLock<Values> = LazyLock::new(|| read(include_str!("lexicon/values.json")));
static ZONES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| read(include_str!("lexicon/zones.json")));
static TYPES: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| read(include_str!("lexicon/types.json")));

pub(super) fn systems() -> &'static Systems {
    &SYSTEMS
}

pub(super) fn values() -> &'static Values {
    &VALUES
}

/// Words for time zones, to IANA names.
pub(super) fn zones() -> &'static BTreeMap<String, String> {
    &ZONES
}

/// Canonical type to the words for it.
pub(super) fn types() -> &'static BTreeMap<String, Vec<String>> {
    &TYPES
}

/// How many tokens from `at` on are a phrase of this class; the longest one.
pub(super) fn phrase(sentence: &Sentence, at: usize, class: Class) -> Option<usize> {
    let candidates = WORDS.phrases.get(&class)?.get(sentence.word(at))?;
    candidates
        .iter()
        .find(|phrase| phrase.iter().enumerate().all(|(step, word)| sentence.word(at + step) == word))
        .map(Vec::len)
}

/// The first of these classes with a phrase at this place, and its length; the longest phrase wins.
pub(super) fn longest(sentence: &Sentence, at: usize, classes: &[Class]) -> Option<(Class, usize)> {
    classes.iter().filter_map(|class| phrase(sentence, at, *class).map(|length| (*class, length))).fold(
        None,
        |best: Option<(Class, usize)>, found| match best {
            Some(best) if best.1 >= found.1 => Some(best),
            _ => Some(found),
        },
    )
}

pub(super) fn is(sentence: &Sentence, at: usize, class: Class) -> bool {
    phrase(sentence, at, class).is_some()
}

/// Whether one word alone is of this class.
pub(super) fn word_is(word: &str, class: Class) -> bool {
    WORDS
        .phrases
        .get(&class)
        .and_then(|phrases| phrases.get(word))
        .is_some_and(|phrases| phrases.iter().any(|phrase| phrase.len() == 1))
}

/// Whether a phrase of this class stands anywhere, and where.
pub(super) fn find(sentence: &Sentence, class: Class) -> Option<(usize, usize)> {
    (0..sentence.len()).find_map(|at| phrase(sentence, at, class).map(|length| (at, length)))
}

/// Whether the word belongs to the language of requests and not to somebody's data.
pub(super) fn is_known(word: &str) -> bool {
    WORDS.known.contains(word)
}

/// Reads unknown words as the words that they are a slip away from. `free` says which tokens may be touched.
pub(super) fn correct(sentence: &mut Sentence, free: impl Fn(usize) -> bool) {
    for at in 0..sentence.tokens.len() {
        let Some(token) = sentence.tokens.get(at) else { continue };
        let plain =
            token.kind == Kind::Word && token.word.chars().all(|letter| letter.is_alphabetic() || letter == '-');
        if !plain || token.word.len() < 4 || is_known(&token.word) || !free(at) {
            continue;
        }
        let written = lower(&token.text);
        let mut best: Option<(usize, &str)> = None;
        let mut tied = false;
        for word in &WORDS.correctable {
            let swapped =
                written.len() >= 4 && strsim::osa_distance(&written, word) == 1 && written.len() == word.len();
            let distance = if swapped {
                Some(1)
            } else {
                slips(&fold(&written), &fold(word)).filter(|distance| *distance <= 1 || written.len() >= 9)
            };
            match (distance, best) {
                (Some(found), Some((least, _))) if found > least => {}
                (Some(found), Some((least, other))) if found == least => tied = tied || other != word,
                (Some(found), _) => {
                    best = Some((found, word));
                    tied = false;
                }
                (None, _) => {}
            }
        }
        if let (Some((_, word)), false) = (best, tied && written.len() < 6)
            && let Some(token) = sentence.tokens.get_mut(at)
        {
            word.clone_into(&mut token.word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_files_are_read() {
        assert!(WORDS.phrases.len() > 40, "{}", WORDS.phrases.len());
        assert!(systems().nicknames.len() > 50);
        assert!(values().months.len() > 20);
        assert!(
            zones().values().all(|zone| zone.parse::<chrono_tz::Tz>().is_ok()),
            "{:?}",
            zones().values().find(|zone| zone.parse::<chrono_tz::Tz>().is_err())
        );
        assert!(types().contains_key("text"));
    }

    #[test]
    fn the_longest_phrase_is_found() {
        let sentence = Sentence::new("do not include the phone");
        assert_eq!(phrase(&sentence, 0, Class::Except), Some(3));
        assert_eq!(phrase(&Sentence::new("real-time please"), 0, Class::Cdc), Some(1));
    }

    #[test]
    fn slips_in_words_of_requests_are_read_through() {
        let mut sentence = Sentence::new("trasnfer custmers evrey day incrementaly and replcate");
        correct(&mut sentence, |at| at != 1);
        let words: Vec<&str> = sentence.tokens.iter().map(|token| token.word.as_str()).collect();
        assert_eq!(words, ["transfer", "custmers", "every", "day", "incrementaly", "and", "replicate"]);
    }
}
