//! What is refused, where, and with what suggestion.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, column, table};
use super::{plan, plan_of};
use crate::connectors::{ErrorKind, LogicalType};
use crate::plan::{Draft, Problem};

async fn problems(world: &World, draft: Value) -> Vec<Problem> {
    match Draft::from_model(draft).validate(&world.workspace).await {
        Ok(_) => Vec::new(),
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal names at least one problem");
            problems
        }
    }
}

/// Pointer, code and suggestion of every problem.
async fn told(world: &World, draft: Value) -> Vec<(String, &'static str, Option<String>)> {
    problems(world, draft).await.into_iter().map(|p| (p.pointer, p.code, p.suggestion)).collect()
}

fn with(pointer: &str, value: Value) -> Value {
    let mut draft = plan();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match draft.pointer_mut(parent).unwrap() {
        Value::Object(members) => {
            members.insert(key.to_owned(), value);
        }
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    draft
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row per mistake")]
async fn one_wrong_thing_is_told_where_it_is() {
    let world = World::new().await;
    let stream = |more: Value| {
        let mut stream = json!({"stream": "public.customers"});
        stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan_of(stream)
    };
    let cases: Vec<(Value, &str, &str, Option<&str>)> = vec![
        (with("/version", json!(2)), "/version", "shape", Some("1")),
        (with("/colour", json!("red")), "/colour", "shape", None),
        (with("/streams", json!([])), "/streams", "shape", None),
        (with("/streams/0/read", json!("incremntal")), "/streams/0/read", "shape", Some("incremental")),
        (with("/streams/0/curser", json!("x")), "/streams/0/curser", "shape", Some("cursor")),
        (with("/streams/0/mask", json!({"email": null})), "/streams/0/mask/email", "shape", Some("\"null\"")),
        (with("/schedule", json!({"cron": "0 2 * * *", "every": "PT5M"})), "/schedule", "shape", None),
        (with("/schedule", json!({"every": "P1D", "timezone": "UTC"})), "/schedule", "shape", None),
        (with("/source/connection", json!("shop_gp")), "/source/connection", "unknown_connection", Some("shop_pg")),
        (with("/source/connection", json!("wh")), "/source/connection", "not_a_source", None),
        (with("/destination/connection", json!("shop_pg")), "/destination/connection", "not_a_destination", None),
        (with("/streams/0/stream", json!("custmers")), "/streams/0/stream", "unknown_stream", Some("public.customers")),
        (with("/streams/0/stream", json!("invoices")), "/streams/0/stream", "unknown_stream", None),
        (with("/streams/0/stream", json!("public.salaries")), "/streams/0/stream", "no_permission", None),
        (with("/streams/0/cursor", json!("updatd_at")), "/streams/0/cursor", "unknown_column", Some("updated_at")),
        (with("/streams/0/exclude/0", json!("fone")), "/streams/0/exclude/0", "unknown_column", Some("phone")),
        (
            with("/streams/0/rename", json!({"fullname": "x"})),
            "/streams/0/rename/fullname",
            "unknown_column",
            Some("full_name"),
        ),
        (with("/streams/0/filter", json!("stat = 'a'")), "/streams/0/filter", "unknown_column", None),
        (with("/streams/0/filter", json!("status = ")), "/streams/0/filter", "filter_syntax", None),
        (with("/streams/0/filter", json!("customer_id = 'x'")), "/streams/0/filter", "filter_type", None),
        (with("/streams/0/filter", json!("id in (select 1)")), "/streams/0/filter", "filter_unsupported", None),
        (with("/streams/0/select", json!(["email"])), "/streams/0/select", "select_and_exclude", None),
        (with("/streams/0/lookback", json!("5 minutes")), "/streams/0/lookback", "bad_duration", Some("PT5M")),
        (
            with("/streams/0/write", json!("append")),
            "/streams/0/lookback",
            "lookback_needs_merge",
            Some("write: merge"),
        ),
        (with("/streams/0/write", json!("replace")), "/streams/0/write", "unsupported_mode", Some("merge")),
        (with("/streams/0/cursor", json!("profile")), "/streams/0/cursor", "cursor_not_orderable", Some("updated_at")),
        (
            with("/streams/0/rename", json!({"full_name": "EMAIL"})),
            "/streams/0/rename/full_name",
            "name_collision",
            Some("rename: {\"full_name\": \"EMAIL_2\"}"),
        ),
        (
            with("/streams/0/rename", json!({"full_name": "_towpath_x"})),
            "/streams/0/rename/full_name",
            "reserved_name",
            Some("rename: {\"full_name\": \"x\"}"),
        ),
        (
            with("/streams/0/rename", json!({"full_name": "n".repeat(64)})),
            "/streams/0/rename/full_name",
            "name_too_long",
            None,
        ),
        (with("/streams/0/target", json!("t".repeat(64))), "/streams/0/target", "name_too_long", None),
        (with("/streams/0/target", json!("_Towpath_state")), "/streams/0/target", "reserved_name", Some("state")),
        (with("/streams/0/target", json!("raw.customers")), "/streams/0/target", "shape", Some("customers")),
        (with("/schedule/cron", json!("0 25 * * *")), "/schedule/cron", "bad_schedule", None),
        (with("/schedule/timezone", json!("Zurich")), "/schedule/timezone", "unknown_timezone", Some("Europe/Zurich")),
        (with("/runtime", json!("kubernetes")), "/runtime", "unknown_runtime", Some("local")),
        (with("/options", json!({"batch_bytes": "a lot"})), "/options/batch_bytes", "bad_size", Some("16MiB")),
        (with("/options", json!({"batch_bytes": 10})), "/options/batch_bytes", "bad_size", Some("16MiB")),
        (stream(json!({"read": "incremental"})), "/streams/0/cursor", "no_cursor", Some("updated_at")),
        (stream(json!({"read": "cdc"})), "/streams/0/read", "cdc_not_ready", Some("incremental")),
        (stream(json!({"deletes": "hard"})), "/streams/0/deletes", "unsupported_mode", Some("ignore")),
        (stream(json!({"cast": {"email": "money"}})), "/streams/0/cast/email", "bad_cast", None),
        (
            stream(json!({"cast": {"updated_at": "uuid"}})),
            "/streams/0/cast/updated_at",
            "bad_cast",
            Some("Cast it to text."),
        ),
        (
            stream(json!({"mask": {"email": "hash"}, "cast": {"email": "int"}})),
            "/streams/0/cast/email",
            "bad_cast",
            None,
        ),
        (stream(json!({"write": "merge", "select": ["email"]})), "/streams/0/key", "no_key", None),
        (
            stream(json!({"write": "merge", "mask": {"customer_id": "redact"}})),
            "/streams/0/key",
            "key_not_unique",
            Some("mask: {customer_id: hash}"),
        ),
        (
            plan_of(json!({"stream": "public.page_views", "write": "merge"})),
            "/streams/0/key",
            "no_key",
            Some("write: append"),
        ),
        (
            plan_of(json!({"stream": "public.page_views", "read": "incremental", "cursor": "viewed_at"})),
            "/streams/0/null_cursor",
            "cursor_nullable",
            Some("exclude"),
        ),
        (plan_of(json!({"stream": "public.empty", "exclude": ["id"]})), "/streams/0", "no_columns", None),
    ];
    for (draft, pointer, code, suggestion) in cases {
        let told = told(&world, draft.clone()).await;
        let hit = told.iter().find(|(at, found, _)| at == pointer && *found == code);
        let Some((_, _, said)) = hit else { panic!("{pointer} {code}: {told:?}\n{draft}") };
        if suggestion.is_some() {
            assert_eq!(said.as_deref(), suggestion, "{pointer} {code}");
        }
    }
    assert!(told(&world, plan()).await.is_empty());
}

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let world = World::new().await;
    let draft = json!({
        "version": 1, "name": "x", "source": {"connection": "shop_pg"}, "destination": {"connection": "who"},
        "streams": [
            {"stream": "public.customers", "filter": "nope = 1", "exclude": ["nothing"]},
            {"stream": "public.custmers"},
            {"stream": "public.page_views", "read": "incremental", "write": "merge", "key": ["session_id"]},
            {"stream": "public.page_views"}
        ],
        "schedule": {"cron": "daily", "timezone": "UTC"}, "runtime": "moon"
    });
    // The schema catches the cron that is too short first; the rest is meaning.
    let mut draft = draft;
    draft["schedule"]["cron"] = json!("every day at two");
    let mut codes: Vec<&str> = told(&world, draft).await.into_iter().map(|(_, code, _)| code).collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "bad_schedule",
            "duplicate_stream",
            "key_not_unique",
            "key_nullable",
            "no_cursor",
            "unknown_column",
            "unknown_column",
            "unknown_connection",
            "unknown_runtime",
            "unknown_stream",
        ]
    );
}

