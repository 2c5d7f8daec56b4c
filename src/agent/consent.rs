//! Reads a clear yes or no under something that is on offer. The server reads it, never a mind; whatever is not clearly
//! one or the other is an ordinary request.

/// What a message says about the offer above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    Yes,
    /// A yes, but these tables would lose their data and were not named.
    Unnamed(Vec<String>),
    No,
    /// An ordinary request, a question, a yes with a condition.
    Neither,
}

/// Each alone is a yes. Longer ones stand for themselves: in "go ahead" neither word is a yes.
const YES: &[&str] = &[
    "yes",
    "y",
    "yep",
    "yeah",
    "yup",
    "yea",
    "aye",
    "sure",
    "sure thing",
    "ok",
    "okay",
    "k",
    "confirm",
    "confirmed",
    "i confirm",
    "confirm it",
    "approve",
    "approved",
    "i approve",
    "agreed",
    "i agree",
    "accept",
    "accepted",
    "go",
    "go ahead",
    "go for it",
    "do it",
    "do that",
    "just do it",
    "run it",
    "run that",
    "run the plan",
    "run this",
    "start",
    "start it",
    "start the run",
    "start the plan",
    "start now",
    "proceed",
    "please do",
    "make it so",
    "ship it",
    "lets go",
    "lets do it",
    "lets run it",
    "execute",
    "execute it",
    "absolutely",
    "definitely",
    "of course",
    "certainly",
    "lgtm",
    "affirmative",
    "kick it off",
    "fire away",
    "carry on with it",
    "sounds good go ahead",
    // German
    "ja",
    "jawohl",
    "jep",
    "klar",
    "na klar",
    "gerne",
    "mach das",
    "mach es",
    "machs",
    "mach mal",
    "los",
    "los gehts",
    "leg los",
    "bestätigt",
    "bestätigen",
    "bestätige",
    "ich bestätige",
    "einverstanden",
    "starten",
    "ausführen",
    // Spanish, Portuguese, Italian
    "sí",
    "si",
    "claro",
    "dale",
    "adelante",
    "confirmo",
    "confirmar",
    "confirmado",
    "hazlo",
    "de acuerdo",
    "vale",
    "sim",
    "pode fazer",
    "pode ser",
    "faça",
    "sì",
    "procedi",
    "confermo",
    "va bene",
    "certo",
    "vai",
    "fallo",
    // French
    "oui",
    "ouais",
    "vas y",
    "allez y",
    "je confirme",
    "confirme",
    "confirmez",
    "daccord",
    "dac",
    "cest bon",
    "fais le",
    // Dutch, Swedish, Danish, Norwegian, Polish, Czech, Russian, Turkish, Japanese, Chinese, Korean
    "doe maar",
    "akkoord",
    "bevestig",
    "prima",
    "graag",
    "japp",
    "bekräfta",
    "bekræft",
    "jo",
    "tak",
    "potwierdzam",
    "ano",
    "potvrzuji",
    "да",
    "давай",
    "подтверждаю",
    "хорошо",
    "evet",
    "onaylıyorum",
    "はい",
    "お願いします",
    "是",
    "是的",
    "确认",
    "好",
    "好的",
    "네",
    "예",
    "👍",
    "✅",
    "👌",
];
/// Each alone is a no.
const NO: &[&str] = &[
    "no",
    "n",
    "nope",
    "nah",
    "no way",
    "cancel",
    "cancel it",
    "cancel that",
    "cancel this",
    "cancel the plan",
    "dismiss",
    "dismiss it",
    "dismiss that",
    "discard",
    "discard it",
    "discard that",
    "discard the plan",
    "drop it",
    "forget it",
    "forget that",
    "forget about it",
    "never mind",
    "nevermind",
    "dont",
    "do not",
    "dont do it",
    "do not do it",
    "dont do that",
    "dont run it",
    "do not run it",
    "reject",
    "rejected",
    "scrap that",
    "scrap it",
    "not now",
    "rather not",
    "id rather not",
    "nein",
    "lieber nicht",
    "abbrechen",
    "vergiss es",
    "verwerfen",
    "non",
    "annule",
    "annuler",
    "laisse tomber",
    "cancelar",
    "cancela",
    "no lo hagas",
    "olvídalo",
    "não",
    "annulla",
    "lascia stare",
    "nee",
    "annuleer",
    "nej",
    "avbryt",
    "nie",
    "anuluj",
    "ne",
    "нет",
    "отмена",
    "hayır",
    "iptal",
    "いいえ",
    "不",
    "不要",
    "取消",
    "아니요",
    "👎",
    "❌",
];
/// Words that change nothing beside a yes.
const BESIDE_YES: &[&str] = &[
    "please",
    "thanks",
    "thank you",
    "thx",
    "cheers",
    "now",
    "right now",
    "then",
    "perfect",
    "great",
    "good",
    "nice",
    "cool",
    "fine",
    "looks good",
    "looks good to me",
    "looks great",
    "looks right",
    "looks fine",
    "sounds good",
    "all good",
    "thats it",
    "thats right",
    "thats correct",
    "thats fine",
    "correct",
    "right",
    "exactly",
    "well",
    "and",
    "with it",
    "with that",
    "with the plan",
    "with this plan",
    "the plan",
    "this plan",
    "that plan",
    "as proposed",
    "as is",
    "as shown",
    "it",
    "that",
    "this",
    "run",
    "copy it",
    "load it",
    "move it",
    "sync it",
    "transfer it",
    "start the copy",
    "start the transfer",
    "start the sync",
    "start the load",
    "bitte",
    "danke",
    "jetzt",
    "das",
    "es",
    "gut",
    "super",
    "passt",
    "por favor",
    "gracias",
    "ahora",
    "obrigado",
    "obrigada",
    "per favore",
    "grazie",
    "merci",
    "sil vous plaît",
    "sil te plaît",
    "maintenant",
    "alstublieft",
    "graag gedaan",
    "nu",
    "tack",
];
/// Words that name what is destroyed.
const BESIDE_NAMES: &[&str] = &[
    "replace",
    "overwrite",
    "drop",
    "delete",
    "replacing",
    "overwriting",
    "the table",
    "the tables",
    "table",
    "tables",
    "the",
    "and",
    "i know",
    "really",
    "existing",
    "ersetze",
    "überschreibe",
    "remplace",
    "reemplaza",
    "go ahead and",
];
const BESIDE_NO: &[&str] = &[
    "please",
    "thanks",
    "thank you",
    "it",
    "that",
    "this",
    "the plan",
    "this plan",
    "that plan",
    "all",
    "then",
    "bitte",
    "danke",
    "das",
    "es",
    "gracias",
    "merci",
    "por favor",
    "sorry",
    "actually",
    "oh",
    "grazie",
];

