//! Answers are read by minds with little room: each fits 12 KiB, says what was left out and how to ask for less.

use serde_json::{Value, json};

/// Bytes of one answer.
pub(in crate::agent) const BUDGET: usize = 12 * 1024;
/// What `more` and `narrow` may take.
const RESERVE: usize = 512;
/// A text is cut no shorter than this.
const SHORTEST: usize = 200;

/// Cuts an answer to the budget: the largest list loses its tail and `more` counts what went; long texts are cut last.
/// `narrow` says how to ask so that nothing is cut.
pub(in crate::agent) fn fit(mut answer: Value, narrow: &str) -> Value {
    if size(&answer) <= BUDGET {
        return answer;
    }
    let mut more = 0_usize;
    while size(&answer) > BUDGET - RESERVE {
        let over = size(&answer) - (BUDGET - RESERVE);
        if let Some(list) = largest_list(&mut answer) {
            let mut freed = 0;
            while list.len() > 1 && freed < over {
                freed += list.pop().map_or(0, |item| size(&item) + 1);
                more += 1;
            }
        } else if !shorten(&mut answer, over) {
            break;
        }
    }
    if let Value::Object(fields) = &mut answer {
        if more > 0 {
            let before = fields.get("more").and_then(Value::as_u64).unwrap_or(0);
            fields.insert("more".to_owned(), json!(before + more as u64));
        }
        fields.insert("narrow".to_owned(), json!(narrow));
    }
    answer
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// The list with most bytes that still has something to give, anywhere inside.
fn largest_list(value: &mut Value) -> Option<&mut Vec<Value>> {
    match value {
        Value::Array(items) => {
            // A list of a few large things gives from inside the things first.
            if items.len() > 1 {
                return Some(items);
            }
            items.iter_mut().find_map(largest_list)
        }
        Value::Object(fields) => fields
            .values_mut()
            .filter(|field| field.is_array() || field.is_object())
            .map(|field| (size(field), field))
            .filter(|(bytes, _)| *bytes > SHORTEST)
            .max_by_key(|(bytes, _)| *bytes)
            .and_then(|(_, field)| largest_list(field)),
        _ => None,
    }
}

/// Cuts the longest text. `false` when no text is long enough to be cut.
fn shorten(value: &mut Value, over: usize) -> bool {
    fn longest(value: &mut Value) -> Option<&mut String> {
        match value {
            Value::String(text) => Some(text),
            Value::Array(items) => items.iter_mut().filter_map(longest).max_by_key(|text| text.len()),
            Value::Object(fields) => fields.values_mut().filter_map(longest).max_by_key(|text| text.len()),
            _ => None,
        }
    }
    let Some(text) = longest(value).filter(|text| text.len() > SHORTEST + 3) else { return false };
    let keep = text.len().saturating_sub(over + 3).max(SHORTEST);
    let end = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text.push('…');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let streams: Vec<Value> =
            (0..5000).map(|n| json!({"stream": format!("public.table_{n}"), "rows": n})).collect();
        let cut = fit(json!({"connection": "shop", "streams": streams, "total": 5000}), "give `search`");
        assert!(size(&cut) <= BUDGET);
        let kept = cut["streams"].as_array().unwrap().len();
        assert_eq!(kept as u64 + cut["more"].as_u64().unwrap(), 5000);
        assert_eq!(cut["narrow"], "give `search`");
    }

    #[test]
    fn what_fits_is_untouched() {
        let answer = json!({"a": [1, 2, 3]});
        assert_eq!(fit(answer.clone(), "x"), answer);
    }

    proptest::proptest! {
        // Each of them is large.
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        #[test]
        fn every_answer_ends_within_the_budget(texts in proptest::collection::vec("[a-zé\"\\\\]{0,4000}", 0..30), nested in 0..3) {
            let mut answer = json!({"lines": texts, "one": texts.first(), "deep": {"x": texts}});
            for _ in 0..nested {
                answer = json!({"inner": [answer]});
            }
            proptest::prop_assert!(size(&fit(answer, "less")) <= BUDGET);
        }
    }
}