#[tokio::test]
async fn streams_that_meet_at_one_table_are_refused() {
    let world = World::new().await;
    let mut draft = plan_of(json!({"stream": "public.customers", "target": "People"}));
    draft["streams"].as_array_mut().unwrap().push(json!({"stream": "public.empty", "target": "people"}));
    assert_eq!(
        told(&world, draft).await,
        [("/streams/1/target".to_owned(), "target_collision", Some("public_people".to_owned()))]
    );
}

#[tokio::test]
async fn a_table_is_not_written_onto_itself() {
    let world = World::new().await;
    let mut draft = plan_of(json!({"stream": "public.customers"}));
    draft["source"] = json!({"connection": "both"});
    draft["destination"] = json!({"connection": "both", "namespace": "public"});
    assert_eq!(told(&world, draft.clone()).await.first().map(|told| told.1), Some("same_object"));
    // Another name for the same system does not hide it.
    draft["source"] = json!({"connection": "shop_pg"});
    assert_eq!(told(&world, draft.clone()).await.first().map(|told| told.1), Some("same_object"));
    draft["streams"][0]["target"] = json!("customers_copy");
    assert!(told(&world, draft).await.is_empty());
}

#[tokio::test]
async fn names_that_collide_and_types_that_do_not_land_are_told_together() {
    let world = World::new().await;
    let told = told(&world, plan_of(json!({"stream": "public.odd"}))).await;
    let codes: Vec<_> = told.iter().map(|(pointer, code, _)| (pointer.as_str(), *code)).collect();
    assert_eq!(
        codes,
        [
            ("/streams/0/cast/tags", "lossy_type"),
            ("/streams/0/cast/span", "lossy_type"),
            ("/streams/0/rename/name", "name_collision"),
        ]
    );
    let mended = plan_of(json!({
        "stream": "public.odd", "rename": {"name": "name_2"}, "cast": {"span": "text", "tags": "text"}
    }));
    assert!(super::problems::told(&world, mended).await.is_empty());
}