/// Reads a message under an offer that would destroy the data of these tables (none: nothing is destroyed).
pub fn read(text: &str, destructive: &[String]) -> Consent {
    // "yes?" and "do it?" ask.
    if text.contains(['?', '？']) || text.chars().count() > 200 {
        return Consent::Neither;
    }
    let mut rest = text.to_lowercase();
    let unnamed: Vec<String> =
        destructive.iter().filter(|target| !take_name(&mut rest, target, destructive)).cloned().collect();
    let words = words(&rest);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if covered(&words, NO, &[BESIDE_NO]) {
        return Consent::No;
    }
    let named = unnamed.len() < destructive.len();
    let beside: &[&[&str]] = if named { &[BESIDE_YES, BESIDE_NAMES] } else { &[BESIDE_YES] };
    if !covered(&words, YES, beside) {
        return Consent::Neither;
    }
    if unnamed.is_empty() { Consent::Yes } else { Consent::Unnamed(unnamed) }
}

/// Takes the name of a table out of the text, in full or by its last part where no other table shares it.
fn take_name(text: &mut String, target: &str, all: &[String]) -> bool {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let short = last(target);
    let shared = all.iter().filter(|other| last(other) == short).count() > 1;
    let mut spellings = vec![target.to_lowercase()];
    if !shared {
        spellings.push(short);
    }
    for name in spellings {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(&name)).map(|at| from + at) {
            let end = at + name.len();
            let part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(end..).and_then(|text| text.chars().next());
            let dotted = before == Some('.')
                || after == Some('.') && text.get(end + 1..).is_some_and(|rest| rest.starts_with(part));
            if !before.is_some_and(part) && !after.is_some_and(part) && !dotted {
                text.replace_range(at..end, " ");
                return true;
            }
            from = end;
        }
    }
    false
}

