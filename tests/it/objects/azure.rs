//! Azurite's container, made with a request signed by hand: the store that tests look through makes none. The form of the
//! signature: Azure Storage, “Authorize with Shared Key”.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::ObjectStore;
use sha2::{Digest as _, Sha256};

use crate::server::azure_url;

/// The account that every Azurite has, and its key, as documented by its makers.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

pub(super) async fn create(container: &str) -> Arc<dyn ObjectStore> {
    let date = towpath::clock::Clock::System.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    );
    let signature = STANDARD.encode(hmac(&STANDARD.decode(KEY).unwrap(), signed.as_bytes()));
    let made = super::client()
        .put(format!("{}/{container}?restype=container", azure_url()))
        .header("x-ms-date", date)
        .header("x-ms-version", "2021-08-06")
        .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
        .header("content-length", "0")
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success(), "{}: {}", made.status(), made.text().await.unwrap());
    let builder = object_store::azure::MicrosoftAzureBuilder::new().with_account(ACCOUNT).with_access_key(KEY);
    Arc::new(builder.with_container_name(container).with_endpoint(azure_url()).with_allow_http(true).build().unwrap())
}
