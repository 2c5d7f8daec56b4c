//! What must never turn up again: the secrets of a message. They are found here by other means than the guard that is
//! measured, and what the guard took out counts as well.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::agent::guard::secrets;

/// Shorter texts turn up by chance.
const SHORTEST: usize = 6;

#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests use every one")]
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // The password of an address.
        r"://[^\s:/@]*:([^\s/]+)@",
        // What is said to be a secret.
        r#"(?i)(?:password|passwd|pwd|passphrase|secret|token|api[_ -]?key|account ?key|access[_ -]?key|PGPASSWORD)["']?(?:\s*[=:]\s*|\s+is\s+)["']?([^\s"';,]{6,})"#,
        r"(?i)\bbearer\s+([A-Za-z0-9._~+/-]{16,})",
        // Credentials with a known beginning.
        r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|[sr]k_(?:live|test)_\w{10,}|xox[abpr]-[\w-]{10,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)",
    ]
    .iter()
    .map(|pattern| Regex::new(pattern).expect("a constant pattern compiles"))
    .collect()
});

/// The secrets of a text. `wanted`: the case says that there is one, so this looks for itself; otherwise only what the
/// guard took out is one.
pub(super) fn of(text: &str, wanted: bool) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = taken_out(text).into_iter().collect();
    if wanted {
        for pattern in PATTERNS.iter() {
            found.extend(pattern.captures_iter(text).filter_map(|hit| Some(hit.get(1)?.as_str().to_owned())));
        }
        found.extend(private_keys(text));
    }
    found.retain(|secret| tells(secret));
    found
}

/// Whether a text is one of a kind: long enough, and no plain word or stand-in.
fn tells(secret: &str) -> bool {
    secret.chars().count() >= SHORTEST
        && !secret.contains(secrets::MARK)
        && !secret.starts_with(['$', '<', '{'])
        && secret.chars().any(|letter| !letter.is_alphabetic())
}

/// What the guard took out: between two pieces that it left stands a secret.
fn taken_out(text: &str) -> Vec<String> {
    let clean = secrets::redact(text).text;
    let mut taken = Vec::new();
    let mut rest = text;
    let mut pieces = clean.split(secrets::MARK);
    let Some(mut rest_of) = pieces.next().and_then(|first| rest.strip_prefix(first)) else { return taken };
    for piece in pieces {
        rest = rest_of;
        let end = if piece.is_empty() { Some(rest.len()) } else { rest.find(piece) };
        let Some((secret, after)) = end.and_then(|end| rest.split_at_checked(end)) else { break };
        taken.push(secret.to_owned());
        rest_of = after.strip_prefix(piece).unwrap_or(after);
    }
    taken
}

/// Lines of keys between their marks.
fn private_keys(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for part in text.split("-----BEGIN ").skip(1) {
        let body = part.split("-----END ").next().unwrap_or_default();
        let body = body.split_once("-----").map_or("", |(_, body)| body);
        let body = body.replace("\\n", "\n");
        lines.extend(body.lines().map(str::trim).filter(|line| line.len() >= 10).map(str::to_owned));
    }
    lines
}

/// The ways in which a secret could stand in JSON or plain text.
pub(super) fn spellings(secret: &str) -> BTreeSet<String> {
    let quoted = serde_json::json!(secret).to_string();
    let escaped = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted).to_owned();
    let twice = serde_json::json!(escaped).to_string();
    let twice = twice.trim_start_matches('"').strip_suffix('"').unwrap_or(&twice).to_owned();
    BTreeSet::from([secret.to_owned(), escaped, twice])
}

/// Whether one of these texts stands in the bytes.
pub(super) fn within(bytes: &[u8], secret: &str) -> bool {
    spellings(secret).iter().any(|spelling| {
        let wanted = spelling.as_bytes();
        !wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        of(text, true).into_iter().collect()
    }

    #[test]
    fn secrets_are_found_without_the_guard() {
        for (text, secret) in [
            ("connect to postgres://app:Tr0ub4dor&3@db.internal:5432/shop", "Tr0ub4dor&3"),
            ("the password is Winter-Garten-2291", "Winter-Garten-2291"),
            ("Server=x;Password=Gr8!Kiesel#77;Encrypt=true", "Gr8!Kiesel#77"),
            ("PGPASSWORD=hafen4-Kran-0815 psql", "hafen4-Kran-0815"),
            ("token is ghp_00000000000000000000000000000EXAMPLE", "ghp_00000000000000000000000000000EXAMPLE"),
            ("'Authorization: Bearer 7f3b0c19e2d84a6fb1c5aa90d37e4421'", "7f3b0c19e2d84a6fb1c5aa90d37e4421"),
        ] {
            let patterns: Vec<String> = PATTERNS
                .iter()
                .flat_map(|pattern| pattern.captures_iter(text).map(|hit| hit[1].to_owned()).collect::<Vec<_>>())
                .collect();
            assert!(patterns.iter().any(|found| found == secret), "{text}: {patterns:?}");
            assert!(found(text).iter().any(|found| found == secret));
        }
        let key = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0\nabcdefghij\n-----END PRIVATE KEY-----";
        assert!(private_keys(key).contains(&"MIIBVQIBADANBgkqhkiG9w0".to_owned()));
        assert!(of("copy users without the password column", true).is_empty());
        assert!(of("password: ${WMS_PASSWORD}", true).is_empty());
    }

    #[test]
    fn a_secret_is_found_in_bytes_however_it_is_escaped() {
        let secret = "a\"b\\c1!";
        let row = serde_json::json!({"text": serde_json::json!({"say": secret}).to_string()}).to_string();
        assert!(within(row.as_bytes(), secret));
        assert!(!within(b"nothing here", secret));
    }
}
