//! Passwords inside addresses: `scheme://user:password@host`, with or without the scheme. The rest of the address stays,
//! for it says which system is meant.

use std::sync::LazyLock;

use regex::Regex;

use super::{Finding, is_placeholder, pattern};

/// `scheme://user:` and everything up to a blank or a quote.
static WITH_SCHEME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b[a-z][a-z0-9+.\-]{1,40}://([^\s:/?#"'<>]*):([^\s"'<>`]+)"#));
/// A single token before `@`, as in `https://TOKEN@host`.
static TOKEN_USER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b[a-z][a-z0-9+.\-]{1,40}://([^\s:/?#@"'<>]{16,})@"#));
/// `user:password@host:port` or `…@host/path` or `…@host.domain`, standing by itself.
static WITHOUT_SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[\s"'`(=,])([a-z_][\w.\-]{0,62}):([^\s:/"'`]{4,128})@((?:[a-z0-9\-]+\.)+[a-z0-9\-]+|[a-z0-9\-]+(?::\d{2,5}|/\w))"#,
    )
});
/// Oracle's `user/password@host`.
static ORACLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(?:jdbc:oracle:(?:thin|oci):|\b(?:sqlplus|sqlldr|expdp|impdp)\s+)([\w$#]+)/("[^"]+"|[^\s@]+)@"#)
});
/// A `.pgpass` line: host, port, database, user, password.
static PGPASS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*[\w.*\-]+:(?:\d{2,5}|\*):[\w.*\-]+:[\w.*\-]+:(\S+)\s*$"));
/// A webhook whose path is the secret.
static WEBHOOK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|[\w.\-]+\.webhook\.office\.com/webhookb2/)([\w/\-@]{8,})",
    )
});

pub(super) fn find(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for captures in WITH_SCHEME.captures_iter(text) {
        let Some(rest) = captures.get(2) else { continue };
        if let Some(length) = password_length(rest.as_str()) {
            let password = rest.as_str().get(..length).unwrap_or_default();
            if !is_placeholder(password) {
                findings.push(Finding { span: rest.start()..rest.start() + length, kind: "password in an address" });
            }
        }
    }
    for captures in TOKEN_USER.captures_iter(text) {
        if let Some(token) = captures.get(1)
            && super::context::is_random(token.as_str())
        {
            findings.push(Finding { span: token.range(), kind: "token" });
        }
    }
    for captures in WITHOUT_SCHEME.captures_iter(text) {
        let (Some(user), Some(password), Some(host)) = (captures.get(1), captures.get(2), captures.get(3)) else {
            continue;
        };
        let user = user.as_str().to_ascii_lowercase();
        let not_a_user =
            ["mailto", "email", "mail", "to", "cc", "bcc", "from", "contact", "owner", "by", "https", "http"];
        let plain =
            password.as_str().chars().all(|letter| letter.is_ascii_lowercase() || letter == '.' || letter == '-');
        if !not_a_user.contains(&user.as_str())
            && !plain
            && !host.as_str().starts_with("sha256")
            && !is_placeholder(password.as_str())
        {
            findings.push(Finding { span: password.range(), kind: "password in an address" });
        }
    }
    for (found, group, kind) in
        [(&*ORACLE, 2, "password in an address"), (&*PGPASS, 1, "password"), (&*WEBHOOK, 1, "webhook")]
    {
        for captures in found.captures_iter(text) {
            if let Some(secret) = captures.get(group)
                && !is_placeholder(secret.as_str())
            {
                findings.push(Finding { span: secret.range(), kind });
            }
        }
    }
    findings
}

/// How long the password is in `password@host/…`; `None` when this is `port/path` and no password at all.
fn password_length(rest: &str) -> Option<usize> {
    let port = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let after_port = rest.get(port..).unwrap_or_default();
    if (1..=5).contains(&port) && (after_port.is_empty() || after_port.starts_with(['/', '?', '#', ',', ')', '.', ';']))
    {
        return None;
    }
    // Passwords hold what they should not: the last `@` before a query counts, unless it begins a path segment.
    let address = rest.find(['?', '#']).and_then(|end| rest.get(..end)).unwrap_or(rest);
    let last = |text: &str| {
        text.char_indices().rev().find(|(at, letter)| {
            *letter == '@' && text.get(..*at).is_some_and(|before| !before.is_empty() && !before.ends_with('/'))
        })
    };
    last(address).or_else(|| last(rest)).map(|(at, _)| at)
}
