use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{budget, shown};
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::connectors::ConnectorKind;
use crate::workspace::Role;

pub(super) struct SearchCatalog;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(default)]
    query: String,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    kind: Option<ConnectorKind>,
    #[serde(default)]
    for_user: bool,
}

#[async_trait]
impl Handler for SearchCatalog {
    type Args = Args;
    const NAME: &'static str = "search_catalog";
    const EFFECT: Effect = Effect::Read;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/search_catalog.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let found = cx.workspace.catalog.search(&args.query, args.role, args.kind);
        let total = found.len();
        let listed: Vec<Value> = found
            .into_iter()
            .map(|found| {
                json!({
                    "id": found.about.id,
                    "name": found.about.name,
                    "kind": found.about.kind,
                    "roles": found.about.roles(),
                    "native": found.native,
                    "nicknames": found.about.nicknames,
                })
            })
            .collect();
        let mut content = json!({"connectors": listed, "total": total});
        // What people know by name and this program does not have is worth saying: it is no typo.
        if let Some(known) = cx.workspace.catalog.known_name(&args.query).filter(|_| total == 0) {
            content = json!({"connectors": [], "total": 0, "known": known.message, "instead": known.suggestion});
        }
        let text = if total == 1 { "One connector fits.".to_owned() } else { format!("{total} connectors fit.") };
        let events = if args.for_user { vec![shown(Self::NAME, None, text)] } else { Vec::new() };
        let view = args.for_user.then(|| content.clone());
        let content = budget::fit(content, "Give a longer `query`, a `role` or a `kind`.");
        Ok(ToolOutput { content, view, events, ..ToolOutput::default() })
    }
}
