//! Did-you-mean: which of some names was probably meant.

/// A name without the differences that people do not type: case, blanks, `_`, `-`.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// How alike two names are, 0 to 1. Plural and singular count as nearly the same.
pub fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (fold(a), fold(b));
    if a == b {
        return 1.0;
    }
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if singular(&a) == singular(&b) {
        return 0.98;
    }
    let damerau = strsim::normalized_damerau_levenshtein(&a, &b);
    // Prefix-weighted similarity tells `custmers` from `consumers`; alone it is too generous with short names.
    let winkler = strsim::jaro_winkler(&a, &b);
    damerau.max(if damerau >= 0.6 { winkler * 0.95 } else { 0.0 })
}

fn singular(name: &str) -> &str {
    name.strip_suffix("es")
        .filter(|stem| stem.ends_with(['s', 'x', 'z', 'h']))
        .or(name.strip_suffix('s'))
        .unwrap_or(name)
}

/// Below this two names are not taken for each other.
const LIKELY: f64 = 0.72;

/// The name that was probably meant, if one stands out. A dotted name is also compared by its last part, so that
/// `customer` finds `public.customers`.
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    ranked(word, among).into_iter().next().map(|(name, _)| name)
}

/// Every name that may have been meant, likeliest first, with its similarity.
pub fn ranked<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, f64)> {
    let mut found: Vec<(&'a str, f64)> = among
        .into_iter()
        .map(|name| {
            let whole = similarity(word, name);
            let by_part = match (last_part(word), last_part(name)) {
                (None, Some(part)) => similarity(word, part) * 0.99,
                (Some(part), None) => similarity(part, name) * 0.97,
                // The right table under the wrong namespace.
                (Some(typed), Some(part)) => similarity(typed, part) * 0.9,
                (None, None) => 0.0,
            };
            (name, whole.max(by_part))
        })
        .filter(|(_, similarity)| *similarity >= LIKELY)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    found
}

fn last_part(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, part)| part).filter(|part| !part.is_empty())
}

/// Names for a sentence: `a`, `b` and 3 more. Empty for no names.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(most).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_a_plural_and_a_bare_name_find_what_was_meant() {
        let streams = ["public.customers", "public.orders", "public.order_items", "public.consumers_old"];
        assert_eq!(nearest("custmers", streams), Some("public.customers"));
        assert_eq!(nearest("customer", streams), Some("public.customers"));
        assert_eq!(nearest("Public.Customers", streams), Some("public.customers"));
        assert_eq!(nearest("order items", streams), Some("public.order_items"));
        assert_eq!(nearest("sales.orders", streams), Some("public.orders"));
        assert_eq!(nearest("updatd_at", ["updated_at", "created_at"]), Some("updated_at"));
    }

    #[test]
    fn a_word_unlike_all_names_finds_nothing() {
        assert_eq!(nearest("invoices", ["public.customers", "public.orders"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn a_long_list_says_how_many_it_leaves_out() {
        assert_eq!(list(["a", "b", "c"], 2), "`a`, `b` and 1 more");
        assert_eq!(list([], 2), "");
    }
}
