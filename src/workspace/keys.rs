//! Keys of the workspace that outlive a change of the vault's key: one for masks, so that equal values stay equal from
//! run to run, and one for the signatures of receipts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::Workspace;
use crate::ids::WorkspaceId;
use crate::secrets::{Vault, VaultError};
use crate::store::{self, Tx};

const MASK: &str = "mask";
const RECEIPT: &str = "receipt";

/// A key for HMAC-SHA256. Does not print.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

/// The workspace's keys.
#[derive(Clone, Debug)]
pub struct WorkspaceKeys {
    pub mask: SigningKey,
    pub receipt: SigningKey,
}

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the workspace's keys cannot be read from the store")]
    Store(#[from] sqlx::Error),
    #[error("the workspace's keys do not open")]
    Vault(#[from] VaultError),
}

impl WorkspaceKeys {
    /// Opens the workspace's keys; the first call makes them.
    pub async fn open(workspace: &Workspace) -> Result<Self, KeyError> {
        let pool = workspace.store.pool();
        let mut sealed: BTreeMap<String, String> =
            store::workspace_keys::all(pool, &workspace.id.0).await?.into_iter().collect();
        for purpose in [MASK, RECEIPT] {
            if !sealed.contains_key(purpose) {
                let fresh: [u8; 32] = rand::random();
                let text = workspace.vault.seal(&BASE64.encode(fresh), &context(&workspace.id, purpose))?;
                store::workspace_keys::insert(pool, &workspace.id.0, purpose, &text).await?;
                // Another process may have been faster: what stands in the store is the key.
                sealed = store::workspace_keys::all(pool, &workspace.id.0).await?.into_iter().collect();
            }
        }
        let open = |purpose: &str| -> Result<SigningKey, KeyError> {
            let text = sealed.get(purpose).ok_or(VaultError::WrongKey)?;
            let key = workspace.vault.open(text, &context(&workspace.id, purpose))?;
            let bytes = BASE64.decode(key.expose()).map_err(|_| VaultError::WrongKey)?;
            Ok(SigningKey(bytes.try_into().map_err(|_| VaultError::WrongKey)?))
        };
        Ok(Self { mask: open(MASK)?, receipt: open(RECEIPT)? })
    }
}

/// Puts the workspace's keys under another vault's seal; part of changing the vault's key.
pub(super) async fn reseal(tx: &mut Tx, workspace: &WorkspaceId, from: &Vault, to: &Vault) -> Result<(), KeyError> {
    for (purpose, sealed) in store::workspace_keys::all(&mut **tx, &workspace.0).await? {
        let context = context(workspace, &purpose);
        let text = to.seal(from.open(&sealed, &context)?.expose(), &context)?;
        store::workspace_keys::reseal(&mut **tx, &workspace.0, &purpose, &text).await?;
    }
    Ok(())
}

fn context(workspace: &WorkspaceId, purpose: &str) -> String {
    format!("workspace:{}:{purpose}", workspace.0)
}

impl SigningKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// HMAC-SHA256 (RFC 2104) of the message, as lower-case hex.
    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(hmac(&self.0, message))
    }
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // The key is shorter than the hash's block of 64 bytes and is padded with zeros.
    let mut inner = Sha256::new();
    let mut outer = Sha256::new();
    inner.update(key.map(|byte| byte ^ 0x36));
    inner.update([0x36; 32]);
    outer.update(key.map(|byte| byte ^ 0x5c));
    outer.update([0x5c; 32]);
    inner.update(message);
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Catalog;
    use crate::clock::Clock;

    #[test]
    fn the_signature_is_the_standard_one() {
        // RFC 4231, test cases 1 and 2: shorter keys are padded with zeros by definition.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(SigningKey::new(key).sign(b"Hi There"), expected);
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(SigningKey::new(key).sign(b"what do ya want for nothing?"), expected);
    }

    #[tokio::test]
    async fn keys_stay_the_same_and_survive_a_change_of_the_vault() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            id: WorkspaceId::main(),
            store: store::Store::open_folder(folder.path()).await.unwrap(),
            catalog: Arc::new(Catalog::default()),
            vault: Arc::new(Vault::generate().0),
            clock: Clock::System,
        };
        let first = WorkspaceKeys::open(&workspace).await.unwrap();
        let again = WorkspaceKeys::open(&workspace).await.unwrap();
        assert_eq!(first.mask.sign(b"x"), again.mask.sign(b"x"));
        assert_ne!(first.mask.sign(b"x"), first.receipt.sign(b"x"));
        let turned = workspace.rotate_key(Vault::generate().0).await.unwrap();
        assert!(matches!(WorkspaceKeys::open(&workspace).await, Err(KeyError::Vault(_))));
        assert_eq!(WorkspaceKeys::open(&turned).await.unwrap().mask.sign(b"x"), first.mask.sign(b"x"));
    }
}
