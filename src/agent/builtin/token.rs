//! A sentence as tokens with their places in it. Every later step speaks of places, so that nothing is read twice and
//! what was not understood can be named.

use super::fold::{fold, lower};

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, possibly with inner `_`, `.`, `-`, `*`, `%`, `@`: a word or the name of an object.
    Word,
    /// Digits, possibly grouped, with decimals, a time of day or a date: told apart by who reads it.
    Number,
    /// Text between quotation marks or backticks; the token's text is what stands between them.
    Quoted,
    /// `=`, `<=`, `->`, …
    Operator,
    Mark,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// Bytes in the sentence, quotation marks included.
    pub start: usize,
    pub end: usize,
    /// As written, without quotation marks.
    pub text: String,
    /// Lower case without accents.
    pub word: String,
    /// No space before it.
    pub glued: bool,
    /// In backticks or double quotation marks: a name for sure.
    pub quote: Option<char>,
}

/// A sentence and its tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Sentence {
    pub raw: String,
    pub tokens: Vec<Token>,
}

impl Sentence {
    pub(super) fn new(raw: &str) -> Self {
        let mut sentence = Self { raw: raw.to_owned(), tokens: tokens(raw) };
        sentence.keep_codes();
        sentence
    }

    /// `DE, AT or CH`, `country is NO`: among codes in capitals, and where a value stands last, a word of grammar is a code
    /// as well, and keeps its capitals.
    fn keep_codes(&mut self) {
        let shouted = !self.raw.chars().any(char::is_lowercase);
        let code = |at: usize| {
            self.tokens.get(at).is_some_and(|token| {
                token.kind == Kind::Word
                    && (2..=3).contains(&token.text.len())
                    && token.text.chars().all(|letter| letter.is_ascii_uppercase())
            })
        };
        let joined = |at: usize| matches!(self.text(at), "," | "/" | "(" | ")" | "or" | "and" | "nor" | "=");
        let codes: Vec<usize> = (0..self.len())
            .filter(|at| code(*at) && !shouted)
            .filter(|at| {
                let before = at.checked_sub(1).is_some_and(joined) && at.checked_sub(2).is_some_and(code);
                let behind = joined(at + 1) && code(at + 2);
                let told = at.checked_sub(1).is_some_and(|at| self.is(at, &["is", "are", "be", "being", "equals"]));
                let last = matches!(self.text(at + 1), "" | "." | "," | ";" | "!" | "?" | ")");
                before || behind || told && last
            })
            .collect();
        for at in codes {
            if let Some(token) = self.tokens.get_mut(at) {
                token.word.clone_from(&token.text);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    /// The lowered word at a place; empty beyond the ends and for quoted text.
    pub(super) fn word(&self, at: usize) -> &str {
        self.tokens.get(at).filter(|token| token.kind != Kind::Quoted).map_or("", |token| token.word.as_str())
    }

    /// The word before a place.
    pub(super) fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    pub(super) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    pub(super) fn is(&self, at: usize, words: &[&str]) -> bool {
        let word = self.word(at);
        !word.is_empty() && words.contains(&word)
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The sentence's own text from token `from` up to, without, token `to`.
    pub(super) fn span(&self, from: usize, to: usize) -> &str {
        let (Some(first), Some(last)) = (self.tokens.get(from), to.checked_sub(1).and_then(|at| self.tokens.get(at)))
        else {
            return "";
        };
        self.raw.get(first.start..last.end).unwrap_or("")
    }

    /// [`Self::span`] with quotation marks around a single quoted token taken off.
    pub(super) fn name(&self, from: usize, to: usize) -> String {
        match self.tokens.get(from) {
            Some(token) if to == from + 1 => token.text.clone(),
            _ => self.span(from, to).to_owned(),
        }
    }

    /// `I'd`, `we'll`: two words in one, and no name, whatever it folds to.
    pub(super) fn contracted(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Word && token.text.contains(['\'', '’']))
    }

    /// Letters and digits of a span, folded.
    pub(super) fn folded(&self, from: usize, to: usize) -> String {
        self.tokens.get(from..to).unwrap_or_default().iter().map(|token| fold(&token.text)).collect()
    }
}

const OPERATORS: &[&str] = &[
    "<=>", "-->", "==>", "->", "=>", "<-", "<=", ">=", "<>", "!=", "==", ">>", "=", "<", ">", "→", "⇒", "➜", "←", "≥",
    "≤", "≠",
];

fn tokens(raw: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() || matches!(first, '\u{200b}' | '\u{feff}') {
            at += first.len_utf8();
            continue;
        }
        let glued = tokens.last().is_some_and(|token| token.end == at);
        let (kind, length, text, quote) = piece(rest, first, glued, tokens.last());
        let word = lower(&text).replace('’', "'");
        tokens.push(Token { kind, start: at, end: at + length, text, word, glued, quote });
        at += length.max(1);
    }
    tokens
}

fn piece(rest: &str, first: char, glued: bool, before: Option<&Token>) -> (Kind, usize, String, Option<char>) {
    if let Some((length, text, quote)) = quoted(rest, first, glued, before) {
        return (Kind::Quoted, length, text, Some(quote));
    }
    if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
        return (Kind::Operator, operator.len(), (*operator).to_owned(), None);
    }
    let signed = first == '-' && !glued && rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit());
    if first.is_ascii_digit() || signed {
        let length = number(rest, signed);
        return (Kind::Number, length, rest.get(..length).unwrap_or(rest).to_owned(), None);
    }
    if starts_word(first) {
        let length = word(rest);
        return (Kind::Word, length, rest.get(..length).unwrap_or(rest).to_owned(), None);
    }
    (Kind::Mark, first.len_utf8(), first.to_string(), None)
}

