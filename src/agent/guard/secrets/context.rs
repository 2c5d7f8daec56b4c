//! Secrets that the text around them gives away: `password=…`, `"client_secret": "…"`, `the password is …`, `-p…`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Finding, is_placeholder, pattern};

/// Names whose value is a secret whatever it looks like.
const STRONG: &str = concat!(
    r"pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|mot de passe|contrase(?:ñ|n)a|senha|wachtwoord|api[_ \-]?key",
    r"|(?:client|consumer|app|application|shared|signing|webhook|jwt|oauth)[_ \-]?secret",
    r"|secret[_ \-]?(?:access[_ \-]?)?key|private[_ \-]?key(?:[_ \-]?id)?",
    r"|(?:account|shared[_ \-]?access|storage|master|encryption|signing|license|subscription)[_ \-]?key",
    r"|(?:integration|service)[_ \-]?key",
    r"|(?:access|auth|api|bearer|refresh|session|security|bot|oauth|personal access|deploy|id)[_ \-]?token",
);
/// Names whose value is a secret only when it looks like one.
const WEAK: &str = r"token|secret|pass|pw|credentials?|creds|access[_ \-]?key|auth|psk|sas";

/// Names that are often written in one with what stands before: `PGPASSWORD`, `dbpassword`.
const GLUED: &str = "pass(?:word|wd|phrase)|pwd|apikey|secretkey";

/// `name = value`, `name: value`, `"name": "value"`, `name => value`, `--name value`.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)(?:^|[^a-z])(?:[a-z0-9]*({GLUED})|(?:[a-z0-9]+[_.\-])*?(?:({STRONG})|({WEAK})))\\?["'`]?[ \t]*(=>|:=|==?|:)[ \t]*(\\?"(?:[^"\\\n]|\\[^"])*\\?"|'(?:[^'\n]|'')*'|`[^`\n]*`|\{{[^}}\n]*\}}|<[^>\n]*>|[^\s;"'`]+)"#
    ))
});
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r#"(?i)--?(?:[a-z0-9]+\-)*(?:{STRONG}|token|secret)[ \t]+("[^"\n]+"|'[^'\n]+'|[^\s"']+)"#))
});
/// `the password is …`, in several languages.
static SPOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)\b(?:{STRONG}|pass|pw|token|secret|credentials?)(?:[ \t]+(?:for|of|to|on|für|de|para)[ \t]+[^\n=:]{{1,60}}?)?[ \t]+(?:is|are|was|ist|lautet|est|es|é|will be|should be|set to|equals)[ \t:]+("[^"\n]+"|'[^'\n]+'|`[^`\n]+`|[^\s"'`]+)"#
    ))
});
/// `with password …`, `password …`: only for values that nobody takes for a word.
static BARE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r#"(?i)\b(?:{STRONG}|pw)[ \t]+("[^"\n]+"|'[^'\n]+'|`[^`\n]+`|[^\s"'`,;]+)"#)));
/// `user/pass: app / s3cret`, `credentials admin/hunter2`, `log in as admin with hunter2`.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:user(?:name)?[ \t]*(?:/|and|&|,)[ \t]*(?:pass(?:word|wd)?|pw|pwd)|credentials?|creds",
        r"|(?:log[ \-]?in|sign[ \-]?in|authenticate)(?:[ \t]+(?:with|as|using))?)",
        r"[ \t]*(?:are|is|=|:|with|as)?[ \t]*[\w.@\-]{1,64}[ \t]*(?:/|:|,|[ \t]with[ \t]|[ \t]and[ \t])[ \t]*",
        r#"("[^"\n]+"|'[^'\n]+'|[^\s"']+)"#,
    ))
});
/// Options of command-line clients: `mysql -pS3cret`, `sshpass -p s3cret`, `curl -u user:s3cret`, `redis-cli -a s3cret`.
static CLIENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:(?:mysql|mysqldump|mariadb|mariadb-dump|mysqladmin)\b[^\n|;]*?[ \t]-p",
        r"|sqlcmd\b[^\n|;]*?[ \t]-P[ \t]*|(?:sshpass|mongosh?|mongodump)\b[^\n|;]*?[ \t]-p[ \t]*",
        r"|redis-cli\b[^\n|;]*?[ \t]-a[ \t]+",
        r#"|curl\b[^\n|;]*?[ \t](?:-u|--user)[ \t]+["']?[^\s:"']+:)("[^"\n]+"|'[^'\n]+'|[^\s"']+)"#,
    ))
});
/// `IDENTIFIED BY '…'`, `ALTER USER … PASSWORD '…'`.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:identified[ \t]+(?:with[ \t]+\w+[ \t]+)?by|encrypted[ \t]+password)[ \t]+("[^"\n]+"|'[^'\n]+'|[^\s"';]+)"#,
    )
});
/// A long token within a few words after a word that announces one.
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:secret|token|pass(?:word|wd|phrase)|(?:api|access|private|account|signing)[ _\-]?key|credentials?)s?\b[^\n]{0,40}?[\s"'`=:(]([0-9a-z+/_\-.~]{20,}={0,2})"#,
    )
});

