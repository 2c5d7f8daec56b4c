//! `towpath secrets`

use clap::Subcommand;
use serde_json::json;

use super::failure::{Exit, Failure};
use super::operator;
use super::terminal::Terminal;
use crate::app::{App, FolderLock, replace_key_file};
use crate::config::Config;
use crate::secrets::{Secret, Vault};

#[derive(Debug, Subcommand)]
pub(super) enum Secrets {
    /// Seal every stored secret under a new key
    Rotate,
}

pub(super) async fn run(command: Secrets, config: Config, terminal: &Terminal) -> Result<(), Failure> {
    let Secrets::Rotate = command;
    // A server would go on with the old key and find that nothing opens.
    let url = "towpath secrets rotate";
    let lock = FolderLock::take(&config.data, url)?;
    let app = App::open(config).await?;
    let rotated = rotate(&app).await;
    app.shut_down().await;
    drop(lock);
    let key = rotated?;
    terminal.result(&json!({"rotated": true, "key_file": key.is_none()}), |terminal, _| {
        terminal.line(&format!("{} Every stored secret is sealed under a new key.", terminal.good("✔")));
    })?;
    if let Some(key) = key {
        terminal.complain("The old key came from `TOWPATH_SECRET_KEY`. Set it to this one before the next start:");
        terminal.complain(key.expose());
    }
    Ok(())
}

/// The new key, where the operator has to keep it: the old one came from the environment.
async fn rotate(app: &App) -> Result<Option<Secret>, Failure> {
    let (vault, key) = Vault::generate();
    let by_file = app.config.secret_key.is_none();
    let file = app.config.key_file();
    // The new key is on disk before anything is sealed under it: whatever is cut off in between, both keys are there.
    let next = by_file.then(|| replace_key_file(&file, &key)).transpose().map_err(|error| {
        Failure::new(Exit::Failed, "key_file", format!("The new key cannot be written beside `{}`.", file.display()))
            .because(error)
    })?;
    app.workspace.rotate_key(vault).await?;
    if let Some(next) = next {
        next.put_in_place()?;
    }
    app.record(&operator(), "secrets.rotated", "vault", json!({})).await?;
    Ok((!by_file).then(|| Secret::new(key)))
}