fn starts_word(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == '@' || letter == '%' || letter == '*'
}

/// Quoted text: the length with its marks, the text between, and the mark.
fn quoted(rest: &str, first: char, glued: bool, before: Option<&Token>) -> Option<(usize, String, char)> {
    let close = match first {
        '"' | '`' => first,
        '\'' => {
            // `don't` and `customers'` hold apostrophes; a quotation opens after a space, an operator or a bracket.
            if glued && before.is_some_and(|token| token.kind == Kind::Word || token.kind == Kind::Number) {
                return None;
            }
            '\''
        }
        '“' | '„' => '”',
        '‘' | '‚' => '’',
        '«' => '»',
        _ => return None,
    };
    let body = rest.get(first.len_utf8()..)?;
    let mut text = String::new();
    let mut letters = body.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let closes = letter == close || (first == '„' && letter == '“') || (first == '“' && letter == '"');
        if closes && letter == '\'' && letters.peek().is_some_and(|(_, next)| *next == '\'') {
            letters.next();
            text.push('\'');
        } else if closes {
            return Some((
                first.len_utf8() + at + letter.len_utf8(),
                text,
                if close == '”' || close == '»' {
                    '"'
                } else if close == '’' {
                    '\''
                } else {
                    close
                },
            ));
        } else if letter == '\n' {
            return None;
        } else {
            text.push(letter);
        }
    }
    None
}

/// Digits with inner `.`, `,`, `:`, `-`, `/` where a digit follows: numbers, times and dates alike.
fn number(rest: &str, signed: bool) -> usize {
    let letters: Vec<(usize, char)> = rest.char_indices().collect();
    let mut index = usize::from(signed);
    let mut end = rest.len();
    while let Some((at, letter)) = letters.get(index).copied() {
        let digit_follows = letters.get(index + 1).is_some_and(|(_, next)| next.is_ascii_digit());
        let stays = letter.is_ascii_digit()
            || (matches!(letter, '.' | ',' | ':' | '/' | '_' | '\'') && digit_follows && index > 0)
            || (letter == '-' && digit_follows && is_date_part(rest.get(..at).unwrap_or("")));
        // `2026-01-01T00:00:00Z` is one token.
        let stamp = matches!(letter, 'T' | 't')
            && digit_follows
            && rest.get(..at).is_some_and(|head| head.matches('-').count() == 2);
        let zulu = letter == 'Z' && rest.get(..at).is_some_and(|head| head.contains('T') && head.contains(':'));
        if !(stays || stamp || zulu) {
            end = at;
            break;
        }
        index += 1;
    }
    end.max(1)
}

