//! A person's confirmation as it is stored: sealed by the server's key, so that a hand at the database can neither make one
//! nor move one to another plan.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::digest::canonical;
use crate::ids::Actor;
use crate::secrets::{Vault, VaultError};

/// Who confirmed what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmation {
    pub by: Actor,
    pub at: DateTime<Utc>,
    /// The digest that was on the person's screen.
    pub digest: String,
    /// Tables whose loss was accepted by name.
    pub acknowledged: Vec<String>,
}

fn context(plan: &str) -> String {
    format!("confirmation:{plan}")
}

impl Confirmation {
    /// As it is stored with a plan.
    pub(super) fn seal(&self, plan: &str, vault: &Vault) -> Result<String, VaultError> {
        let mut stored = json!(self);
        let seal = vault.seal(&canonical(&stored), &context(plan))?;
        if let Value::Object(members) = &mut stored {
            members.insert("seal".to_owned(), Value::String(seal));
        }
        Ok(stored.to_string())
    }

    /// Reads what is stored; `None` when it was not sealed for this plan by this key.
    pub(super) fn open(stored: &str, plan: &str, vault: &Vault) -> Option<Self> {
        let mut stored: Value = serde_json::from_str(stored).ok()?;
        let seal = stored.as_object_mut()?.remove("seal")?;
        let sealed = vault.open(seal.as_str()?, &context(plan)).ok()?;
        if sealed.expose() != canonical(&stored) {
            return None;
        }
        serde_json::from_value(stored).ok()
    }
}

/// The same confirmation under another key. One that does not open is left as it is: it stays refused.
pub(crate) fn reseal(stored: &str, plan: &str, old: &Vault, new: &Vault) -> Result<String, VaultError> {
    match Confirmation::open(stored, plan, old) {
        Some(confirmation) => confirmation.seal(plan, new),
        None => Ok(stored.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_opens_for_its_own_plan_untouched_only() {
        let (vault, _) = Vault::generate();
        let confirmation = Confirmation {
            by: Actor("ada".to_owned()),
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            digest: "d1".to_owned(),
            acknowledged: vec!["main.orders".to_owned()],
        };
        let stored = confirmation.seal("p1", &vault).unwrap();
        assert_eq!(Confirmation::open(&stored, "p1", &vault), Some(confirmation));
        assert_eq!(Confirmation::open(&stored, "p2", &vault), None);
        assert_eq!(Confirmation::open(&stored.replace("d1", "d2"), "p1", &vault), None);
        assert_eq!(Confirmation::open(&stored.replace("ada", "eve"), "p1", &vault), None);
        assert_eq!(Confirmation::open(r#"{"by":"ada"}"#, "p1", &vault), None);
        let (other, _) = Vault::generate();
        let moved = reseal(&stored, "p1", &vault, &other).unwrap();
        assert!(Confirmation::open(&moved, "p1", &vault).is_none());
        assert!(Confirmation::open(&moved, "p1", &other).is_some());
    }
}
