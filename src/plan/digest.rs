//! The digest that a person confirms: SHA-256 over a canonical form in which the order of keys does not matter.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256 of the canonical form, as lower-case hex.
pub fn digest(document: &Value) -> String {
    hex::encode(Sha256::digest(canonical(document).as_bytes()))
}

/// JSON without blanks, the keys of every object sorted by their bytes.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (place, (key, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a-z]{0,3}", inner), 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn reversed(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                Value::Object(members.iter().rev().map(|(k, v)| (k.clone(), reversed(v))).collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(reversed).collect(),
            scalar => scalar.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_order_of_keys_does_not_matter(value in value()) {
            prop_assert_eq!(digest(&value), digest(&reversed(&value)));
        }

        #[test]
        fn the_canonical_form_says_the_same_and_tells_values_apart(a in value(), b in value()) {
            prop_assert_eq!(&serde_json::from_str::<Value>(&canonical(&a)).unwrap(), &a);
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }
    }

    #[test]
    fn the_digest_of_a_known_document_never_changes() {
        let document = json!({"b": [1, "é"], "a": {"y": null, "x": true}});
        assert_eq!(canonical(&document), r#"{"a":{"x":true,"y":null},"b":[1,"é"]}"#);
        assert_eq!(digest(&document), hex::encode(Sha256::digest(r#"{"a":{"x":true,"y":null},"b":[1,"é"]}"#)));
    }
}