/// Values that say something about a secret and are none.
const WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "none",
    "nil",
    "yes",
    "no",
    "on",
    "off",
    "not",
    "is",
    "was",
    "a",
    "an",
    "the",
    "in",
    "for",
    "of",
    "with",
    "and",
    "or",
    "wrong",
    "incorrect",
    "invalid",
    "missing",
    "required",
    "expired",
    "empty",
    "blank",
    "set",
    "unset",
    "stored",
    "kept",
    "saved",
    "secret",
    "password",
    "token",
    "hash",
    "hashed",
    "redact",
    "redacted",
    "partial",
    "masked",
    "mask",
    "hidden",
    "encrypted",
    "text",
    "string",
    "varchar",
    "char",
    "bytea",
    "bigint",
    "integer",
    "int",
    "boolean",
    "bool",
    "timestamp",
    "date",
    "json",
    "jsonb",
    "uuid",
    "column",
    "field",
    "value",
    "unknown",
    "failed",
    "authentication",
    "to",
    "by",
    "too",
    "also",
    "still",
    "correct",
    "right",
    "ok",
    "fine",
    "same",
    "different",
    "being",
    "supposed",
    "already",
    "now",
    "there",
    "here",
    "never",
    "always",
    "only",
    "just",
    "prompt",
    "optional",
    "default",
    "disabled",
    "enabled",
    "md5",
    "scram-sha-256",
    "trust",
    "basic",
    "bearer",
    "oauth",
    "oauth2",
    "your_password",
    "nullable",
    "exclude",
    "excluded",
    "include",
    "drop",
    "dropped",
    "falsch",
    "richtig",
    "que",
    "la",
    "le",
    "el",
    "un",
    "une",
    "ein",
    "eine",
    "nicht",
    "pas",
    "incorrecta",
    "incorrect,",
    "error",
    "denied",
    "rejected",
    "refused",
    "rotated",
    "changed",
    "reset",
    "what",
    "where",
    "who",
    "sensitive",
    "personal",
    "unique",
    "indexed",
    "it",
    "this",
    "that",
    "from",
    "at",
    "as",
    "if",
];

pub(super) fn find(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for captures in ASSIGNED.captures_iter(text) {
        let Some(value) = captures.get(5) else { continue };
        let strong = captures.get(1).or_else(|| captures.get(2)).is_some();
        let query = captures.get(0).is_some_and(|all| all.as_str().starts_with(['&', '?']));
        let span = assigned(text, value.range(), query);
        let shown = text.get(span.clone()).unwrap_or_default();
        if is_word(shown) || is_placeholder(shown) || is_path(shown) {
            continue;
        }
        if strong || looks_secret(shown) {
            findings.push(Finding { span, kind: if is_key(&captures) { "key or token" } else { "password" } });
        }
    }
    collect(&OPTION, text, "password", &mut findings, |value, _| !is_word(value) && !value.starts_with('-'));
    collect(&SPOKEN, text, "password", &mut findings, |value, _| !is_word(value));
    collect(&BARE, text, "password", &mut findings, |value, quoted| quoted && !is_word(value) || no_word(value));
    collect(&PAIR, text, "password", &mut findings, |value, _| no_word(value));
    collect(&CLIENT, text, "password", &mut findings, |value, _| !is_word(value));
    collect(&SQL, text, "password", &mut findings, |value, quoted| quoted || no_word(value));
    collect(&ANNOUNCED, text, "key or token", &mut findings, |value, _| is_random(value));
    findings
}

fn collect(
    found: &Regex,
    text: &str,
    kind: &'static str,
    findings: &mut Vec<Finding>,
    accept: impl Fn(&str, bool) -> bool,
) {
    for captures in found.captures_iter(text) {
        let Some(value) = captures.get(1) else { continue };
        let span = trim(text, value.range());
        let shown = text.get(span.clone()).unwrap_or_default();
        if accept(shown, is_quoted(value.as_str())) && !is_placeholder(shown) && !is_path(shown) {
            findings.push(Finding { span, kind });
        }
    }
}

fn is_key(captures: &regex::Captures<'_>) -> bool {
    let name = (1..4).find_map(|group| captures.get(group)).map_or("", |name| name.as_str()).to_lowercase();
    name.contains("key") || name.contains("token") || name.contains("secret")
}

/// Where an assigned value ends. In `A=b;C=d` strings it may hold blanks and ends at `;`, in an address's query at `&`.
fn assigned(text: &str, span: std::ops::Range<usize>, query: bool) -> std::ops::Range<usize> {
    let shown = text.get(span.clone()).unwrap_or_default();
    if is_quoted(shown) || shown.starts_with('{') {
        return trim(text, span);
    }
    if query {
        let length = shown.find(['&', '#']).unwrap_or(shown.len());
        return span.start..span.start + length;
    }
    let line = text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let before = text.get(..span.start).and_then(|text| text.lines().next_back()).unwrap_or_default();
    if before.contains(';')
        && let Some(end) = line.find(';')
    {
        return span.start..span.start + end;
    }
    trim(text, span)
}