/// Whether a `-` after this text goes on with a date (`2026-`, `2026-01-`, `31-12-`) and not with a range (`9-17`).
fn is_date_part(head: &str) -> bool {
    let mut groups = head.split('-');
    let first = groups.next().unwrap_or("");
    first.len() == 4 && first.chars().all(|letter| letter.is_ascii_digit()) || head.matches('-').count() == 1
}

/// A word may hold `_`, `.`, `-`, `'`, `@`, `*`, `%`, `$`, `#` and `://` where something follows them.
fn word(rest: &str) -> usize {
    let letters: Vec<(usize, char)> = rest.char_indices().collect();
    let mut index = 0;
    let mut end = rest.len();
    while let Some((at, letter)) = letters.get(index).copied() {
        let next = letters.get(index + 1).map(|(_, next)| *next);
        let follows = next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '*' | '%'));
        let url = rest.get(..at).is_some_and(|head| head.contains("://"));
        let stays = letter.is_alphanumeric()
            || matches!(letter, '_' | '*' | '%' | '$')
            || (matches!(letter, '.' | '-' | '@' | '#') && follows)
            || (matches!(letter, '\'' | '’') && apostrophe_stays(rest, at, next))
            || (rest.get(at..).is_some_and(|tail| tail.starts_with("://")))
            || (letter == '/'
                && (rest.get(..at).is_some_and(|head| head.ends_with(':') || head.ends_with(":/")) || url))
            || (url && !letter.is_whitespace() && !matches!(letter, ',' | ';' | '"' | '\'' | ')'));
        if !stays && index > 0 {
            end = at;
            break;
        }
        index += 1;
    }
    end
}

/// `don't` stays one word; the possessive `shop's` is cut before its mark.
fn apostrophe_stays(rest: &str, at: usize, next: Option<char>) -> bool {
    let tail: String =
        rest.get(at..).unwrap_or("").chars().skip(1).take_while(|letter| letter.is_alphabetic()).collect();
    match tail.as_str() {
        "s" => ["it", "let", "that", "what", "here", "there", "who", "how", "where"]
            .iter()
            .any(|word| rest.get(..at).is_some_and(|head| head.eq_ignore_ascii_case(word))),
        "t" | "re" | "ve" | "ll" | "d" | "m" => next.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(raw: &str) -> Vec<String> {
        tokens(raw).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn names_numbers_times_and_operators_are_told_apart() {
        assert_eq!(words("copy public.customers -> bq."), ["copy", "public.customers", "->", "bq", "."]);
        assert_eq!(words("at 7:30, every 15min 9-17"), ["at", "7:30", ",", "every", "15", "min", "9", "-", "17"]);
        assert_eq!(words("since 2026-01-31, >=1,000.50"), ["since", "2026-01-31", ",", ">=", "1,000.50"]);
        assert_eq!(words("status='active' \"Order Items\""), ["status", "=", "active", "Order Items"]);
        assert_eq!(
            words("don't take the shop's real-time order_*"),
            ["don't", "take", "the", "shop", "'", "s", "real-time", "order_*"]
        );
        assert_eq!(words("name = 'O''Brien'"), ["name", "=", "O'Brien"]);
        assert_eq!(words("sales_data/raw, a/b"), ["sales_data", "/", "raw", ",", "a", "/", "b"]);
        assert_eq!(words("2026-01-01T05:00:00Z"), ["2026-01-01T05:00:00Z"]);
        assert_eq!(words("full_name->name"), ["full_name", "->", "name"]);
    }

    #[test]
    fn foreign_text_never_panics() {
        for raw in ["", "'", "“", "\u{0}", "🦀 → 日本語", "a'", "--", "1.", "'s", "é'è", "%", "\"\n\""] {
            let sentence = Sentence::new(raw);
            assert!(sentence.tokens.iter().all(|token| raw.get(token.start..token.end).is_some()));
        }
    }
}
