//! What the tools have said in this turn. Whoever needs to know more says so by an error, and the planner asks the tools
//! for it: the next round finds the answer here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Calls whose answers are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Need(pub Vec<(&'static str, Value)>);

pub(super) type Known<T> = Result<T, Need>;

impl Need {
    fn one(tool: &'static str, arguments: Value) -> Self {
        Self(vec![(tool, arguments)])
    }
}

/// Collects answers, or everything that is missing at once.
pub(super) fn all<T>(answers: impl IntoIterator<Item = Known<T>>) -> Known<Vec<T>> {
    let mut known = Vec::new();
    let mut missing = Need::default();
    for answer in answers {
        match answer {
            Ok(answer) => known.push(answer),
            Err(need) => {
                let fresh: Vec<_> = need.0.into_iter().filter(|call| !missing.0.contains(call)).collect();
                missing.0.extend(fresh);
            }
        }
    }
    if missing.0.is_empty() { Ok(known) } else { Err(missing) }
}

/// Answers by call.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    answers: BTreeMap<(String, String), Result<Value, String>>,
}

/// A connection of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    pub name: String,
    pub label: Option<String>,
    pub connector: String,
    pub kind: String,
    pub source: bool,
    pub destination: bool,
}

/// What a connection holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing {
    pub streams: Vec<Stream>,
    pub namespaces: Vec<String>,
    /// Nothing was left out of the answer.
    pub complete: bool,
    /// Why it could not be asked.
    pub refused: Option<String>,
}

#[expect(clippy::struct_field_names, reason = "the words of the tools' answers")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stream {
    pub stream: String,
    pub namespace: Option<String>,
    pub name: String,
    pub readable: bool,
}

/// A stream in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Schema {
    pub stream: String,
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    pub rows: Option<u64>,
    pub refused: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnKind,
    pub spelled: String,
    pub nullable: bool,
}

/// What can be compared with the column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ColumnKind {
    #[default]
    Text,
    Number,
    Boolean,
    Date,
    Timestamp,
    Other,
}

impl Schema {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// How rows of a stream can be read and written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Modes {
    pub proposals: Vec<Proposal>,
    /// Read mode, code, sentence.
    pub refused: Vec<(String, String, String)>,
    pub cdc_ready: bool,
    pub cdc_reason: Option<String>,
    pub primary_key: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proposal {
    pub read: String,
    pub write: String,
    pub cursor: Option<String>,
    pub key: Vec<String>,
    pub why: String,
}

/// A pipeline of the workspace and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub name: String,
    pub paused: bool,
}

#[expect(clippy::struct_field_names, reason = "the words of the tools' answers")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub run: String,
    pub pipeline: String,
    pub phase: String,
}

impl Knowledge {
    pub(super) fn learn(&mut self, tool: &str, arguments: &Value, answer: Result<Value, String>) {
        self.answers.insert((tool.to_owned(), canonical(arguments)), answer);
    }

    fn ask(&self, tool: &'static str, arguments: Value) -> Known<&Result<Value, String>> {
        self.answers.get(&(tool.to_owned(), canonical(&arguments))).ok_or_else(|| Need::one(tool, arguments))
    }

    /// The sentence of a refusal or the answer to a call.
    pub(super) fn answer(&self, tool: &'static str, arguments: Value) -> Known<Result<Value, String>> {
        self.ask(tool, arguments).cloned()
    }

    pub(super) fn connections(&self) -> Known<Vec<Connection>> {
        Ok(match self.ask("list_connections", json!({}))? {
            Ok(answer) => list(answer, "connections").map(connection).collect(),
            Err(_) => Vec::new(),
        })
    }

    /// What a connection holds, as far as one answer goes.
    pub(super) fn listing(&self, connection: &str) -> Known<Listing> {
        Ok(listing(self.ask("list_streams", json!({"connection": connection}))?))
    }

    /// What a connection holds under these words.
    pub(super) fn search(&self, connection: &str, words: &str) -> Known<Listing> {
        Ok(listing(self.ask("list_streams", json!({"connection": connection, "search": words}))?))
    }

    /// Everything that a connection holds, page by page.
    pub(super) fn whole_listing(&self, connection: &str) -> Known<Listing> {
        const PAGES: usize = 40;
        let mut whole = self.listing(connection)?;
        for _ in 0..PAGES {
            let Some(last) = whole.streams.last().filter(|_| !whole.complete) else { break };
            let page = listing(self.ask("list_streams", json!({"connection": connection, "after": last.stream}))?);
            whole.complete = page.complete || page.streams.is_empty();
            whole.streams.extend(page.streams);
        }
        Ok(whole)
    }

    pub(super) fn schema(&self, connection: &str, stream: &str) -> Known<Schema> {
        let answer = self.ask("inspect_stream", json!({"connection": connection, "stream": stream}))?;
        Ok(match answer {
            Ok(answer) => Schema {
                stream: stream.to_owned(),
                columns: list(answer, "columns").map(column).collect(),
                primary_key: texts(answer, "primary_key"),
                rows: answer.get("rows").and_then(Value::as_u64),
                refused: None,
            },
            Err(refused) => Schema { stream: stream.to_owned(), refused: Some(refused.clone()), ..Schema::default() },
        })
    }

