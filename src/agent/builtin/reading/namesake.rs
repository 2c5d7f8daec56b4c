//! Streams that share a name, told apart by their namespaces.

use super::{Reading, Use};
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::link::stream::Candidate;

/// `the bookings in public, not archive`: of streams that share a name, those of the namespace that is spoken of.
pub(super) fn by_namespace(reading: &mut Reading) {
    let sentence = reading.sentence.clone();
    let said = |namespace: &str| {
        (0..sentence.len()).any(|at| {
            let elsewhere = reading.is(at, Use::Namespace)
                && reading.source_namespace.as_ref().is_none_or(|known| fold(known) != fold(sentence.text(at)));
            let taken = elsewhere || reading.is(at, Use::Stream);
            !taken
                && !sentence.is(at.wrapping_sub(1), &["not", "from"])
                && names_namespace(sentence.text(at), namespace)
        })
    };
    let mut kept: Vec<Vec<Candidate>> = Vec::new();
    for mention in &reading.mentions {
        let namespace = |stream: &str| stream.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_owned();
        let some: Vec<_> = mention
            .candidates
            .iter()
            .filter(|candidate| {
                let namespace = namespace(&candidate.stream);
                !namespace.is_empty() && said(&namespace)
            })
            .cloned()
            .collect();
        kept.push(if some.is_empty() { mention.candidates.clone() } else { some });
    }
    for (mention, candidates) in reading.mentions.iter_mut().zip(kept) {
        mention.candidates = candidates;
    }
}

/// `archive`, `the archived ones`.
pub(in crate::agent::builtin) fn names_namespace(word: &str, namespace: &str) -> bool {
    let (word, namespace) = (fold(word), fold(namespace));
    word == namespace || namespace.len() >= 5 && (word == format!("{namespace}d") || word == format!("{namespace}s"))
}
