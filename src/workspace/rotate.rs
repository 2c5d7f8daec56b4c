//! Changing the key that secrets are stored under.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::{Connection, Workspace, WorkspaceError, record};
use crate::secrets::Vault;
use crate::store;

impl Workspace {
    /// Seals everything that is stored sealed under another key, in one transaction: all of it or none. Gives the
    /// workspace as it is opened from now on; the one before no longer opens its secrets.
    pub async fn rotate_key(&self, new: Vault) -> Result<Self, WorkspaceError> {
        let mut tx = self.store.begin().await?;
        for row in store::connections::all(&mut *tx, &self.id.0).await? {
            let connection = Connection::read(row)?;
            let mut sealed = BTreeMap::new();
            for (field, text) in &connection.sealed {
                let context = connection.context(field);
                let secret = self.vault.open(text, &context)?;
                sealed.insert(field, new.seal(secret.expose(), &context)?);
            }
            store::connections::set_secrets(&mut *tx, &connection.id.to_string(), &json!(sealed).to_string()).await?;
        }
        for (plan, stored) in store::plans::confirmations(&mut *tx, &self.id.0).await? {
            let again = record::reseal(&stored, &record::confirmation(&plan), &self.vault, &new)?;
            store::plans::reseal(&mut *tx, &plan, &again).await?;
        }
        super::keys::reseal(&mut tx, &self.id, &self.vault, &new).await?;
        tx.commit().await?;
        Ok(Self { vault: Arc::new(new), ..self.clone() })
    }
}
