//! What a person sees before saying yes, and what tools are told.

use serde_json::{Value, json};

use super::world::{World, column, now};
use super::{plan, plan_of};
use crate::connectors::{Column, Deletes, LogicalType, NullCursor, RUN_ID_COLUMN};
use crate::plan::mapping::propose_mapping;
use crate::plan::modes::propose_modes;
use crate::plan::resolution::{ResolvedRead, ResolvedWrite};
use crate::plan::{Draft, ValidatedPlan};

async fn valid(world: &World, draft: Value) -> ValidatedPlan {
    Draft::from_model(draft).validate(&world.workspace).await.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn effects(plan: &ValidatedPlan) -> Vec<(&str, &str, bool)> {
    plan.view().effects.iter().map(|effect| (effect.kind.as_str(), effect.text.as_str(), effect.destructive)).collect()
}

fn warnings(plan: &ValidatedPlan) -> Vec<&str> {
    plan.view().warnings.iter().map(|warning| warning.code.as_str()).collect()
}

#[tokio::test]
async fn a_plan_shows_what_it_reads_makes_and_measured() {
    let world = World::new().await;
    let plan = valid(&world, plan()).await;
    let view = plan.view();
    assert_eq!(
        effects(&plan),
        [
            (
                "read",
                "Read 60,000 rows (6 MB) of `public.customers` from `shop_pg`; later runs only what is new by `updated_at`.",
                false
            ),
            ("create", "Create `sales_data.customers` with 6 columns.", false),
            ("merge", "Merge 60,000 rows (6 MB) into `sales_data.customers` by `customer_id`.", false),
        ]
    );
    assert_eq!(warnings(&plan), [] as [&str; 0]);
    assert_eq!(view.destructive, [] as [&str; 0]);
    assert_eq!((view.rows, view.bytes, view.estimated_seconds), (Some(60_000), Some(6_000_000), Some(2)));
    let schedule = view.schedule.as_ref().unwrap();
    assert_eq!(schedule.text, "every day at 02:00 UTC");
    assert!(schedule.next.len() == 3 && schedule.next[0] > now());
    let stream = &view.streams[0];
    let evidence: Vec<(&str, &str)> = stream.evidence.iter().map(|e| (e.code.as_str(), e.text.as_str())).collect();
    assert_eq!(
        evidence,
        [
            ("row_estimate", "`public.customers` has about 120,000 rows."),
            ("filter_rows", "The filter lets 60,000 rows through now."),
            ("cursor_nulls", "`updated_at` is NULL in none of 120,000 rows."),
            ("cursor_ties", "No two rows share a value of `updated_at`."),
            ("cursor_index", "`updated_at` has an index."),
            ("key_unique", "The source itself keeps `customer_id` unique."),
            (
                "time_estimate",
                "About 2 s for the first run, at 50,000 rows a second or 20 MB a second, whichever is slower."
            ),
        ]
    );
    let columns: Vec<(&str, &str, &str, Option<&str>)> = stream
        .columns
        .iter()
        .map(|c| (c.source.as_str(), c.target.as_str(), c.verdict.as_str(), c.change.as_deref().or(c.note.as_deref())))
        .collect();
    assert_eq!(
        columns,
        [
            ("customer_id", "customer_id", "exact", None),
            ("email", "email", "exact", Some("mask: hash")),
            ("full_name", "name", "exact", None),
            ("status", "status", "exact", None),
            ("profile", "profile", "lossless", Some("JSON text")),
            ("updated_at", "updated_at", "exact", None),
        ]
    );
    let resolved = &plan.resolution().streams[0];
    let read = ResolvedRead::Incremental {
        cursor: "updated_at".to_owned(),
        lookback_seconds: Some(300),
        nulls: NullCursor::Include,
    };
    assert_eq!(resolved.read, read);
    assert_eq!(resolved.write, ResolvedWrite::Merge { key: vec!["customer_id".to_owned()], deletes: Deletes::Ignore });
    assert_eq!((plan.resolution().batch_rows, plan.resolution().batch_bytes), (32_768, 16 << 20));
}

#[tokio::test]
async fn writing_defaults_to_what_suits_the_reading() {
    let world = World::new().await;
    let write = |stream: Value| {
        let world = &world;
        async move { valid(world, plan_of(stream)).await.resolution().streams[0].write.clone() }
    };
    assert_eq!(write(json!({"stream": "public.customers"})).await, ResolvedWrite::Replace);
    let merge = write(json!({"stream": "public.customers", "read": "incremental", "cursor": "updated_at"})).await;
    assert_eq!(merge, ResolvedWrite::Merge { key: vec!["customer_id".to_owned()], deletes: Deletes::Ignore });
    let views =
        json!({"stream": "public.page_views", "read": "incremental", "cursor": "viewed_at", "null_cursor": "exclude"});
    assert_eq!(write(views.clone()).await, ResolvedWrite::Append);
    let plan = valid(&world, plan_of(views)).await;
    assert_eq!(warnings(&plan), ["cursor_not_indexed", "rows_left_out"]);
    world.warehouse.lock().unwrap().destination.merge = false;
    let plan =
        valid(&world, plan_of(json!({"stream": "public.customers", "read": "incremental", "cursor": "updated_at"})))
            .await;
    assert_eq!(plan.resolution().streams[0].write, ResolvedWrite::Append);
    assert_eq!(warnings(&plan), ["unsupported_mode"]);
}

#[tokio::test]
async fn a_table_with_rows_is_named_before_it_is_replaced() {
    let world = World::new().await;
    let draft = plan_of(json!({"stream": "public.customers"}));
    world.stands("customers", Some(0), false, vec![]);
    let plan = valid(&world, draft.clone()).await;
    assert_eq!(effects(&plan)[1], ("replace", "Replace `sales_data.customers`, which is empty.", false));
    assert!(plan.view().destructive.is_empty());
    for (rows, text) in [
        (Some(812), "Replace `sales_data.customers`: its 812 rows are lost."),
        (None, "Replace `sales_data.customers`: all rows in it are lost; how many could not be told."),
    ] {
        world.warehouse.lock().unwrap().targets.clear();
        world.stands("customers", rows, true, vec![]);
        let plan = valid(&world, draft.clone()).await;
        assert_eq!(effects(&plan)[1], ("replace", text, true));
        assert_eq!(plan.view().destructive, ["sales_data.customers"]);
    }
}

#[tokio::test]
async fn a_table_that_lacks_columns_is_shown_as_altered() {
    let world = World::new().await;
    let columns = vec![
        column("CUSTOMER_ID", LogicalType::Text, false),
        column("email", LogicalType::Text, true),
        Column { nullable: false, ..column("region", LogicalType::Text, false) },
    ];
    world.stands("customers", Some(3), false, columns);
    let plan = valid(&world, plan()).await;
    let (kind, text, destructive) = effects(&plan)[1];
    assert_eq!((kind, destructive), ("alter", false));
    assert!(text.starts_with("Add `name`, `status`, `profile`, `updated_at`, `_towpath_run_id`"), "{text}");
    assert!(text.contains(RUN_ID_COLUMN));
    assert_eq!(warnings(&plan), ["type_differs", "column_not_written", "existing_table"]);
    let mut frozen = super::plan();
    frozen["streams"][0]["schema_policy"] = json!("freeze");
    let problems = Draft::from_model(frozen).validate(&world.workspace).await.unwrap_err();
    assert_eq!(problems[0].pointer, "/streams/0/schema_policy");
}

#[tokio::test]
async fn an_empty_table_and_a_new_namespace_are_said() {
    let world = World::new().await;
    let mut draft = plan_of(json!({"stream": "public.empty"}));
    draft["destination"]["namespace"] = json!("sales_dta");
    let plan = valid(&world, draft).await;
    assert_eq!(effects(&plan)[0], ("create", "Create the namespace `sales_dta` in `wh`.", false));
    assert_eq!(warnings(&plan), ["unknown_namespace", "no_rows"]);
    assert_eq!(plan.view().warnings[0].suggestion.as_deref(), Some("sales_data"));
    assert_eq!(plan.view().rows, Some(0));
}

#[tokio::test]
async fn columns_of_an_earlier_run_stay_behind() {
    let world = World::new().await;
    world.shop.lock().unwrap().tables[4].schema.columns.push(column(RUN_ID_COLUMN, LogicalType::Text, true));
    let plan = valid(&world, plan_of(json!({"stream": "public.empty"}))).await;
    assert_eq!(plan.resolution().streams[0].columns.len(), 1);
    assert!(warnings(&plan).contains(&"reserved_name"));
    let draft = plan_of(json!({"stream": "public.empty", "select": ["id", RUN_ID_COLUMN]}));
    let problems = Draft::from_model(draft).validate(&world.workspace).await.unwrap_err();
    assert_eq!(problems[0].code, "reserved_name");
}

#[tokio::test]
async fn modes_are_proposed_on_evidence_best_first() {
    let world = World::new().await;
    let modes = propose_modes(&world.workspace, "shop_pg", "public.customers", Some("wh")).await.unwrap();
    let ways: Vec<_> = modes.proposals.iter().map(|p| (p.read, p.write, p.cursor.as_deref())).collect();
    assert_eq!(ways, [("incremental", "merge", Some("updated_at")), ("full", "replace", None)]);
    assert_eq!(modes.cdc.reason.as_deref(), Some("wal_level is replica"));
    assert_eq!(modes.refused[0].code, "cdc_not_ready");
    let modes = propose_modes(&world.workspace, "shop_pg", "public.page_views", None).await.unwrap();
    let ways: Vec<_> = modes.proposals.iter().map(|p| (p.read, p.write, p.cursor.as_deref())).collect();
    assert_eq!(ways, [("full", "replace", None), ("incremental", "append", Some("viewed_at"))]);
    assert_eq!(modes.refused.iter().map(|refused| refused.code).collect::<Vec<_>>(), ["cdc_not_ready", "no_key"]);
    world.warehouse.lock().unwrap().destination.merge = false;
    let modes = propose_modes(&world.workspace, "shop_pg", "public.customers", Some("wh")).await.unwrap();
    assert_eq!(modes.proposals.iter().map(|p| p.write).collect::<Vec<_>>(), ["replace"]);
    world.shop.lock().unwrap().cdc.ready = true;
    let modes = propose_modes(&world.workspace, "shop_pg", "public.customers", None).await.unwrap();
    assert_eq!(modes.proposals[0].read, "cdc");
    let problem = propose_modes(&world.workspace, "shop_pg", "public.custmers", None).await.unwrap_err();
    assert_eq!(problem.suggestion.as_deref(), Some("public.customers"));
}

#[tokio::test]
async fn a_mapping_is_proposed_with_what_stands_in_its_way() {
    let world = World::new().await;
    let mapping = propose_mapping(&world.workspace, "shop_pg", "wh", "public.odd", None).await.unwrap();
    assert_eq!(mapping.target, "odd");
    assert_eq!(mapping.columns.len(), 3);
    assert_eq!(mapping.problems.len(), 3);
}