/// Without what belongs to the sentence: quotes around, a comma or full stop behind, a bracket that was opened before.
fn trim(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let shown = text.get(span.clone()).unwrap_or_default();
    for quote in ["\\\"", "\"", "'", "`"] {
        if shown.len() >= 2 * quote.len() && shown.starts_with(quote) && shown.ends_with(quote) {
            return span.start + quote.len()..span.end - quote.len();
        }
    }
    let mut kept = shown;
    while let Some(shorter) = kept.strip_suffix([',', '.', ';', ')', ']', '}', '>']) {
        let closes = |open, close| kept.ends_with(close) && shorter.contains(open);
        if closes('(', ')') || closes('[', ']') || closes('{', '}') || closes('<', '>') {
            break;
        }
        kept = shorter;
    }
    span.start..span.start + kept.len()
}

fn is_quoted(value: &str) -> bool {
    value.starts_with(['"', '\'', '`']) || value.starts_with("\\\"")
}

fn is_word(value: &str) -> bool {
    let value =
        value.trim_matches(|letter: char| matches!(letter, '"' | '\'' | '`' | ',' | '.' | '?' | '!' | ')' | '(' | ':'));
    value.is_empty() || WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)) || value.starts_with("varchar(")
}

/// A file or a path, as in `sslkey=/etc/ssl/client.key`.
fn is_path(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    ["/etc/", "/home/", "/var/", "/opt/", "/run/", "/usr/", "/mnt/", "/tmp/", "./", "../", "~/"]
        .iter()
        .any(|root| value.starts_with(root))
        || value.starts_with('/')
            && value.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '/' | '_' | '-' | '.'))
        || [".pem", ".key", ".crt", ".p8", ".p12", ".jks"].iter().any(|ending| value.ends_with(ending))
}

/// Not a word of a sentence: holds a digit or a sign, and is no name of a thing in a database, no address, no date.
fn no_word(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'', '`', '?']);
    let digit = value.chars().any(|letter| letter.is_ascii_digit());
    let sign = value.chars().any(|letter| "!@#$%^&*+=~|\\/?".contains(letter));
    let length = value.chars().count();
    length >= 5
        && (digit || sign)
        && !is_word(value)
        && !is_mundane(value)
        && !is_identifier(value)
        && value != MARK_EDGE
}

/// What is left of our own mark when a pattern cuts into it.
const MARK_EDGE: &str = "[redacted";

/// As a value of a weak name: long enough, mixed, and nothing mundane.
fn looks_secret(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'', '`']);
    let classes = [
        value.chars().any(|letter| letter.is_ascii_digit()),
        value.chars().any(|letter| letter.is_ascii_lowercase()),
        value.chars().any(|letter| letter.is_ascii_uppercase()),
        value.chars().any(|letter| !letter.is_alphanumeric() && !letter.is_whitespace()),
    ];
    let mixed = classes.iter().filter(|class| **class).count();
    value.chars().count() >= 6 && mixed >= 2 && !is_mundane(value) && !is_identifier(value)
}

/// UUIDs, times, numbers, mail addresses, addresses without a password: long and mixed, yet no secrets.
fn is_mundane(value: &str) -> bool {
    static MUNDANE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"(?i)^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[t_ ]?[\d:.+z\-]*|[\d.,:%/\-]+",
            r"|[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+|[a-z][a-z0-9+.\-]*://\S*|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?",
            r"|v?\d+(?:\.\d+){1,3})$",
        ))
    });
    MUNDANE.is_match(value)
}

/// `public.orders_2026_01`, `max_connections`, `customer-id`: words and numbers joined by dots, dashes, underscores.
fn is_identifier(value: &str) -> bool {
    value.contains(['.', '_', '-', '/'])
        && value.split(['.', '_', '-', '/']).all(|part| {
            let letters = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
            let digits = part.len() - letters.len();
            digits <= 8
                && letters.len() <= 20
                && (letters.chars().all(|letter| letter.is_ascii_lowercase())
                    || letters.chars().all(|letter| letter.is_ascii_uppercase())
                    || letters.chars().skip(1).all(|letter| letter.is_ascii_lowercase()))
        })
}

/// Random enough to be a key: long, several classes of letters, high entropy, and not a hash, UUID or identifier.
pub(super) fn is_random(value: &str) -> bool {
    let hex = value.chars().all(|letter| letter.is_ascii_hexdigit());
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let upper = value.chars().any(|letter| letter.is_ascii_uppercase());
    let lower = value.chars().any(|letter| letter.is_ascii_lowercase());
    if is_mundane(value) || is_identifier(value) || is_path(value) || digits < 2 || !(upper || lower) {
        return false;
    }
    // 40 and 64 hex digits are what commits and checksums look like; a name such as `token=` decides those.
    if hex {
        return value.len() == 32 && entropy(value) > 3.0;
    }
    entropy(value) > 3.5 && (upper && lower || value.len() >= 24)
}

/// Bits per letter.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let all = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}