#[tokio::test]
async fn a_namespace_is_found_created_or_asked_for() {
    let world = World::new().await;
    let named = |name: Value| with("/destination", json!({"connection": "wh", "namespace": name}));
    assert!(told(&world, named(json!("SALES_DATA"))).await.is_empty(), "names fold there");
    world.warehouse.lock().unwrap().destination.creates_namespaces = false;
    assert_eq!(
        told(&world, named(json!("marketing"))).await,
        [(
            "/destination/namespace".to_owned(),
            "unknown_namespace",
            Some("There are `main`, `sales_data`.".to_owned())
        )]
    );
    assert_eq!(told(&world, named(json!("sale_data"))).await[0].2.as_deref(), Some("sales_data"));
    world.warehouse.lock().unwrap().destination.default_namespace = None;
    let asked = told(&world, with("/destination", json!({"connection": "wh"}))).await;
    assert_eq!(asked[0].1, "unknown_namespace");
    world.warehouse.lock().unwrap().destination.namespace_optional = true;
    assert!(told(&world, with("/destination", json!({"connection": "wh"}))).await.is_empty());
    world.warehouse.lock().unwrap().destination.has_namespaces = false;
    assert_eq!(told(&world, named(json!("main"))).await[0].1, "unknown_namespace");
}

#[tokio::test]
async fn a_source_that_fails_is_told_as_such() {
    let world = World::new().await;
    for (kind, code) in [
        (ErrorKind::Unreachable, "unreachable"),
        (ErrorKind::Auth, "unreachable"),
        (ErrorKind::Permission, "no_permission"),
        (ErrorKind::NotFound, "unknown_stream"),
    ] {
        world.shop.lock().unwrap().broken = Some(kind);
        let told = told(&world, plan()).await;
        assert_eq!(told.len(), 1, "{kind}: {told:?}");
        assert_eq!(told[0].1, code, "{kind}");
    }
}

