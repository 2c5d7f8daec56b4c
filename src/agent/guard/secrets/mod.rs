//! Finds secrets in what people type or attach and takes them out, before anything stores, shows or sends it. Three
//! questions, each in its own file: does it have the *shape* of a known credential, does the text around it *say* that
//! it is one, does it stand where an address keeps its *password*.

mod address;
mod context;
mod shape;

use std::ops::Range;

use regex::Regex;

/// What stands in a secret's place.
pub const MARK: &str = "[redacted]";

/// A text without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    pub text: String,
    /// What was found, each kind once, in words a person knows: `password`, `AWS key`.
    pub kinds: Vec<String>,
}

/// One secret: where it stands and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    span: Range<usize>,
    kind: &'static str,
}

/// Takes every secret out of a text. Redacting twice changes nothing the second time.
pub fn redact(text: &str) -> Redacted {
    let mut findings = address::find(text);
    findings.extend(shape::find(text));
    findings.extend(context::find(text));
    findings.retain(|finding| !finding.span.is_empty());
    findings.sort_by_key(|finding| (finding.span.start, std::cmp::Reverse(finding.span.end)));
    let mut kinds: Vec<String> = Vec::new();
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for finding in findings {
        if finding.span.end <= at {
            continue;
        }
        if !kinds.iter().any(|kind| kind == finding.kind) {
            kinds.push(finding.kind.to_owned());
        }
        if finding.span.start >= at {
            clean.push_str(text.get(at..finding.span.start).unwrap_or_default());
            clean.push_str(MARK);
        }
        at = finding.span.end;
    }
    clean.push_str(text.get(at..).unwrap_or_default());
    Redacted { text: clean, kinds }
}

/// Compiles a pattern of this module.
#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests compile every one")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern compiles")
}

/// A stand-in that people write where a secret would be: `***`, `<password>`, `${DB_PASSWORD}`, `[redacted]`.
fn is_placeholder(value: &str) -> bool {
    let value = value.trim_matches(|letter| matches!(letter, '"' | '\'' | '`'));
    let inner = value.trim_matches(|letter| matches!(letter, '*' | '.' | '…' | '•' | '_' | '-' | '?'));
    if inner.is_empty() || (value.len() > 1 && inner.chars().all(|letter| letter == 'x' || letter == 'X')) {
        return true;
    }
    let bracketed = [('<', '>'), ('[', ']'), ('{', '}'), ('(', ')'), ('%', '%')]
        .iter()
        .any(|(open, close)| value.starts_with(*open) && value.ends_with(*close))
        // ODBC quotes with braces: `{S3cret}` is a value, `{password}` stands for one.
        && !(value.starts_with('{') && value.chars().any(|letter| letter.is_ascii_digit()));
    let variable = value.strip_prefix('$').is_some_and(|name| {
        let name = name.trim_matches(|letter| matches!(letter, '{' | '}' | '(' | ')'));
        name.len() > 1
            && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    });
    let reference = ["env:", "vault:", "arn:", "ref:", "file:", "secretRef:", "process.env", "os.environ"]
        .iter()
        .any(|prefix| value.starts_with(prefix));
    bracketed || variable || reference || value.contains(MARK)
}

#[cfg(test)]
mod tests;