    pub(super) fn modes(&self, source: &str, stream: &str, destination: Option<&str>) -> Known<Modes> {
        let mut arguments = json!({"source": source, "stream": stream});
        if let (Some(destination), Some(arguments)) = (destination, arguments.as_object_mut()) {
            arguments.insert("destination".to_owned(), json!(destination));
        }
        Ok(self.ask("propose_modes", arguments)?.as_ref().map(modes).unwrap_or_default())
    }

    pub(super) fn pipelines(&self) -> Known<(Vec<Pipeline>, Vec<Run>)> {
        let Ok(answer) = self.ask("list_runs", json!({"for_user": false}))? else {
            return Ok((Vec::new(), Vec::new()));
        };
        let pipelines = list(answer, "pipelines")
            .map(|pipeline| Pipeline {
                name: text(pipeline, "name"),
                paused: pipeline.get("paused").and_then(Value::as_bool).unwrap_or(false),
            })
            .collect();
        let runs = list(answer, "runs")
            .map(|run| Run { run: text(run, "run"), pipeline: text(run, "pipeline"), phase: text(run, "phase") })
            .collect();
        Ok((pipelines, runs))
    }

    /// Whether the program knows a connector by this word: its id and name.
    pub(super) fn connector(&self, query: &str) -> Known<Vec<(String, String)>> {
        let answer = self.ask("search_catalog", json!({"query": query}))?;
        Ok(answer
            .as_ref()
            .map(|answer| list(answer, "connectors").map(|found| (text(found, "id"), text(found, "name"))).collect())
            .unwrap_or_default())
    }
}

/// The same text for the same arguments, whatever the order of their fields.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, String> =
                fields.iter().map(|(name, value)| (name, canonical(value))).collect();
            sorted.iter().fold(String::new(), |text, (name, value)| text + name + ":" + value + ";")
        }
        other => other.to_string(),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn text(value: &Map<String, Value>, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    value
        .get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn connection(value: &Map<String, Value>) -> Connection {
    let roles: Vec<&str> =
        value.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    Connection {
        name: text(value, "name"),
        label: value.get("label").and_then(Value::as_str).filter(|label| !label.is_empty()).map(str::to_owned),
        connector: text(value, "connector"),
        kind: text(value, "kind"),
        source: roles.contains(&"source"),
        destination: roles.contains(&"destination"),
    }
}

fn listing(answer: &Result<Value, String>) -> Listing {
    match answer {
        Ok(answer) => Listing {
            streams: list(answer, "streams").map(stream).filter(|stream| !stream.stream.is_empty()).collect(),
            namespaces: texts(answer, "namespaces"),
            complete: !answer
                .get("more")
                .is_some_and(|more| more.as_u64().is_some_and(|more| more > 0) || more.as_bool() == Some(true)),
            refused: None,
        },
        Err(refused) => Listing { complete: true, refused: Some(refused.clone()), ..Listing::default() },
    }
}

fn stream(value: &Map<String, Value>) -> Stream {
    let stream = text(value, "stream");
    let name = text(value, "name");
    Stream {
        name: if name.is_empty() { stream.rsplit('.').next().unwrap_or(&stream).to_owned() } else { name },
        namespace: value.get("namespace").and_then(Value::as_str).map(str::to_owned),
        readable: value.get("readable").and_then(Value::as_bool).unwrap_or(true),
        stream,
    }
}

fn column(value: &Map<String, Value>) -> Column {
    let logical = value.get("logical").map(Value::to_string).unwrap_or_default().to_ascii_lowercase();
    let spelled = text(value, "type");
    Column {
        name: text(value, "name"),
        kind: kind(if logical.is_empty() || logical == "null" { &spelled } else { &logical }),
        nullable: value.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        spelled,
    }
}

fn kind(logical: &str) -> ColumnKind {
    let logical = logical.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| logical.contains(word));
    if has(&["timestamp", "datetime"]) {
        ColumnKind::Timestamp
    } else if has(&["interval", "json", "binary", "bytea", "array"]) {
        ColumnKind::Other
    } else if has(&["date"]) {
        ColumnKind::Date
    } else if has(&["bool"]) {
        ColumnKind::Boolean
    } else if has(&["int", "decimal", "numeric", "float", "double", "real", "number", "money", "serial"]) {
        ColumnKind::Number
    } else if has(&["time"]) {
        ColumnKind::Other
    } else {
        ColumnKind::Text
    }
}

fn modes(answer: &Value) -> Modes {
    let cdc = answer.get("cdc");
    Modes {
        proposals: list(answer, "proposals")
            .map(|proposal| Proposal {
                read: text(proposal, "read"),
                write: text(proposal, "write"),
                cursor: proposal.get("cursor").and_then(Value::as_str).map(str::to_owned),
                key: proposal
                    .get("key")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                why: text(proposal, "why"),
            })
            .collect(),
        refused: list(answer, "refused")
            .map(|refused| (text(refused, "read"), text(refused, "code"), text(refused, "why")))
            .collect(),
        cdc_ready: cdc.and_then(|cdc| cdc.get("ready")).and_then(Value::as_bool).unwrap_or(false),
        cdc_reason: cdc.and_then(|cdc| cdc.get("reason")).and_then(Value::as_str).map(str::to_owned),
        primary_key: texts(answer, "primary_key"),
    }
}
