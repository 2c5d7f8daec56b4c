//! Secrets in memory and at rest. A [`Secret`] prints as `…`, cannot be serialised, and is wiped when dropped; the
//! [`Vault`] seals what must be stored.

use std::path::Path;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretString};

/// A setting that must not be seen: a password, a token, a private key.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "password", "writeOnly": true})
    }
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the key in `{0}` is not 32 bytes in base64")]
    BadKey(String),
    #[error("the key file `{0}` can be read by others; set its mode to 0600")]
    OpenToOthers(String),
    #[error("the key file `{0}` cannot be read or made")]
    Unreadable(String, #[source] std::io::Error),
    #[error("a stored secret does not open with this key; was the key file replaced?")]
    WrongKey,
}

/// Seals secrets with AES-256-GCM under one key. What a sealed text is for (its context) is bound to it, so that one
/// cannot be moved to where another belongs.
pub struct Vault {
    key: Vec<u8>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

impl Vault {
    /// A vault under a key given as base64 of 32 bytes; `origin` names where it came from, for the error.
    pub fn from_base64(key: &str, origin: &str) -> Result<Self, VaultError> {
        let key = BASE64.decode(key.trim()).map_err(|_| VaultError::BadKey(origin.to_owned()))?;
        if key.len() != 32 {
            return Err(VaultError::BadKey(origin.to_owned()));
        }
        Ok(Self { key })
    }

    /// A vault under a fresh random key, and that key as base64.
    pub fn generate() -> (Self, String) {
        let key: [u8; 32] = rand::random();
        (Self { key: key.to_vec() }, BASE64.encode(key))
    }

    /// Opens the key file, or makes it with mode 0600.
    pub fn open_file(path: &Path) -> Result<Self, VaultError> {
        use std::io::Write as _;
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
        let shown = path.display().to_string();
        let unreadable = |error| VaultError::Unreadable(shown.clone(), error);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.mode() & 0o077 != 0 => Err(VaultError::OpenToOthers(shown)),
            Ok(_) => Self::from_base64(&std::fs::read_to_string(path).map_err(unreadable)?, &shown),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let (vault, key) = Self::generate();
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(unreadable)?;
                file.write_all(key.as_bytes()).and_then(|()| file.sync_all()).map_err(unreadable)?;
                Ok(vault)
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Seals a text. Each call gives another result, for each has its own random nonce.
    pub fn seal(&self, text: &str, context: &str) -> Result<String, VaultError> {
        let nonce: [u8; 12] = rand::random();
        let payload = Payload { msg: text.as_bytes(), aad: context.as_bytes() };
        let sealed = self.cipher()?.encrypt(&Nonce::from(nonce), payload).map_err(|_| VaultError::WrongKey)?;
        Ok(format!("v1:{}", BASE64.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// Opens a sealed text, given the same context.
    pub fn open(&self, sealed: &str, context: &str) -> Result<Secret, VaultError> {
        let bytes = sealed.strip_prefix("v1:").and_then(|text| BASE64.decode(text).ok()).ok_or(VaultError::WrongKey)?;
        let (nonce, body) = bytes.split_first_chunk::<12>().ok_or(VaultError::WrongKey)?;
        let payload = Payload { msg: body, aad: context.as_bytes() };
        let text = self.cipher()?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| VaultError::WrongKey)?;
        String::from_utf8(text).map(Secret::new).map_err(|_| VaultError::WrongKey)
    }

    fn cipher(&self) -> Result<Aes256Gcm, VaultError> {
        Aes256Gcm::new_from_slice(&self.key).map_err(|_| VaultError::WrongKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_context_only() {
        let (vault, key) = Vault::generate();
        let sealed = vault.seal("s3cret", "connection:shop").unwrap();
        assert!(!sealed.contains("s3cret"));
        let again = Vault::from_base64(&key, "test").unwrap();
        assert_eq!(again.open(&sealed, "connection:shop").unwrap().expose(), "s3cret");
        assert!(again.open(&sealed, "connection:other").is_err());
        assert!(Vault::generate().0.open(&sealed, "connection:shop").is_err());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealed = Vault::open_file(&path).unwrap().seal("x", "c").unwrap();
        assert_eq!(Vault::open_file(&path).unwrap().open(&sealed, "c").unwrap().expose(), "x");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Vault::open_file(&path), Err(VaultError::OpenToOthers(_))));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "…");
    }
}
