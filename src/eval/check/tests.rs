//! A checker that cannot fail is worth nothing: for everything that holds here, something near it does not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::eval::world::ground::Ground;
use crate::events::{CauseView, ProblemView};
use crate::ids::{ActionId, ConversationId};
use crate::plan::{self, Draft};

fn shopflow() -> World {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evals/worlds");
    World::load(&folder, "shopflow").unwrap()
}

/// A plan as the production offers it.
async fn offered(spec: Value) -> (Seen, Arc<World>) {
    let ground = Ground::lay(shopflow()).await.unwrap();
    let copy = ground.copy().await.unwrap();
    let talk = ConversationId::new();
    plan::propose(&copy.workspace, Draft::from_model(spec), Some(talk), None).await.unwrap();
    let offer = plan::on_offer(&copy.workspace, talk).await.unwrap();
    assert!(offer.is_some());
    (Seen { offer, ..Seen::default() }, Arc::clone(&ground.world))
}

fn expected(text: &str) -> Expected {
    let value: Value = serde_saphyr::from_str(text).unwrap();
    let expected: Expected = serde_json::from_value(value).unwrap();
    expected.check().unwrap();
    expected
}

#[track_caller]
fn holds(text: &str, seen: &Seen, world: &World) {
    let told = failures(&expected(text), seen, world);
    assert!(told.is_empty(), "{text}: {told:?}");
}

#[track_caller]
fn fails(text: &str, seen: &Seen, world: &World, because: &str) {
    let told = failures(&expected(text), seen, world).join("\n");
    assert!(told.contains(because), "{text}: {told:?} does not say `{because}`");
}

fn customers() -> Value {
    json!({
        "version": 1, "name": "customers",
        "source": {"connection": "shop_pg"},
        "destination": {"connection": "analytics_bq", "namespace": "sales_data"},
        "streams": [{
            "stream": "public.customers", "read": "incremental", "cursor": "updated_at", "lookback": "PT120M",
            "filter": "status in ('active', 'new') and created_at >= '2026-01-01'",
            "exclude": ["phone"], "mask": {"email": "hash", "country": "null"}, "rename": {"full_name": "name"},
            "cast": {"customer_id": "decimal(18, 0)"}
        }],
        "schedule": {"cron": "0 2 * * *", "timezone": "UTC"},
        "options": {"batch_bytes": "16MiB", "parallelism": 2},
        "assumptions": [{"slot": "streams", "text": "read `custmers` as `public.customers`"}]
    })
}

#[tokio::test]
async fn a_plan_is_compared_by_meaning() {
    let (seen, world) = offered(customers()).await;
    let stream = |member: &str| format!("plan: {{streams: [{{stream: public.customers, {member}}}]}}");
    for right in [
        "read: incremental",
        "cursor: updated_at",
        "lookback: PT2H",
        "write: merge",
        "key: [customer_id]",
        "target: customers",
        "deletes: ignore",
        "filter: \"(status = 'new' or status = 'active') and created_at >= '2026-01-01'\"",
        "exclude: [phone]",
        "select: [customer_id, email, full_name, status, country, created_at, updated_at]",
        "mask: {email: hash}",
        "mask: {country: \"null\"}",
        "mask: {phone: null}",
        "rename: {full_name: name}",
        "cast: {customer_id: \"numeric(18,0)\"}",
        "null_cursor: null",
        "schema_policy: null",
    ] {
        holds(&stream(right), &seen, &world);
    }
    for (wrong, because) in [
        ("read: full", "read: expected \"full\", got \"incremental\""),
        ("cursor: created_at", "cursor: expected \"created_at\", got \"updated_at\""),
        ("cursor: null", "cursor: expected null"),
        ("lookback: PT2M", "lookback"),
        ("lookback: null", "lookback"),
        ("write: append", "write: expected \"append\", got \"merge\""),
        ("key: [email]", "key: expected [\"email\"], got [\"customer_id\"]"),
        ("key: [customer_id, email]", "key"),
        ("target: clients", "target: expected \"clients\", got \"customers\""),
        ("deletes: hard", "deletes"),
        ("filter: \"status = 'active'\"", "filter: expected"),
        ("filter: \"status in ('active', 'new') or created_at >= '2026-01-01'\"", "filter"),
        ("filter: \"status in ('active', 'new') and created_at > '2026-01-01'\"", "filter"),
        ("filter: null", "filter: expected null"),
        ("filter: \"no_column = 1\"", "the case's own filter cannot be read"),
        ("exclude: [phone, email]", "exclude"),
        ("exclude: null", "exclude"),
        ("select: [customer_id, email]", "select"),
        ("mask: {email: redact}", "mask of `email`: expected \"redact\", got \"hash\""),
        ("mask: {phone: hash}", "mask of `phone`"),
        ("mask: {email: null}", "mask of `email`"),
        ("mask: null", "mask"),
        ("rename: {full_name: nm}", "rename of `full_name`"),
        ("rename: {status: state}", "rename of `status`"),
        ("cast: {customer_id: bigint}", "cast of `customer_id`"),
        ("null_cursor: exclude", "null_cursor"),
        ("schema_policy: freeze", "schema_policy"),
    ] {
        fails(&stream(wrong), &seen, &world, because);
    }
}

