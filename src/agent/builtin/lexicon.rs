//! The words that the planner knows, read from the data files beside this one. A word is known by its class; phrases are
//! matched token by token, longest first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fold::{Folded, fold, lower, slips};
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
    Vague,
    NoFilter,
    Pronoun,
    Personal,
    /// Verbs and particles between a thing and what becomes of it: `should arrive over there as …`.
    Carried,
    /// `no wait`, `I mean`: what was said right before is wrong.
    Correction,
    /// `must`, `should`: may be followed by `not`.
    Modal,
    /// `don't`, `never`: denies what follows.
    Denial,
    /// What may stand between a denial and its verb.
    Hedge,
    /// Verbs of taking something along, beside those of transfer.
    Taking,
    /// How a thing was taken, in the passive: `copied`, `needed`.
    Taken,
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
    /// Parts of columns' names that modellers cut short, and the word in full.
    pub shortened: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Words {
    /// By class: first word to the phrases that begin with it, longest first.
    phrases: HashMap<Class, HashMap<String, Vec<Vec<String>>>>,
    known: HashSet<String>,
    /// Single words that a slip of the finger may be read as, and their folded forms.
    correctable: Vec<(String, Folded)>,
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
            words.correctable.push((word.clone(), Folded::new(word)));
        }
    }
    words.known.extend(VALUES.numbers.keys().cloned());
    for (class, phrases) in classes {
        let correctable = !matches!(
            class,
            Class::Filler
                | Class::Generic
                | Class::Greeting
                | Class::Thanks
                | Class::Pronoun
                | Class::Modal
                | Class::Correction
                | Class::Carried
                | Class::Denial
                | Class::Hedge
                | Class::Taking
                | Class::Taken
        );
        let by_first = words.phrases.entry(class).or_default();
        for phrase in phrases {
            let tokens: Vec<String> = Sentence::new(&phrase).tokens.into_iter().map(|token| token.word).collect();
            if let [word] = tokens.as_slice()
                && correctable
                && word.len() >= 4
            {
                words.correctable.push((word.clone(), Folded::new(word)));
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
static TYPES: LazyLock<Vec<(Vec<String>, String)>> = LazyLock::new(|| {
    let types: BTreeMap<String, Vec<String>> = read(include_str!("lexicon/types.json"));
    let phrases = types.into_iter().flat_map(|(canonical, phrases)| {
        phrases.into_iter().map(move |phrase| {
            (phrase.split_whitespace().map(str::to_owned).collect::<Vec<String>>(), canonical.clone())
        })
    });
    let mut phrases: Vec<_> = phrases.collect();
    phrases.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    phrases
});

/// Folded word for a system to its connector; the first in the order of the file where several share a word.
static NICKNAMES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut nicknames = HashMap::new();
    for (id, words) in &SYSTEMS.nicknames {
        for word in std::iter::once(id).chain(words) {
            nicknames.entry(fold(word)).or_insert_with(|| id.clone());
        }
    }
    nicknames
});

/// The connector that people mean by a word, as [`fold`] leaves it.
pub(super) fn nickname(folded: &str) -> Option<&'static str> {
    NICKNAMES.get(folded).map(String::as_str)
}

/// English words that name no table or column by themselves: `heard`, `since`, `usually`.
pub(super) fn is_english(word: &str) -> bool {
    is_known(word) || ENGLISH.contains(word)
}

/// Words with the endings that English gives them.
static ENGLISH: LazyLock<HashSet<String>> = LazyLock::new(|| {
    #[derive(Default, Deserialize)]
    struct English {
        words: Vec<String>,
        verbs: Vec<String>,
        irregular: Vec<String>,
    }
    let read: English = read(include_str!("lexicon/english.json"));
    let mut english: HashSet<String> = read.words.into_iter().chain(read.irregular).collect();
    for verb in read.verbs {
        let stem = verb.strip_suffix('e').unwrap_or(&verb);
        let doubled = verb.chars().last().map_or_else(String::new, |last| format!("{verb}{last}"));
        let sibilant = ["s", "x", "z", "ch", "sh", "o"].iter().any(|ending| verb.ends_with(ending));
        english.insert(if sibilant { format!("{verb}es") } else { format!("{verb}s") });
        if let Some(stem) = verb.strip_suffix('y') {
            english.extend([format!("{stem}ies"), format!("{stem}ied")]);
        }
        english.extend([format!("{stem}ed"), format!("{stem}ing"), format!("{doubled}ed"), format!("{doubled}ing")]);
        english.insert(verb);
    }
    english
});

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

/// Words for a type, and the type as plans write it.
pub(super) fn types() -> &'static [(Vec<String>, String)] {
    &TYPES
}

