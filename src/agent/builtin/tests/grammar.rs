//! Ways of saying the same, several of each kind: what is held here is the kind and not a wording.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{End, Talk, asked, plan, streams};

fn visitors(rest: &str) -> Value {
    plan(&format!("copy visitors from tickets_pg to lake_duckdb{rest}"))["streams"][0].clone()
}

fn tours(rest: &str) -> Value {
    plan(&format!("copy guided_tours from tickets_pg to lake_duckdb{rest}"))["streams"][0].clone()
}

#[test]
fn what_must_not_come_along_is_left_out() {
    for rest in [
        ", phone must not be copied",
        "; do not ever transfer the phone",
        ", the phone isn't needed",
        "; we mustn't store phone",
        ", phone stays out",
        ". The phone should never be shown over there.",
        ", without the phone column",
        "; phone out please",
    ] {
        assert_eq!(visitors(rest)["exclude"], json!(["phone"]), "{rest}");
    }
}

#[test]
fn columns_that_are_kept_stand_before_or_behind_the_word() {
    for rest in [
        ", visitor_id and country only",
        ", keep visitor_id and country and nothing else",
        " (visitor_id, country)",
        "; only visitor_id and country",
        ", just the columns visitor_id, country",
    ] {
        assert_eq!(visitors(rest)["select"], json!(["visitor_id", "country"]), "{rest}");
    }
}

#[test]
fn what_becomes_of_a_column_may_be_said_at_length() {
    for rest in [
        ", the phone must only arrive as a hash",
        "; run phone through sha256",
        ", apply a hash to the phone column",
        "; phone should come out hashed",
        ", store only a hash of the phone",
    ] {
        assert_eq!(visitors(rest)["mask"], json!({"phone": "hash"}), "{rest}");
    }
    for rest in [
        ", full_name becomes guest",
        "; full_name should become guest",
        ", call full_name guest",
        ", full_name -> guest",
    ] {
        assert_eq!(visitors(rest)["rename"], json!({"full_name": "guest"}), "{rest}");
    }
    assert_eq!(visitors(", rename visitor_id to code and cast it to text")["cast"], json!({"visitor_id": "text"}));
}

#[test]
fn values_are_found_before_and_behind_their_columns() {
    let of = |rest: &str| visitors(rest)["filter"].clone();
    for rest in [
        " with country NO",
        ", country must be NO",
        " having a country of NO",
        ", only NO as country",
        ", restrict it to country NO",
        ", those from country NO",
        ", only NO (country)",
    ] {
        assert_eq!(of(rest), "country = 'NO'", "{rest}");
    }
    assert_eq!(of(" where country is DE, AT or IT"), "country IN ('DE', 'AT', 'IT')");
    assert_eq!(of(", country DE / AT"), "country IN ('DE', 'AT')");
    assert_eq!(of(", anything but NO as country"), "country <> 'NO'");
    assert_eq!(of(" without a phone"), "phone IS NULL");
    assert_eq!(of(", only members"), "member = true");
    for (rest, filter) in [
        (" with seats 10 to 20", "seats BETWEEN 10 AND 20"),
        (" where seats is from 10 to 20", "seats BETWEEN 10 AND 20"),
        (", seats no lower than 10", "seats >= 10"),
        (", more than 10 seats", "seats > 10"),
        (" with at least seats 10", "seats >= 10"),
        (" where seats is still empty", "seats IS NULL"),
    ] {
        assert_eq!(tours(rest)["filter"], filter, "{rest}");
    }
}

#[test]
fn what_is_new_is_told_by_a_column() {
    for rest in [
        ", use updated_at to detect new rows",
        ", track changes with updated_at",
        "; only fetch what changed since last time, updated_at tells",
        ", only new and changed rows each time by updated_at",
        ", incremental, updated_at is the cursor",
    ] {
        let read = tours(rest);
        assert_eq!((&read["read"], &read["cursor"]), (&json!("incremental"), &json!("updated_at")), "{rest}");
    }
}