#[tokio::test]
async fn ends_schedule_and_streams_of_a_plan_are_compared() {
    let (seen, world) = offered(customers()).await;
    for right in [
        "plan: {source: {connection: shop_pg}, destination: {connection: analytics_bq, namespace: sales_data}}",
        "plan: {schedule: {cron: \"00 2 * * *\"}}",
        "plan: {schedule: {cron: \"0 2 * * *\", timezone: Etc/UTC}}",
        "plan: {schedule: {timezone: UTC}}",
        "plan: {options: {batch_bytes: 16777216, parallelism: 2}, runtime: null, quarantine: null, notify: null}",
        "{plan: {streams: [{stream: public.customers}]}, assumptions: [streams]}",
        "either: [{plan: null}, {plan: {schedule: {cron: \"0 2 * * *\"}}}]",
        "destructive: []",
        "runs: 0",
    ] {
        holds(right, &seen, &world);
    }
    for (wrong, because) in [
        ("plan: null", "plan: expected none"),
        ("plan: {source: {connection: legacy_mysql}}", "source.connection: expected \"legacy_mysql\", got \"shop_pg\""),
        ("plan: {destination: {namespace: raw}}", "destination.namespace"),
        ("plan: {destination: {namespace: null}}", "destination.namespace"),
        ("plan: {schedule: null}", "schedule: expected null"),
        ("plan: {schedule: {cron: \"0 3 * * *\"}}", "schedule: expected {cron: 0 3 * * *}"),
        ("plan: {schedule: {cron: \"0 2 * * *\", timezone: Europe/Zurich}}", "schedule"),
        ("plan: {schedule: {timezone: Asia/Tokyo}}", "schedule"),
        ("plan: {schedule: {every: P1D}}", "schedule"),
        ("plan: {options: {parallelism: 4}}", "options.parallelism"),
        ("plan: {options: {batch_bytes: 1MiB}}", "options.batch_bytes"),
        ("plan: {options: null}", "options"),
        ("plan: {name: other}", "name"),
        ("plan: {runtime: edge}", "runtime"),
        ("plan: {notify: [{channel: ops, on: [failed]}]}", "notify"),
        (
            "plan: {streams: [{stream: public.orders}]}",
            "streams: expected [\"public.orders\"], got [\"public.customers\"]",
        ),
        ("plan: {streams: [{stream: public.customers}, {stream: public.orders}]}", "streams"),
        ("plan: {streams: []}", "streams"),
        ("assumptions: [streams, schedule]", "assumptions: expected `schedule`"),
        ("ask: [streams]", "ask: expected [\"streams\"], got a plan"),
        ("either: [{plan: null}, {ask: [goal]}]", "either: none holds: (1) plan: expected none"),
        ("destructive: [sales_data.customers]", "destructive"),
        ("runs: 1", "runs: expected 1, got 0"),
        ("problem: cdc_not_ready", "problem: expected cdc_not_ready, got a plan"),
        ("out_of_scope: true", "out_of_scope: expected true"),
    ] {
        fails(wrong, &seen, &world, because);
    }
}

#[tokio::test]
async fn relative_times_are_no_fixed_days() {
    let spec = |filter: &str| {
        json!({
            "version": 1, "name": "o", "source": {"connection": "shop_pg"},
            "destination": {"connection": "local_duckdb"},
            "streams": [{"stream": "public.orders", "filter": filter}]
        })
    };
    let (seen, world) = offered(spec("placed_at >= now() - interval '7 days'")).await;
    let wish = |filter: &str| format!("plan: {{streams: [{{stream: public.orders, filter: \"{filter}\"}}]}}");
    holds(&wish("placed_at >= now() - interval '168 hours'"), &seen, &world);
    fails(&wish("placed_at >= now() - interval '8 days'"), &seen, &world, "filter");
    fails(&wish("placed_at >= '2026-11-13 12:00:00'"), &seen, &world, "filter");
    let (seen, world) = offered(spec("placed_at >= '2026-11-13T12:00:00Z'")).await;
    fails(&wish("placed_at >= now() - interval '7 days'"), &seen, &world, "filter");
    // Nothing is on offer in a namespace that the plan leaves to its default, yet it is known.
    holds("plan: {destination: {namespace: main}}", &seen, &world);
}

