//! Verbs in two pieces with their object between: `leave the notes out`, `put the phone back in`. They are read as the one
//! word that means the same, so that what follows is their object as with any other verb.

use crate::agent::builtin::token::{Kind, Sentence};

/// So many tokens may stand between the pieces.
const REACH: usize = 9;

/// Verb, particle and the word that stands for both.
const VERBS: &[(&[&str], &str, &str)] = &[
    (
        &["leave", "leaving", "take", "taking", "keep", "keeping", "kick", "throw", "cut", "strip", "filter"],
        "out",
        "excluding",
    ),
    (&["leave", "take", "strip", "cut"], "off", "excluding"),
    (&["leave", "put", "send", "throw", "set"], "aside", "excluding"),
    (&["leave", "keep", "leaving"], "behind", "excluding"),
    (&["leave", "keep", "leaving"], "alone", "excluding"),
    (&["put", "bring", "add", "take", "get", "have"], "back", "restore"),
    (&["throw", "put", "chuck", "take", "add"], "in", "add"),
];

/// Words that may stand right before a phrasal verb's particle only where its object is behind: `take out the notes`.
pub(super) fn join(sentence: &mut Sentence) {
    for at in 0..sentence.len() {
        let Some((to, word)) = VERBS.iter().find_map(|(verbs, particle, meaning)| {
            let to = sentence.is(at, verbs).then(|| particle_at(sentence, at, particle)).flatten()?;
            Some((to, *meaning))
        }) else {
            continue;
        };
        if let Some(token) = sentence.tokens.get_mut(at) {
            word.clone_into(&mut token.word);
        }
        let back = sentence.is(to, &["back"]);
        let mut here = to;
        while here == to || back && sentence.is(here, &["in", "again"]) {
            if let Some(token) = sentence.tokens.get_mut(here) {
                "also".clone_into(&mut token.word);
                if word != "add" {
                    "then".clone_into(&mut token.word);
                }
            }
            here += 1;
        }
    }
}

/// Where the particle stands, if it belongs to the verb: behind an object of a few words, at the end of its clause.
fn particle_at(sentence: &Sentence, verb: usize, particle: &str) -> Option<usize> {
    let to = (verb + 2..sentence.len().min(verb + REACH))
        .find(|at| sentence.is(*at, &[particle]) || matches!(sentence.text(*at), "." | ";" | "!" | "?"))?;
    let ends = |at: usize| {
        at >= sentence.len()
            || sentence.kind(at) == Some(Kind::Mark)
            || sentence.is(
                at,
                &[
                    "again",
                    "please",
                    "then",
                    "and",
                    "but",
                    "of",
                    "as",
                    "too",
                    "also",
                    "for",
                    "now",
                    "entirely",
                    "completely",
                    "pls",
                    "in",
                ],
            )
    };
    // `take the orders out of the shop`, `put them in the lake`: a place follows.
    let place = sentence.is(to + 1, &["of"]) || particle == "in" && !(ends(to + 1) || sentence.is(to + 1, &["as"]));
    let verbs_between = (verb + 1..to).any(|at| sentence.is(at, &["from", "to", "into", "in", "where"]));
    (sentence.is(to, &[particle]) && !place && !verbs_between && ends(to + 1)).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(say: &str) -> String {
        let mut sentence = Sentence::new(say);
        join(&mut sentence);
        sentence.tokens.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn verbs_in_two_pieces_become_one() {
        assert_eq!(joined("leave the notes and seats out"), "excluding the notes and seats then");
        assert_eq!(joined("put the phone back in, please"), "restore the phone then then , please");
        assert_eq!(joined("throw in the seats"), "throw in the seats");
        assert_eq!(joined("take the seats out of the shop"), "take the seats out of the shop");
        assert_eq!(joined("put the seats in the lake"), "put the seats in the lake");
    }
}
