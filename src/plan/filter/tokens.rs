//! What is set right between the text of a filter and its parser.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

/// The parser reads everything after `IS DISTINCT FROM` as its right side, ANDs and ORs that follow included. SQL ends the
/// predicate there, so it is put in parentheses before it is parsed.
pub(super) fn with_predicates_closed(tokens: Vec<Token>) -> Vec<Token> {
    let mut tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let mut place = 0;
    let begins = |pair: &[Token]| matches!(pair, [first, second] if is_word(first, Keyword::DISTINCT) && is_word(second, Keyword::FROM));
    while let Some(found) = tokens.get(place..).and_then(|rest| rest.windows(2).position(begins)) {
        let distinct = place + found;
        let ahead = tokens.iter().skip(distinct + 1);
        let end = distinct + 1 + before_boundary(ahead, &Token::LParen, &Token::RParen);
        let behind = tokens.iter().take(distinct).rev();
        let start = distinct - before_boundary(behind, &Token::RParen, &Token::LParen);
        tokens.insert(end, Token::RParen);
        tokens.insert(start, Token::LParen);
        place = distinct + 2;
    }
    tokens
}

/// Tokens before the next AND, OR, NOT or parenthesis that ends what stands here. A NOT that follows IS does not end it.
fn before_boundary<'a>(tokens: impl Iterator<Item = &'a Token>, opens: &Token, closes: &Token) -> usize {
    let mut depth = 0_usize;
    let mut count = 0;
    for token in tokens {
        if token == opens {
            depth += 1;
        } else if token == closes {
            if depth == 0 {
                break;
            }
            depth -= 1;
        } else if depth == 0 && (joins(token) || (count > 1 && is_word(token, Keyword::NOT))) {
            break;
        }
        count += 1;
    }
    count
}

fn joins(token: &Token) -> bool {
    is_word(token, Keyword::AND) || is_word(token, Keyword::OR)
}

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

/// Decimal text without exponent: `1e3` is `1000`, `.5` is `0.5`. `None` when it is no number or absurdly long.
pub(super) fn exact_number(text: &str) -> Option<String> {
    let (text, sign) = text.strip_prefix('-').map_or((text, ""), |rest| (rest, "-"));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !digits_only(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    if !(-100..=100).contains(&exponent) || mantissa.len() > 200 {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let mut point = i32::try_from(whole.len()).ok()? + exponent;
    if point <= 0 {
        digits.insert_str(0, &"0".repeat(usize::try_from(1 - point).ok()?));
        point = 1;
    }
    let point = usize::try_from(point).ok()?;
    if point > digits.len() {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at_checked(point)?;
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}
