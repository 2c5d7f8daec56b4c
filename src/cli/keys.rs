//! `towpath keys`

use clap::Subcommand;
use serde_json::json;

use super::failure::{Exit, Failure};
use super::operator;
use super::terminal::{Align, Terminal};
use crate::app::App;
use crate::http::access::{self, Scope};
use crate::http::keys::key_name;
use crate::ids::KeyId;
use crate::store;

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a key; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// What its holder may do; each includes those before it
        #[arg(long, default_value = "read")]
        scope: Scope,
    },
    /// List keys
    List,
    /// Revoke a key for good
    Revoke { id: KeyId },
}

pub(super) async fn run(command: Keys, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let workspace = &app.workspace;
    let store = workspace.store.pool();
    match command {
        Keys::Create { name, scope } => {
            let name = key_name(&name)?;
            let (id, key) = access::create_key(workspace, name, scope).await?;
            let detail = json!({"name": name, "scope": scope});
            app.record(&operator(), "key.created", &format!("key:{id}"), detail).await?;
            let made = json!({"id": id, "key": key.expose(), "name": name, "scope": scope});
            terminal.result(&made, |terminal, _| {
                terminal.line(key.expose());
                terminal.complain(&terminal.dim(&format!(
                    "A key for `{name}` with scope `{}`. It is not shown again; revoke it with `towpath keys revoke {id}`.",
                    scope.name()
                )));
            })
        }
        Keys::List => {
            let rows = store::keys::list(store, &workspace.id.0).await?;
            let keys: Vec<_> = rows
                .iter()
                .map(|key| {
                    json!({
                        "id": key.id, "name": key.name, "scope": key.scope, "created_at": key.created_at,
                        "last_used_at": key.last_used_at, "revoked_at": key.revoked_at,
                    })
                })
                .collect();
            terminal.result(&keys, |terminal, _| {
                let lines: Vec<Vec<String>> = rows
                    .iter()
                    .map(|key| {
                        let state =
                            if key.revoked_at.is_some() { terminal.bad("revoked") } else { terminal.good("live") };
                        let used = key.last_used_at.clone().unwrap_or_else(|| "never".to_owned());
                        vec![key.id.clone(), key.name.clone(), key.scope.clone(), state, used]
                    })
                    .collect();
                terminal.table(&[Align::Left; 5], &["ID", "NAME", "SCOPE", "", "LAST USED"], &lines);
            })
        }
        Keys::Revoke { id } => {
            if !store::keys::revoke(store, &workspace.id.0, id, &store::stamp(workspace.clock.now())).await? {
                return Err(Failure::new(Exit::NotFound, "not_found", format!("There is no live key `{id}`.")));
            }
            app.record(&operator(), "key.revoked", &format!("key:{id}"), json!({})).await?;
            terminal.result(&json!({"revoked": id}), |terminal, _| terminal.line("Revoked."))
        }
    }
}
