//! The planner in a workspace of a museum: what it makes of requests, mechanism by mechanism.

mod clauses;
mod dialogue;
mod grammar;
mod mails;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::reply;
use crate::agent::model::{ChatRequest, Delta, Message, ToolCall};

/// What a turn came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Plan(Value),
    Asked { about: String, options: Vec<String> },
    Problem(String),
    Said(String),
    Other(String),
}

/// A talk with the planner, whose tools answer from [`ROWS`].
pub(super) struct Talk {
    messages: Vec<Message>,
    plan: Value,
}

type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);
type Place = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

/// Connection, stream, columns (`name:type`), key.
const ROWS: &[Row] = &[
    (
        "tickets_pg",
        "public.tickets",
        "ticket_id:int64 buyer_email:text price:decimal currency:text state:text refunded:bool sold_at:timestamp updated_at:timestamp",
        &["ticket_id"],
    ),
    (
        "tickets_pg",
        "public.visitors",
        "visitor_id:int64 full_name:text phone:text birth_date:date country:text member:bool seen_at:timestamp",
        &["visitor_id"],
    ),
    (
        "tickets_pg",
        "public.guided_tours",
        "tour_no:int64 guide:text seats:int32 sold:int32 starts_at:timestamp updated_at:timestamp",
        &["tour_no"],
    ),
    ("tickets_pg", "archive.tickets", "ticket_id:int64 price:decimal", &["ticket_id"]),
    ("shop_mysql", "shop.orders", "id:int64 customer:text total:decimal ordered_on:date updated_at:timestamp", &["id"]),
    ("shop_mysql", "shop.order_lines", "order_id:int64 line:int32 article:text", &["order_id", "line"]),
    ("shop_mysql", "shop.vouchers", "code:text AmountChf:decimal IssuedAt:timestamp", &[]),
];

const CONNECTIONS: &[Place] = &[
    ("tickets_pg", "postgres", "Ticket office", &["source"], &[]),
    ("shop_mysql", "mysql", "Museum shop", &["source"], &[]),
    ("lake_duckdb", "duckdb", "Curators' notebook", &["destination"], &["main"]),
    ("halls_snowflake", "snowflake", "Museum warehouse", &["destination"], &["RAW", "SALES"]),
];

fn answer(tool: &str, arguments: &Value) -> Value {
    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    match tool {
        "list_connections" => json!({"connections": CONNECTIONS.iter().map(|(name, connector, label, roles, _)| json!({
            "name": name, "connector": connector, "label": label, "roles": roles, "kind": "database",
        })).collect::<Vec<_>>()}),
        "list_streams" => {
            let namespaces = CONNECTIONS.iter().find(|(name, ..)| *name == text("connection")).map(|known| known.4);
            let streams: Vec<Value> = ROWS
                .iter()
                .filter(|(connection, ..)| *connection == text("connection"))
                .map(|(_, stream, ..)| {
                    let (namespace, name) = stream.split_once('.').unwrap();
                    json!({"stream": stream, "namespace": namespace, "name": name, "readable": true})
                })
                .collect();
            json!({"streams": streams, "namespaces": namespaces})
        }
        "inspect_stream" => {
            let row = row(&text("connection"), &text("stream"));
            let columns: Vec<Value> = row
                .2
                .split(' ')
                .map(|column| {
                    let (name, kind) = column.split_once(':').unwrap();
                    json!({"name": name, "type": kind, "logical": kind, "nullable": false})
                })
                .collect();
            json!({"columns": columns, "primary_key": row.3, "rows": 10})
        }
        "propose_modes" => {
            let row = row(&text("source"), &text("stream"));
            let cursor = ["updated_at", "seen_at", "IssuedAt"].into_iter().find(|cursor| row.2.contains(cursor));
            let proposals =
                cursor.map(|cursor| json!({"read": "incremental", "write": "merge", "cursor": cursor, "why": ""}));
            json!({"proposals": proposals.into_iter().collect::<Vec<_>>(), "refused": [], "cdc": {"ready": true}, "primary_key": row.3})
        }
        "list_runs" => json!({"runs": [], "pipelines": []}),
        "search_catalog" => json!({"connectors": []}),
        "propose_plan" | "revise_plan" => json!({"accepted": true}),
        _ => json!({}),
    }
}

fn row(connection: &str, stream: &str) -> &'static Row {
    ROWS.iter().find(|row| row.0 == connection && row.1 == stream).unwrap()
}

impl Talk {
    pub(super) fn new() -> Self {
        Self { messages: Vec::new(), plan: Value::Null }
    }

    pub(super) fn say(&mut self, text: &str) -> End {
        self.messages.push(Message::User { text: text.to_owned(), attachments: Vec::new() });
        let mut end = End::Other(String::new());
        for _ in 0..20 {
            let request = ChatRequest {
                system: String::new(),
                messages: self.messages.clone(),
                tools: Arc::from(Vec::new()),
                now: "2026-05-20T10:00:00Z".parse().unwrap(),
                cancel: CancellationToken::new(),
            };
            let (mut said, mut calls) = (String::new(), Vec::new());
            for delta in reply(&request) {
                match delta {
                    Delta::Text(piece) => said.push_str(&piece),
                    Delta::Call(call) => calls.push(call),
                    Delta::Done { .. } => {}
                }
            }
            self.messages.push(Message::Assistant { text: said.clone(), calls: calls.clone() });
            if calls.is_empty() {
                return if end == End::Other(String::new()) { End::Said(said) } else { end };
            }
            for call in calls {
                end = self.carry_out(&call).unwrap_or(end);
            }
        }
        panic!("the turn does not end: {text}");
    }

    fn carry_out(&mut self, call: &ToolCall) -> Option<End> {
        let arguments = &call.arguments;
        let content = answer(&call.name, arguments).to_string();
        self.messages.push(Message::Tool { call: call.id.clone(), tool: call.name.clone(), content, refused: false });
        let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        match call.name.as_str() {
            "propose_plan" => self.plan = arguments["plan"].clone(),
            "revise_plan" => super::transcript::merge(&mut self.plan, &arguments["changes"]),
            "ask_user" => {
                let options = arguments["options"].as_array().unwrap();
                let options = options.iter().map(|option| option["say"].as_str().unwrap().to_owned()).collect();
                return Some(End::Asked { about: text("about"), options });
            }
            "state_problem" => return Some(End::Problem(text("code"))),
            "offer_action" | "decline_request" => return Some(End::Other(call.name.clone())),
            _ => return None,
        }
        Some(End::Plan(self.plan.clone()))
    }

    /// The plan that a sentence makes.
    pub(super) fn plan(&mut self, text: &str) -> Value {
        match self.say(text) {
            End::Plan(plan) => plan,
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// The plan that one sentence makes.
pub(super) fn plan(text: &str) -> Value {
    Talk::new().plan(text)
}

/// The streams of a plan, by name.
pub(super) fn streams(plan: &Value) -> Vec<String> {
    plan["streams"].as_array().unwrap().iter().map(|stream| stream["stream"].as_str().unwrap().to_owned()).collect()
}

/// What a question is about.
pub(super) fn asked(text: &str) -> String {
    match Talk::new().say(text) {
        End::Asked { about, .. } => about,
        other => panic!("{text}: {other:?}"),
    }
}