#[test]
fn a_name_is_found_in_other_words() {
    for text in [
        "Guided Tours from tickets_pg to lake_duckdb",
        "the guided tour table of tickets_pg should be mirrored to lake_duckdb",
        "I'd like the tours guided, out of tickets_pg, in lake_duckdb",
        "copy tickets, no wait, guided_tours from tickets_pg to lake_duckdb",
        "lake_duckdb still has no guided_tours from tickets_pg",
        "later on we will want the visitors, for now copy guided_tours from tickets_pg to lake_duckdb",
        "copy guided_tours from tickets_pg, they go in main from lake_duckdb",
    ] {
        assert_eq!(streams(&plan(text)), ["public.guided_tours"], "{text}");
    }
}

#[test]
fn with_nothing_else_named_all_is_the_whole_source() {
    for text in [
        "copy all from shop_mysql to lake_duckdb",
        "everything shop_mysql has, into lake_duckdb",
        "shop_mysql complete to lake_duckdb",
        "all the museum shop data to lake_duckdb",
        "the whole of shop_mysql should be mirrored to lake_duckdb",
    ] {
        assert_eq!(streams(&plan(text)).len(), 3, "{text}");
    }
    assert_eq!(asked("copy all widgets from shop_mysql to lake_duckdb"), "streams");
}

#[test]
fn how_often_is_said_in_many_ways() {
    let of =
        |rest: &str| plan(&format!("copy visitors from tickets_pg to lake_duckdb{rest}"))["schedule"]["cron"].clone();
    for rest in [
        " at an interval of 4 hours",
        " in 4-hour intervals",
        ", frequency: every 4 hours",
        " each four hours",
        " every 4 hrs",
    ] {
        assert_eq!(of(rest), "0 */4 * * *", "{rest}");
    }
    assert_eq!(of(", on the hour, but only on weekdays"), "0 * * * 1-5");
    assert_eq!(of(" on the 1st of January and July at 04:00 UTC"), "0 4 1 1,7 *");
    assert_eq!(of(" at the end of each month at 23:00"), "0 23 L * *");
}

#[test]
fn the_filter_that_stands_takes_other_values() {
    let mut talk = Talk::new();
    talk.plan("copy visitors from tickets_pg to lake_duckdb where country = 'NO'");
    for (say, filter) in [
        ("make that SE or DK", "country IN ('SE', 'DK')"),
        ("FI", "country IN ('FI')"),
        ("sorry, 'IS'", "country IN ('IS')"),
    ] {
        assert_eq!(talk.plan(say)["streams"][0]["filter"], filter, "{say}");
    }
    assert_eq!(talk.plan("forget that condition")["streams"][0]["filter"], Value::Null);
}

#[test]
fn a_fresh_start_in_the_same_breath_forgets_what_was_planned() {
    let mut talk = Talk::new();
    talk.plan("copy visitors from tickets_pg to lake_duckdb every hour");
    let plan = talk.plan("start over: orders from shop_mysql to lake_duckdb");
    assert_eq!((streams(&plan), &plan["schedule"]), (vec!["shop.orders".to_owned()], &Value::Null));
}

/// Words of requests, names of the museum and marks, in any order.
const SALAD: &[&str] = &[
    "copy",
    "move",
    "the",
    "visitors",
    "orders",
    "from",
    "to",
    "tickets_pg",
    "lake_duckdb",
    "shop",
    "where",
    "country",
    "is",
    "not",
    "and",
    "or",
    "every",
    "day",
    "at",
    "7",
    "phone",
    "hash",
    "without",
    "only",
    "all",
    "but",
    "no",
    "wait",
    "instead",
    "like",
    "I'd",
    "with",
    "last",
    "30",
    "days",
    "as",
    "in",
    "of",
    "it",
    "(",
    ")",
    ",",
    ".",
    ":",
    ";",
    "'",
    "\"",
    "->",
    "<=",
    "=",
    "gearbox",
    "NO",
    "Thursday",
    "'s",
    "\n",
    "-",
    "*",
    "null",
    "by",
    "updated_at",
    "incremental",
    "also",
    "undo",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// Whatever is said, in however many turns, the planner comes to an end and breaks nowhere.
    #[test]
    fn no_words_in_any_order_break_the_planner(turns in prop::collection::vec(prop::collection::vec(prop::sample::select(SALAD), 0..14), 1..3)) {
        let mut talk = Talk::new();
        for words in turns {
            let end = talk.say(&words.join(" "));
            prop_assert_ne!(end, End::Other(String::new()));
        }
    }
}