#[tokio::test]
async fn what_a_destination_cannot_do_is_refused() {
    let world = World::new().await;
    world.warehouse.lock().unwrap().destination.merge = false;
    let found = told(&world, plan()).await;
    assert_eq!(found, [("/streams/0/write".to_owned(), "unsupported_mode", Some("replace or append".to_owned()))]);
    world.shop.lock().unwrap().source.incremental = false;
    let found =
        told(&world, plan_of(json!({"stream": "public.customers", "read": "incremental", "cursor": "updated_at"})))
            .await;
    assert_eq!(found, [("/streams/0/read".to_owned(), "unsupported_mode", Some("full".to_owned()))]);
}

#[tokio::test]
async fn two_thousand_columns_are_planned_and_their_mistakes_told() {
    let world = World::new().await;
    let mut columns = vec![column("id", LogicalType::Int64, false)];
    columns.extend((0..2_000).map(|n| column(&format!("measure_{n:04}"), LogicalType::Float64, true)));
    world.shop.lock().unwrap().tables.push(table("wide", 5, &["id"], columns));
    let draft = plan_of(json!({"stream": "public.wide"}));
    let plan = Draft::from_model(draft).validate(&world.workspace).await.unwrap();
    assert_eq!(plan.resolution().streams[0].columns.len(), 2_001);
    let wrong: Vec<String> = (0..2_000).map(|n| format!("mesure_{n:04}")).collect();
    let told = told(&world, plan_of(json!({"stream": "public.wide", "select": wrong}))).await;
    assert_eq!(told.len(), 501, "five hundred, and how many more");
    assert_eq!(told[0].2.as_deref(), Some("measure_0000"));
}

/// Any JSON, made of the plan's own words where that reaches deeper.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "shop_pg",
        "wh",
        "both",
        "public.customers",
        "public.odd",
        "email",
        "updated_at",
        "full",
        "incremental",
        "merge",
        "append",
        "replace",
        "cdc",
        "PT5M",
        "0 2 * * *",
        "UTC",
        "hash",
        "null",
        "text",
        "status = 'a'",
        "",
        "_towpath_x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "version",
        "name",
        "source",
        "destination",
        "connection",
        "namespace",
        "streams",
        "stream",
        "target",
        "read",
        "cursor",
        "lookback",
        "write",
        "key",
        "filter",
        "select",
        "exclude",
        "rename",
        "cast",
        "mask",
        "email",
        "schedule",
        "cron",
        "timezone",
        "every",
        "options",
        "batch_bytes",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

const PLACES: [&str; 20] = [
    "/streams/0/read",
    "/streams/0/cursor",
    "/streams/0/write",
    "/streams/0/key",
    "/streams/0/filter",
    "/streams/0/select",
    "/streams/0/exclude",
    "/streams/0/rename",
    "/streams/0/cast",
    "/streams/0/mask",
    "/streams/0/target",
    "/streams/0/lookback",
    "/streams/0/stream",
    "/streams/0/deletes",
    "/schedule",
    "/schedule/cron",
    "/options",
    "/destination",
    "/source",
    "/streams",
];

#[test]
fn foreign_drafts_end_in_a_plan_or_in_problems() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = ProptestConfig { cases: 150, ..ProptestConfig::default() };
    proptest!(config, |(any in any_json(), at in prop::sample::select(PLACES.to_vec()), text in "\\PC{0,40}")| {
        runtime.block_on(async {
            problems(&world, any.clone()).await;
            problems(&world, with(at, any)).await;
            if let Ok(draft) = Draft::from_text(&text) {
                assert!(draft.validate(&world.workspace).await.is_err());
            }
        });
    });
}