/// Lower-case words; apostrophes vanish (`let's` → `lets`), an emoji is a word.
fn words(text: &str) -> Vec<String> {
    let spaced: String = text
        .chars()
        .filter(|letter| !matches!(letter, '\'' | '’' | '\u{fe0f}') && !('\u{1f3fb}'..='\u{1f3ff}').contains(letter))
        .map(|letter| if letter.is_alphanumeric() || "👍✅👌👎❌".contains(letter) { letter } else { ' ' })
        .collect();
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Whether the words are nothing but phrases of these lists, at least one of them from `core`.
fn covered(words: &[&str], core: &[&str], beside: &[&[&str]]) -> bool {
    let mut rest = words;
    let mut heard = false;
    while !rest.is_empty() {
        let in_core = longest(rest, core);
        let in_beside = beside.iter().map(|list| longest(rest, list)).max().unwrap_or(0);
        let taken = in_core.max(in_beside);
        if taken == 0 {
            return false;
        }
        heard |= in_core >= in_beside;
        rest = rest.get(taken..).unwrap_or_default();
    }
    heard
}

/// How many words the longest phrase takes that the words begin with.
fn longest(words: &[&str], phrases: &[&str]) -> usize {
    phrases
        .iter()
        .filter_map(|phrase| {
            let count = phrase.split(' ').count();
            (words.len() >= count && phrase.split(' ').zip(words).all(|(a, b)| a == *b)).then_some(count)
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Consent) {
        assert_eq!(read(text, &[]), *expected, "{text}");
    }

    #[test]
    fn a_clear_yes_in_many_words_and_languages() {
        for text in [
            "yes",
            "Yes.",
            "YES!",
            "yes, go ahead",
            "yes please",
            "ok do it",
            "OK, do it.",
            "confirm",
            "Confirmed.",
            "go ahead",
            "do it",
            "sure, run it",
            "ja",
            "Ja, bitte",
            "sí",
            "si, por favor",
            "oui",
            "vas-y",
            "yep",
            "looks good, go ahead",
            "Perfect, start it now",
            "let's go",
            "approve",
            "👍",
            "👍🏽",
            "proceed please",
            "yes, run the plan",
            "はい",
            "да",
            "sim",
            "ok",
            "yes yes",
            "yes, that's right",
            "I confirm",
            "d'accord",
            "start right now",
            "lgtm",
        ] {
            check(text, &Consent::Yes);
        }
    }

    #[test]
    fn a_clear_no() {
        for text in [
            "no",
            "No, thanks",
            "cancel that",
            "cancel",
            "never mind",
            "forget it",
            "nein danke",
            "don't",
            "dismiss",
            "👎",
        ] {
            check(text, &Consent::No);
        }
    }

    #[test]
    fn everything_else_is_a_request() {
        for text in [
            "yes but hourly",
            "yes, and add products",
            "yes?",
            "ok, what about orders?",
            "not yes",
            "don't run it yet",
            "start right now, don't ask me anything",
            "copy products and start right now, don't ask me anything",
            "maybe",
            "yes tomorrow",
            "no, put it in raw",
            "yesterday's orders",
            "go to bigquery",
            "",
            "…",
            "wait",
            "if it is safe, yes",
            "looks good",
            "the other one",
            "cancel the orders run",
            "stop",
            "yes unless it is large",
            "confirm plan 1 and copy users",
            "run it every hour",
            "ok, hourly",
            "yes no",
            "is it ok",
            "good",
            "please",
        ] {
            check(text, &Consent::Neither);
        }
    }

    #[test]
    fn what_destroys_data_wants_its_names() {
        let targets = ["main.customers".to_owned(), "main.orders".to_owned()];
        assert_eq!(read("yes", &targets), Consent::Unnamed(targets.to_vec()));
        assert_eq!(read("yes, replace customers", &targets), Consent::Unnamed(vec!["main.orders".to_owned()]));
        assert_eq!(read("yes, replace customers and orders", &targets), Consent::Yes);
        assert_eq!(read("Yes, overwrite `main.customers` and MAIN.ORDERS.", &targets), Consent::Yes);
        assert_eq!(read("replace customers and orders", &targets), Consent::Neither);
        assert_eq!(read("yes, replace customers and products", &targets), Consent::Neither);
        assert_eq!(read("yes, replace customers_old and orders", &targets), Consent::Neither);
        assert_eq!(read("no", &targets), Consent::No);
    }

    #[test]
    fn a_name_shared_by_two_tables_must_be_given_in_full() {
        let targets = ["a.t".to_owned(), "b.t".to_owned()];
        assert_eq!(read("yes, replace a.t and b.t", &targets), Consent::Yes);
        assert_eq!(read("yes, replace a.t", &targets), Consent::Unnamed(vec!["b.t".to_owned()]));
        assert_ne!(read("yes, replace t", &targets), Consent::Yes);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_a_question_is_never_consent(text in "\\PC{0,60}") {
            let _ = read(&text, &["x.y".to_owned()]);
            proptest::prop_assert_eq!(read(&format!("{text}?"), &[]), Consent::Neither);
        }
    }
}
