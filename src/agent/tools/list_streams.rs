use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::budget;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::catalog::nearest;
use crate::connectors::{ErrorKind, StreamSummary};
use crate::workspace::{Role, WorkspaceError};

/// Streams in one answer when nothing else is asked for.
const USUAL: usize = 200;
/// How alike two words must be for one to be a misspelling of the other.
const ALIKE: f64 = 0.8;

pub(super) struct ListStreams;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    connection: String,
    #[serde(default)]
    search: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<String>,
}

#[async_trait]
impl Handler for ListStreams {
    type Args = Args;
    const NAME: &'static str = "list_streams";
    const EFFECT: Effect = Effect::Connect;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/list_streams.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let name = &args.connection;
        let connection = cx.workspace.connection(name).await?;
        let told = |error| ToolError::from(WorkspaceError::connector(name, error));
        let source = connection.roles.contains(&Role::Source);
        let written_to = connection.roles.contains(&Role::Destination);
        let shelf = if source { Some(cx.workspace.source(name).await?) } else { cx.workspace.shelf(name).await? };
        let mut streams = match shelf {
            Some(shelf) => match shelf.list().await {
                // A file that the first write will make has nothing in it yet.
                Err(error) if written_to && error.kind == ErrorKind::NotFound => Vec::new(),
                listed => listed.map_err(told)?,
            },
            None => Vec::new(),
        };
        let namespaces = if written_to {
            cx.workspace.destination(name).await?.namespaces().await.map_err(told)?
        } else {
            let mut found: Vec<String> = streams.iter().filter_map(|stream| stream.namespace.clone()).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        let total = streams.len();
        if let Some(search) = args.search.as_deref().filter(|search| !search.trim().is_empty()) {
            streams = matching(streams, search);
        }
        let found = streams.len();
        if let Some(after) = &args.after {
            let begin = streams.iter().position(|stream| stream.stream == *after).map_or(0, |at| at + 1);
            streams.drain(..begin);
        }
        let limit = args.limit.unwrap_or(USUAL);
        let more = streams.len().saturating_sub(limit);
        streams.truncate(limit);
        let mut content = json!({
            "connection": name,
            "role": if source { "source" } else { "destination" },
            "streams": streams.iter().map(listed).collect::<Vec<_>>(),
            "namespaces": namespaces,
            "total": total,
        });
        if let Value::Object(fields) = &mut content {
            if args.search.is_some() {
                fields.insert("found".to_owned(), json!(found));
            }
            if more > 0 {
                fields.insert("more".to_owned(), json!(more));
                fields.insert("narrow".to_owned(), json!("Give `search`, or `after` the last of these."));
            }
        }
        let content = budget::fit(content, "Give `search`, or `after` the last of these.");
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}

fn listed(stream: &StreamSummary) -> Value {
    let mut listed = json!({"stream": stream.stream, "name": stream.name, "readable": stream.readable});
    if let Value::Object(fields) = &mut listed {
        let rest = [
            ("namespace", json!(stream.namespace)),
            ("rows", json!(stream.rows)),
            ("comment", json!(stream.comment.as_ref().map(|text| text.chars().take(120).collect::<String>()))),
        ];
        fields.extend(
            rest.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)),
        );
    }
    listed
}

/// Streams whose names have every word, best first; where none has, those that have any.
fn matching(streams: Vec<StreamSummary>, search: &str) -> Vec<StreamSummary> {
    let words: Vec<String> = split(search);
    let mut scored: Vec<(f64, f64, StreamSummary)> = streams
        .into_iter()
        .map(|stream| {
            let scores: Vec<f64> = words.iter().map(|word| likeness(word, &stream)).collect();
            let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let most = scores.iter().copied().fold(0.0, f64::max);
            (least, most, stream)
        })
        .filter(|(_, most, _)| *most >= ALIKE)
        .collect();
    if scored.iter().any(|(least, ..)| *least >= ALIKE) {
        scored.retain(|(least, ..)| *least >= ALIKE);
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then_with(|| a.2.stream.cmp(&b.2.stream)));
    scored.into_iter().map(|(_, _, stream)| stream).collect()
}

/// How well a word names a stream: the whole name, a part of it, or a misspelling of either.
fn likeness(word: &str, stream: &StreamSummary) -> f64 {
    let whole = nearest::fold(&stream.name);
    let word = nearest::fold(word);
    if whole == word || nearest::fold(&stream.stream) == word {
        return 1.0;
    }
    if one(&whole) == one(&word) {
        return 0.98;
    }
    let parts = split(&stream.stream);
    let of_parts = parts.iter().map(|part| {
        let part = nearest::fold(part);
        if one(&part) == one(&word) {
            0.95
        } else if word.len() >= 3 && part.starts_with(&word) {
            0.9
        } else {
            nearest::similarity(&part, &word) * 0.94
        }
    });
    let within = if word.len() >= 4 && whole.contains(&word) { 0.85 } else { 0.0 };
    of_parts.fold(within, f64::max).max(nearest::similarity(&whole, &word) * 0.97)
}

fn split(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// A word without its plural.
fn one(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["ses", "xes", "zes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word.strip_suffix("es").unwrap_or(word).to_owned();
        }
    }
    word.strip_suffix('s').filter(|stem| stem.len() > 2 && !stem.ends_with('s')).unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(search: &str) -> Vec<String> {
        let names =
            ["public.customers", "public.orders", "public.order_items", "public.page_views", "sales.categories"];
        let stream = |name: &&str| StreamSummary {
            stream: (*name).to_owned(),
            namespace: name.split_once('.').map(|(namespace, _)| namespace.to_owned()),
            name: name.split_once('.').map(|(_, name)| name.to_owned()).unwrap(),
            rows: None,
            bytes: None,
            comment: None,
            readable: true,
        };
        matching(names.iter().map(stream).collect(), search).into_iter().map(|stream| stream.stream).collect()
    }

    #[test]
    fn plurals_typos_and_parts_are_found() {
        assert_eq!(found("customer").first().map(String::as_str), Some("public.customers"));
        assert_eq!(found("custmers").first().map(String::as_str), Some("public.customers"));
        assert_eq!(found("orders")[..2], ["public.orders", "public.order_items"]);
        assert_eq!(found("order items"), ["public.order_items"]);
        assert_eq!(found("PageViews").first().map(String::as_str), Some("public.page_views"));
        assert_eq!(found("category"), ["sales.categories"]);
        assert!(found("invoices").is_empty());
    }
}
