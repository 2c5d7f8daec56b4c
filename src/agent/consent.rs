//! Reads a clear yes or no under something that is on offer. The server reads it, never a mind; whatever is not clearly
//! one or the other is an ordinary request.

use std::sync::LazyLock;

use serde::Deserialize;

/// The words, in `consent.json` beside this file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    /// Each alone is a yes. Longer ones stand for themselves: in "go ahead" neither word is one.
    yes: Vec<String>,
    /// Each alone is a no.
    no: Vec<String>,
    /// Change nothing beside a yes.
    beside_yes: Vec<String>,
    /// May stand around the names of what is destroyed.
    beside_names: Vec<String>,
    beside_no: Vec<String>,
}

#[expect(clippy::expect_used, reason = "the file is part of the program, and every test here reads it")]
static PHRASES: LazyLock<Phrases> =
    LazyLock::new(|| serde_json::from_str(include_str!("consent.json")).expect("consent.json is well-formed"));

/// What a message says about the offer above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    Yes,
    /// A yes, but these tables would lose their data and were not named.
    Unnamed(Vec<String>),
    No,
    /// An ordinary request, a question, a yes with a condition.
    Neither,
}

/// Reads a message under an offer that would destroy the data of these tables (none: nothing is destroyed).
pub fn read(text: &str, destructive: &[String]) -> Consent {
    // "yes?" and "do it?" ask.
    if text.contains(['?', '？']) || text.chars().count() > 200 {
        return Consent::Neither;
    }
    let mut rest = text.to_lowercase();
    let unnamed: Vec<String> =
        destructive.iter().filter(|target| !take_name(&mut rest, target, destructive)).cloned().collect();
    let words = words(&rest);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if covered(&words, &PHRASES.no, &[&PHRASES.beside_no]) {
        return Consent::No;
    }
    let named = unnamed.len() < destructive.len();
    let beside_names: &[String] = if named { &PHRASES.beside_names } else { &[] };
    if !covered(&words, &PHRASES.yes, &[&PHRASES.beside_yes, beside_names]) {
        return Consent::Neither;
    }
    if unnamed.is_empty() { Consent::Yes } else { Consent::Unnamed(unnamed) }
}

/// Takes the name of a table out of the text, in full or by its last part where no other table shares it.
fn take_name(text: &mut String, target: &str, all: &[String]) -> bool {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let short = last(target);
    let shared = all.iter().filter(|other| last(other) == short).count() > 1;
    let mut spellings = vec![target.to_lowercase()];
    if !shared {
        spellings.push(short);
    }
    for name in spellings {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(&name)).map(|at| from + at) {
            let end = at + name.len();
            let part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(end..).and_then(|text| text.chars().next());
            let dotted = before == Some('.')
                || after == Some('.') && text.get(end + 1..).is_some_and(|rest| rest.starts_with(part));
            if !before.is_some_and(part) && !after.is_some_and(part) && !dotted {
                text.replace_range(at..end, " ");
                return true;
            }
            from = end;
        }
    }
    false
}