fn question(about: &str) -> Event {
    Event::Question { about: about.to_owned(), text: "Which?".to_owned(), options: Vec::new() }
}

fn saw(events: Vec<Event>) -> Seen {
    Seen { events, ..Seen::default() }
}

#[tokio::test]
async fn a_question_is_about_what_is_wanted_and_comes_alone() {
    let world = shopflow();
    let seen = saw(vec![question("streams")]);
    holds("ask: [streams]", &seen, &world);
    holds("ask: [streams, source.connection]", &seen, &world);
    fails("ask: [schedule]", &seen, &world, "ask: expected [\"schedule\"], got [\"streams\"]");
    fails("plan: {}", &seen, &world, "plan: expected one, got a question about streams");
    let seen = saw(vec![question("streams"), question("schedule")]);
    holds("ask: [streams]", &seen, &world);
    let seen = saw(vec![question("streams"), question("schedule"), question("goal")]);
    fails("ask: [streams]", &seen, &world, "at most one other");
    fails("ask: [streams]", &Seen::default(), &world, "got nothing");
    let (mut seen, world) = offered(customers()).await;
    seen.events.push(question("streams"));
    fails("ask: [streams]", &seen, &world, "a plan is on offer beside the question");
}

#[test]
fn what_was_told_and_done_is_compared() {
    let world = shopflow();
    let problem = |code: &str| Event::PlanRejected {
        problems: vec![ProblemView {
            pointer: String::new(),
            code: code.to_owned(),
            message: "no".to_owned(),
            suggestion: None,
        }],
    };
    let cause = |code: &str| CauseView {
        code: code.to_owned(),
        title: String::new(),
        confidence: 0.5,
        explanation: String::new(),
        evidence: Vec::new(),
        fixes: Vec::new(),
    };
    let action = |name: &str, state, on: &str| Event::Action {
        id: ActionId::new(),
        action: name.to_owned(),
        state,
        on: Some(on.to_owned()),
        text: String::new(),
        view: None,
    };
    let seen = saw(vec![
        problem("cdc_not_ready"),
        Event::Diagnosis { causes: vec![cause("permission_denied"), cause("table_missing")], run: None },
        action("pause_schedule", ActionState::Offered, "loans"),
        action("show_runs", ActionState::Done, "loans"),
        Event::SecretRedacted { kinds: vec!["password".to_owned()], text: String::new() },
    ]);
    for right in [
        "problem: cdc_not_ready",
        "diagnosis: permission_denied",
        "{action: pause_schedule, \"on\": loans}",
        "action: show_runs",
        "secret_redacted: true",
        "out_of_scope: false",
        "{plan: null, runs: 0}",
    ] {
        holds(right, &seen, &world);
    }
    for (wrong, because) in [
        ("problem: no_cursor", "problem: expected no_cursor, got cdc_not_ready"),
        ("diagnosis: table_missing", "diagnosis: expected table_missing, got permission_denied"),
        ("{action: pause_schedule, \"on\": orders}", "action: expected pause_schedule on `orders` (offered)"),
        ("action: stop_run", "action: expected stop_run"),
        ("secret_redacted: false", "secret_redacted: expected false, got true"),
        ("out_of_scope: true", "out_of_scope: expected true"),
    ] {
        fails(wrong, &seen, &world, because);
    }
    // What was done at once was not offered, and the other way round.
    let seen =
        saw(vec![action("stop_run", ActionState::Done, "loans"), action("show_logs", ActionState::Offered, "x")]);
    fails("action: stop_run", &seen, &world, "(offered), got stop_run on `loans` (done)");
    fails("action: show_logs", &seen, &world, "(done), got");
    let out = || Event::OutOfScope { text: String::new() };
    holds("out_of_scope: true", &saw(vec![out()]), &world);
    let seen = saw(vec![out(), action("show_runs", ActionState::Done, "loans")]);
    fails("out_of_scope: true", &seen, &world, "something was done beside it");
    fails("diagnosis: unknown", &Seen::default(), &world, "got nothing");
    fails("secret_redacted: true", &Seen::default(), &world, "expected true, got false");
}