/// How many tokens from `at` on are a phrase of this class; the longest one.
pub(super) fn phrase(sentence: &Sentence, at: usize, class: Class) -> Option<usize> {
    let listed = WORDS.phrases.get(&class).and_then(|phrases| phrases.get(sentence.word(at))).and_then(|candidates| {
        candidates
            .iter()
            .find(|phrase| phrase.iter().enumerate().all(|(step, word)| sentence.word(at + step) == word))
            .map(Vec::len)
    });
    match class {
        Class::Except => listed.max(denied(sentence, at)),
        _ => listed,
    }
}

/// `don't include`, `must not be allowed to see`, `shouldn't ever store`: a verb of taking that is denied.
fn denied(sentence: &Sentence, at: usize) -> Option<usize> {
    let modal = usize::from(word_is(sentence.word(at), Class::Modal) && sentence.is(at + 1, &["not", "never"]));
    let asks = sentence.is(at.wrapping_sub(1), &["why"]);
    if asks || !(modal == 1 || word_is(sentence.word(at), Class::Denial)) {
        return None;
    }
    let mut here = at + 1 + modal;
    let last = here + 6;
    while here < last && word_is(sentence.word(here), Class::Hedge) {
        here += 1;
    }
    let verb = word_is(sentence.word(here), Class::Taking)
        || word_is(sentence.word(here), Class::Transfer) && !sentence.is(here, &["stream", "feed", "port", "file"]);
    let particle = usize::from(sentence.is(here + 1, &["over", "across", "along"]));
    verb.then_some(here + 1 + particle - at)
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

/// Words by which questions and actions are known: a slip for none of them.
static SPARED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let intents: BTreeMap<String, Vec<String>> = read(include_str!("lexicon/intents.json"));
    intents.values().flatten().flat_map(|phrase| phrase.split_whitespace().map(str::to_owned)).collect()
});

/// Reads unknown words as the words that they are a slip away from. `free` says which tokens may be touched.
pub(super) fn correct(sentence: &mut Sentence, free: impl Fn(usize) -> bool) {
    for at in 0..sentence.tokens.len() {
        let Some(token) = sentence.tokens.get(at) else { continue };
        let plain =
            token.kind == Kind::Word && token.word.chars().all(|letter| letter.is_alphabetic() || letter == '-');
        if !plain || token.word.len() < 4 || is_english(&token.word) || SPARED.contains(&token.word) || !free(at) {
            continue;
        }
        let written = lower(&token.text);
        let folded = Folded::new(&written);
        let mut best: Option<(usize, &str)> = None;
        let mut tied = false;
        for (word, meant) in &WORDS.correctable {
            if !folded.may_be(meant) {
                continue;
            }
            // Two neighbours in each other's place are believed in a word of four letters already.
            let swapped = written.len() == word.len()
                && strsim::osa_distance(&written, word) == 1
                && (written.len() >= 5 || folded.letters == meant.letters);
            let distance = if swapped {
                Some(1)
            } else if word.len() < 5 {
                None
            } else {
                slips(&folded.text, &meant.text).filter(|distance| *distance <= 1 || written.len() >= 9)
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
        assert!(types().iter().any(|(_, canonical)| canonical == "text"));
        assert!(is_english("heard") && is_english("usually") && !is_english("invoices"));
    }

    #[test]
    fn the_longest_phrase_is_found() {
        let sentence = Sentence::new("do not include the phone");
        assert_eq!(phrase(&sentence, 0, Class::Except), Some(3));
        assert_eq!(phrase(&Sentence::new("real-time please"), 0, Class::Cdc), Some(1));
    }

    #[test]
    fn a_denied_verb_of_taking_leaves_out() {
        for (say, length) in [
            ("don't ever include the phone", 3),
            ("must not be shown to anyone", 4),
            ("should never be allowed to see the phone", 6),
            ("we", 0),
            ("why not copy the seats", 0),
            ("don't overwrite the seats", 0),
        ] {
            let sentence = Sentence::new(say);
            let found = (0..sentence.len()).find_map(|at| phrase(&sentence, at, Class::Except));
            assert_eq!(found.unwrap_or(0), length, "{say}");
        }
    }

    #[test]
    fn slips_in_words_of_requests_are_read_through() {
        let mut sentence = Sentence::new("trasnfer custmers evrey day incrementaly and replcate");
        correct(&mut sentence, |at| at != 1);
        let words: Vec<&str> = sentence.tokens.iter().map(|token| token.word.as_str()).collect();
        assert_eq!(words, ["transfer", "custmers", "every", "day", "incrementaly", "and", "replicate"]);
    }
}