/// Lower-case words; apostrophes vanish (`let's` → `lets`), an emoji is a word.
fn words(text: &str) -> Vec<String> {
    let spaced: String = text
        .chars()
        .filter(|letter| !matches!(letter, '\'' | '’' | '\u{fe0f}') && !('\u{1f3fb}'..='\u{1f3ff}').contains(letter))
        .map(|letter| if letter.is_alphanumeric() || "👍✅👌👎❌".contains(letter) { letter } else { ' ' })
        .collect();
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Whether the words are nothing but phrases of these lists, at least one of them from `core`.
fn covered(words: &[&str], core: &[String], beside: &[&[String]]) -> bool {
    let mut rest = words;
    let mut heard = false;
    while !rest.is_empty() {
        let in_core = longest(rest, core);
        let in_beside = beside.iter().map(|list| longest(rest, list)).max().unwrap_or(0);
        let taken = in_core.max(in_beside);
        if taken == 0 {
            return false;
        }
        heard |= in_core >= in_beside;
        rest = rest.get(taken..).unwrap_or_default();
    }
    heard
}

/// How many words the longest phrase takes that the words begin with.
fn longest(words: &[&str], phrases: &[String]) -> usize {
    phrases
        .iter()
        .filter_map(|phrase| {
            let count = phrase.split(' ').count();
            (words.len() >= count && phrase.split(' ').zip(words).all(|(a, b)| a == *b)).then_some(count)
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Consent) {
        assert_eq!(read(text, &[]), *expected, "{text}");
    }

    #[test]
    fn a_clear_yes_in_many_words_and_languages() {
        for text in [
            "yes",
            "Yes.",
            "YES!",
            "yes, go ahead",
            "yes please",
            "ok do it",
            "OK, do it.",
            "confirm",
            "Confirmed.",
            "go ahead",
            "do it",
            "sure, run it",
            "ja",
            "Ja, bitte",
            "sí",
            "si, por favor",
            "oui",
            "vas-y",
            "yep",
            "looks good, go ahead",
            "Perfect, start it now",
            "let's go",
            "approve",
            "👍",
            "👍🏽",
            "proceed please",
            "yes, run the plan",
            "はい",
            "да",
            "sim",
            "ok",
            "yes yes",
            "yes, that's right",
            "I confirm",
            "d'accord",
            "start right now",
            "lgtm",
        ] {
            check(text, &Consent::Yes);
        }
    }

    #[test]
    fn a_clear_no() {
        for text in [
            "no",
            "No, thanks",
            "cancel that",
            "cancel",
            "never mind",
            "forget it",
            "nein danke",
            "don't",
            "dismiss",
            "👎",
        ] {
            check(text, &Consent::No);
        }
    }

    #[test]
    fn everything_else_is_a_request() {
        for text in [
            "yes but hourly",
            "yes, and add products",
            "yes?",
            "ok, what about orders?",
            "not yes",
            "don't run it yet",
            "start right now, don't ask me anything",
            "copy products and start right now, don't ask me anything",
            "maybe",
            "yes tomorrow",
            "no, put it in raw",
            "yesterday's orders",
            "go to bigquery",
            "",
            "…",
            "wait",
            "if it is safe, yes",
            "looks good",
            "the other one",
            "cancel the orders run",
            "stop",
            "yes unless it is large",
            "confirm plan 1 and copy users",
            "run it every hour",
            "ok, hourly",
            "yes no",
            "is it ok",
            "good",
            "please",
        ] {
            check(text, &Consent::Neither);
        }
    }

    #[test]
    fn what_destroys_data_wants_its_names() {
        let targets = ["main.customers".to_owned(), "main.orders".to_owned()];
        assert_eq!(read("yes", &targets), Consent::Unnamed(targets.to_vec()));
        assert_eq!(read("yes, replace customers", &targets), Consent::Unnamed(vec!["main.orders".to_owned()]));
        assert_eq!(read("yes, replace customers and orders", &targets), Consent::Yes);
        assert_eq!(read("Yes, overwrite `main.customers` and MAIN.ORDERS.", &targets), Consent::Yes);
        assert_eq!(read("replace customers and orders", &targets), Consent::Neither);
        assert_eq!(read("yes, replace customers and products", &targets), Consent::Neither);
        assert_eq!(read("yes, replace customers_old and orders", &targets), Consent::Neither);
        assert_eq!(read("no", &targets), Consent::No);
    }

    #[test]
    fn a_name_shared_by_two_tables_must_be_given_in_full() {
        let targets = ["a.t".to_owned(), "b.t".to_owned()];
        assert_eq!(read("yes, replace a.t and b.t", &targets), Consent::Yes);
        assert_eq!(read("yes, replace a.t", &targets), Consent::Unnamed(vec!["b.t".to_owned()]));
        assert_ne!(read("yes, replace t", &targets), Consent::Yes);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_a_question_is_never_consent(text in "\\PC{0,60}") {
            let _ = read(&text, &["x.y".to_owned()]);
            proptest::prop_assert_eq!(read(&format!("{text}?"), &[]), Consent::Neither);
        }
    }
}
