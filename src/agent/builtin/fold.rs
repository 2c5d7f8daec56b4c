//! Comparing names the way people write them: without case, accents and separators, singular or plural, with a slip of
//! the finger.

/// Lower case, no accents, letters and digits only: `Order Items`, `order_items` and `OrderItems` become one.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        for lower in letter.to_lowercase() {
            match plain(lower) {
                Some(replacement) => folded.push_str(replacement),
                None if lower.is_alphanumeric() => folded.push(lower),
                None => {}
            }
        }
    }
    folded
}

/// Lower case and no accents; everything else stays.
pub(super) fn lower(text: &str) -> String {
    let mut lowered = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match plain(letter) {
            Some(replacement) => lowered.push_str(replacement),
            None => lowered.push(letter),
        }
    }
    lowered
}

fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

/// The folded word and what it may be the plural of.
pub(super) fn singulars(folded: &str) -> Vec<String> {
    let mut forms = vec![folded.to_owned()];
    let mut add = |form: &str| {
        if form.len() >= 2 {
            forms.push(form.to_owned());
        }
    };
    if let Some(stem) = folded.strip_suffix("ies") {
        add(&format!("{stem}y"));
    }
    if let Some(stem) = folded.strip_suffix("es")
        && ["s", "x", "z", "ch", "sh", "o"].iter().any(|ending| stem.ends_with(ending))
    {
        add(stem);
    }
    if let Some(stem) = folded.strip_suffix('s')
        && !stem.ends_with(['s', 'u', 'i'])
    {
        add(stem);
    }
    match folded {
        "people" => add("person"),
        "children" => add("child"),
        "indices" => add("index"),
        _ => {}
    }
    forms
}

/// Equal but for number: `customer` and `customers`.
pub(super) fn same_but_number(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let others = singulars(other);
    singulars(one).iter().any(|form| others.contains(form))
}

/// How many slips of the finger a word of this length may hold and still be read as another word.
pub(super) fn slips_allowed(length: usize) -> usize {
    match length {
        0..=3 => 0,
        4..=7 => 1,
        8..=11 => 2,
        _ => 3,
    }
}

/// The number of slips between two folded names when they are few enough to be a typing error; neighbours swapped count
/// as one slip. More than one slip is believed only where the first letter stands.
pub(super) fn slips(written: &str, meant: &str) -> Option<usize> {
    let longest = written.chars().count().max(meant.chars().count());
    let shortest = written.chars().count().min(meant.chars().count());
    let allowed = slips_allowed(longest);
    if allowed == 0 || shortest < 4 || longest - shortest > allowed {
        return None;
    }
    let distance = singulars(written)
        .iter()
        .flat_map(|one| singulars(meant).into_iter().map(move |other| strsim::osa_distance(one, &other)))
        .min()?;
    let close = distance <= allowed && (distance <= 1 || written.chars().next() == meant.chars().next());
    close.then_some(distance)
}

/// A folded word with what tells at a glance that another one is far from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    pub text: String,
    /// One bit for each letter of the alphabet that occurs, one for all else.
    pub letters: u32,
    count: usize,
}

impl Folded {
    pub(super) fn new(word: &str) -> Self {
        let text = fold(word);
        let letters = text.bytes().fold(0, |letters, byte| {
            letters | 1 << if byte.is_ascii_lowercase() { u32::from(byte - b'a') } else { 26 }
        });
        let count = text.chars().count();
        Self { text, letters, count }
    }

    /// False where so many letters differ that no few slips lead from one to the other.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let allowed = slips_allowed(self.count.max(other.count));
        // An ending of the plural may go besides.
        self.count.abs_diff(other.count) <= allowed + 2
            && (self.letters ^ other.letters).count_ones() as usize <= 2 * allowed + 3
    }
}

/// How alike two folded names are, 0 to 1, for suggestions only.
pub(super) fn likeness(one: &str, other: &str) -> f64 {
    let whole = strsim::normalized_damerau_levenshtein(one, other).max(strsim::jaro_winkler(one, other) - 0.12);
    if one.len() >= 4 && (other.contains(one) || one.contains(other) && other.len() >= 4) {
        whole.max(0.8)
    } else {
        whole
    }
}

/// The parts of a name: `OrderItems`, `order_items` and `order items` are `order`, `items`.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut before: Option<char> = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        let starts = before.is_some_and(|before| {
            letter.is_uppercase()
                && (before.is_lowercase() || before.is_numeric() || (before.is_uppercase() && next_is_lower))
        });
        if (!letter.is_alphanumeric() || starts) && !part.is_empty() {
            parts.push(fold(&part));
            part.clear();
        }
        if letter.is_alphanumeric() {
            part.push(letter);
        }
        before = Some(letter);
    }
    if !part.is_empty() {
        parts.push(fold(&part));
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_to_one_form() {
        for name in ["Order Items", "order_items", "OrderItems", "ORDER-ITEMS", "order.items"] {
            assert_eq!(fold(name), "orderitems");
        }
        assert_eq!(fold("Zürich"), "zurich");
        assert_eq!(parts("SalesLT.CustomerAddress_v2"), ["sales", "lt", "customer", "address", "v2"]);
        assert_eq!(parts("HTTPRequests"), ["http", "requests"]);
    }

    #[test]
    fn number_does_not_matter() {
        for (one, other) in [
            ("customer", "customers"),
            ("categories", "category"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("houses", "house"),
        ] {
            assert!(same_but_number(one, other), "{one} {other}");
        }
        assert!(!same_but_number("status", "statu"));
        assert!(!same_but_number("news", "net"));
    }

    #[test]
    fn slips_are_few() {
        assert_eq!(slips("custmers", "customers"), Some(1));
        assert_eq!(slips("cutsomers", "customers"), Some(1));
        assert_eq!(slips("ordrs", "orders"), Some(1));
        assert_eq!(slips("invoices", "devices"), None);
        assert_eq!(slips("users", "orders"), None);
        assert_eq!(slips("accounts", "counts"), None);
        assert_eq!(slips("cat", "car"), None);
    }
}
