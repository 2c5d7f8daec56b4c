//! Records that a hand at the database must not be able to make or change: JSON objects that carry a seal by the server's
//! key over all their other members. What a record is for is part of the seal, so that it cannot be moved.

use serde_json::{Map, Value};

use crate::secrets::{Vault, VaultError};

const SEAL: &str = "seal";

/// The record with its seal, as text.
pub(crate) fn seal(mut record: Map<String, Value>, context: &str, vault: &Vault) -> Result<String, VaultError> {
    record.shift_remove(SEAL);
    let seal = vault.seal(&Value::Object(record.clone()).to_string(), context)?;
    record.insert(SEAL.to_owned(), Value::String(seal));
    Ok(Value::Object(record).to_string())
}

/// The record without its seal; `None` when this key did not seal exactly it for this purpose.
pub(crate) fn open(text: &str, context: &str, vault: &Vault) -> Option<Map<String, Value>> {
    let Value::Object(mut record) = serde_json::from_str(text).ok()? else { return None };
    let seal = record.shift_remove(SEAL)?;
    let sealed = vault.open(seal.as_str()?, context).ok()?;
    let text = Value::Object(record.clone()).to_string();
    (sealed.expose() == text).then_some(record)
}

/// The same record under another key. One that does not open is left as it is: it stays refused.
pub(super) fn reseal(text: &str, context: &str, old: &Vault, new: &Vault) -> Result<String, VaultError> {
    match open(text, context, old) {
        Some(record) => seal(record, context, new),
        None => Ok(text.to_owned()),
    }
}

/// What the confirmation of a plan is sealed for.
pub(crate) fn confirmation(plan: &str) -> String {
    format!("confirmation:{plan}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_opens_for_its_own_purpose_untouched_only() {
        let (vault, _) = Vault::generate();
        let Value::Object(record) = json!({"by": "ada", "digest": "d1", "acknowledged": ["main.orders"]}) else {
            panic!("an object")
        };
        let stored = seal(record.clone(), "confirmation:p1", &vault).unwrap();
        assert_eq!(open(&stored, "confirmation:p1", &vault), Some(record));
        assert_eq!(open(&stored, "confirmation:p2", &vault), None);
        assert_eq!(open(&stored.replace("d1", "d2"), "confirmation:p1", &vault), None);
        assert_eq!(open(&stored.replace("[\"main.orders\"]", "[]"), "confirmation:p1", &vault), None);
        assert_eq!(open(r#"{"by":"ada"}"#, "confirmation:p1", &vault), None);
        assert_eq!(open("[]", "confirmation:p1", &vault), None);
        let (other, _) = Vault::generate();
        let moved = reseal(&stored, "confirmation:p1", &vault, &other).unwrap();
        assert!(open(&moved, "confirmation:p1", &vault).is_none());
        assert!(open(&moved, "confirmation:p1", &other).is_some());
        assert_eq!(reseal("{}", "confirmation:p1", &vault, &other).unwrap(), "{}");
    }
}
