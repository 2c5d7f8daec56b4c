//! Words that give a cause away. There are hundreds of patterns and a text needs few of them: each names the plain words
//! that it cannot do without, and only where those stand in the text is it compiled, once.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

/// Shorter words stand in every text and spare nothing.
const SHORTEST: usize = 3;

/// A line of a family's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    code: String,
    weight: f64,
    #[serde(rename = "match")]
    patterns: Vec<String>,
}

/// One pattern.
#[derive(Debug)]
pub(super) struct Fingerprint {
    pub(super) code: String,
    /// How surely the words mean the cause, 0 to 1.
    pub(super) weight: f64,
    pub(super) text: String,
    /// Lower-case words of which one stands in every match. Empty: none is known.
    needs: Vec<String>,
    compiled: OnceLock<Option<Regex>>,
}

/// Reads a family of fingerprints.
pub(super) fn read(family: &str) -> Result<Vec<Fingerprint>, serde_saphyr::Error> {
    let written: Vec<Written> = serde_saphyr::from_str(family)?;
    let all = written.into_iter().flat_map(|Written { code, weight, patterns }| {
        patterns.into_iter().map(move |text| {
            let needs = needs(&text).unwrap_or_default();
            Fingerprint { code: code.clone(), weight, text, needs, compiled: OnceLock::new() }
        })
    });
    Ok(all.collect())
}

impl Fingerprint {
    /// Where the words stand. `lower` is the text in lower case.
    pub(super) fn find(&self, text: &str, lower: &str) -> Vec<usize> {
        if !self.needs.is_empty() && !self.needs.iter().any(|word| lower.contains(word)) {
            return Vec::new();
        }
        let pattern = self.compiled.get_or_init(|| compile(&self.text).ok());
        let found = pattern.iter().flat_map(|pattern| pattern.find_iter(text.as_bytes()).take(20));
        found.map(|found| found.start()).collect()
    }
}

/// Error texts are ASCII where it matters; without Unicode tables patterns stay small and quick.
pub(super) fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).unicode(false).multi_line(true).build()
}

/// Words of which one stands in everything that a pattern matches.
fn needs(pattern: &str) -> Option<Vec<String>> {
    let parts = alternatives(pattern);
    if parts.len() == 1 {
        return in_sequence(pattern);
    }
    let all: Option<Vec<Vec<String>>> = parts.into_iter().map(in_sequence).collect();
    all.map(|words| words.into_iter().flatten().collect())
}

/// The alternatives that a pattern has at its top.
fn alternatives(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth, mut class, mut escaped) = (0, 0_u32, false, false);
    for (at, letter) in pattern.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' => class = false,
            _ if class => {}
            '[' => class = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => {
                parts.push(pattern.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(pattern.get(from..).unwrap_or_default());
    parts
}

/// The best that one alternative offers: its longest plain words, or those of a group that it must have.
fn in_sequence(pattern: &str) -> Option<Vec<String>> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut best: Option<Vec<String>> = None;
    let mut word = String::new();
    let mut at = 0;
    let close = |word: &mut String, best: &mut Option<Vec<String>>| {
        offer(best, vec![std::mem::take(word)]);
    };
    while let Some(letter) = letters.get(at).copied() {
        let (plain, end) = match letter {
            '\\' => (letters.get(at + 1).copied().filter(|next| !next.is_alphanumeric()), at + 2),
            '[' => (None, after(&letters, at, '[', ']')),
            '(' => (None, after(&letters, at, '(', ')')),
            '.' | '^' | '$' => (None, at + 1),
            plain => (Some(plain), at + 1),
        };
        let quantifier = letters.get(end).copied();
        let optional = matches!(quantifier, Some('?' | '*' | '{'));
        match plain {
            Some(plain) if !optional => word.push(plain.to_ascii_lowercase()),
            Some(_) => close(&mut word, &mut best),
            None => {
                close(&mut word, &mut best);
                if letter == '(' && !optional {
                    let inner: String = letters.get(at + 1..end.saturating_sub(1)).unwrap_or_default().iter().collect();
                    if let Some(words) = needs(inner.trim_start_matches("?:")) {
                        offer(&mut best, words);
                    }
                }
            }
        }
        at = match quantifier {
            Some('{') => after(&letters, end, '{', '}'),
            Some('?' | '*' | '+') => end + 1,
            _ => end,
        };
        if quantifier == Some('+') {
            close(&mut word, &mut best);
        }
    }
    close(&mut word, &mut best);
    best
}

/// Keeps the set whose shortest word is longest.
fn offer(best: &mut Option<Vec<String>>, words: Vec<String>) {
    let shortest = |words: &[String]| words.iter().map(String::len).min().unwrap_or(0);
    if shortest(&words) >= SHORTEST && best.as_ref().is_none_or(|best| shortest(best) < shortest(&words)) {
        *best = Some(words);
    }
}

/// Behind the bracket that closes the one at `at`.
fn after(letters: &[char], at: usize, open: char, close: char) -> usize {
    let (mut depth, mut escaped, mut class) = (0_u32, false, false);
    for (step, letter) in letters.iter().enumerate().skip(at) {
        match *letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if open == '(' => class = true,
            ']' if class => class = false,
            _ if class => {}
            letter if letter == open => depth += 1,
            letter if letter == close => {
                depth -= 1;
                if depth == 0 {
                    return step + 1;
                }
            }
            _ => {}
        }
    }
    letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_cannot_do_without() {
        let words = |pattern: &str| needs(pattern).unwrap_or_default().join("|");
        assert_eq!(words("password authentication failed"), "password authentication failed");
        assert_eq!(words(r"ORA-0*(20|18)\b"), "ora-");
        assert_eq!(words(r"(ER_)?BAD \w+ (value|number)"), "value|number");
        assert_eq!(words(r"token[^\n]{0,20} expired|jwt revoked"), " expired|jwt revoked");
        assert_eq!(words(r"tables?\b [a-z|]+ x\.y\(z"), " x.y(z");
        assert_eq!(words(r"\d+ (a|bcd)"), "");
        assert_eq!(words(r"[(|] abc"), " abc");
    }

    proptest::proptest! {
        #[test]
        fn no_match_lacks_what_is_needed(text in "(no|tables?|x|does|not|exist|gone|:|\n){0,9}") {
            for pattern in ["tables? (does|do) not ?exist", "no(t|x)+ gone|exist: x", r"do?es[^\n]{0,4}(not|gone)\b"] {
                if compile(pattern).unwrap().is_match(text.as_bytes()) {
                    let needs = needs(pattern).unwrap_or_default();
                    proptest::prop_assert!(needs.is_empty() || needs.iter().any(|word| text.contains(word)), "{} {:?} {}", pattern, needs, text);
                }
            }
        }
    }
}
