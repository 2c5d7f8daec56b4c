//! A person's confirmation as it is stored: sealed by the server's key, so that a hand at the database can neither make one
//! nor move one to another plan.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::Actor;
use crate::secrets::{Vault, VaultError};
use crate::workspace::record;

/// Who confirmed what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmation {
    pub(super) by: Actor,
    pub(super) at: DateTime<Utc>,
    /// The digest that was on the person's screen.
    pub(super) digest: String,
    /// Tables whose loss was accepted by name.
    pub(super) acknowledged: Vec<String>,
}

impl Confirmation {
    /// As it is stored with a plan.
    pub(super) fn seal(&self, plan: &str, vault: &Vault) -> Result<String, VaultError> {
        let members = match json!(self) {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        record::seal(members, &record::confirmation(plan), vault)
    }

    /// Reads what is stored; `None` when it was not sealed for this plan by this key.
    pub(super) fn open(stored: &str, plan: &str, vault: &Vault) -> Option<Self> {
        let members = record::open(stored, &record::confirmation(plan), vault)?;
        serde_json::from_value(Value::Object(members)).ok()
    }
}
