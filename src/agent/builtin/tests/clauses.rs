//! Rows, columns, modes and schedules, in words other than those of the evaluation.

use serde_json::{Value, json};

use super::{asked, plan};

fn stream(text: &str) -> Value {
    plan(text)["streams"][0].clone()
}

#[test]
fn columns_are_treated_by_verbs_before_and_behind_them() {
    let of = |rest: &str| stream(&format!("copy visitors from tickets_pg to lake_duckdb{rest}"));
    assert_eq!(of("; phone and birth_date are left out")["exclude"], json!(["phone", "birth_date"]));
    assert_eq!(of(", all columns but phone")["exclude"], json!(["phone"]));
    assert_eq!(of("; we may not store the birth date")["exclude"], json!(["birth_date"]));
    assert_eq!(
        of("; full_name should be called name_of_visitor over there")["rename"],
        json!({"full_name": "name_of_visitor"})
    );
    assert_eq!(of("; visitor_id must be stored as text")["cast"], json!({"visitor_id": "text"}));
    assert_eq!(of(", phone and full_name only in hashed form")["mask"], json!({"phone": "hash", "full_name": "hash"}));
    assert_eq!(of("; the phone is sensitive and must be redacted")["mask"], json!({"phone": "redact"}));
    assert_eq!(of(". show only the last digits of phone")["mask"], json!({"phone": "partial"}));
    assert_eq!(of("; keep the phone but hash it")["mask"], json!({"phone": "hash"}));
    assert_eq!(
        of("; nobody should see phone or full_name, hence hash them")["mask"],
        json!({"full_name": "hash", "phone": "hash"})
    );
    assert_eq!(of(". We just need visitor id and country.")["select"], json!(["visitor_id", "country"]));
    assert_eq!(
        stream("of the visitors we only want visitor_id and country; tickets_pg to lake_duckdb")["select"],
        json!(["visitor_id", "country"])
    );
    assert_eq!(
        stream("copy guided tours from tickets_pg to lake_duckdb, hash the tour number")["mask"],
        json!({"tour_no": "hash"})
    );
}

#[test]
fn each_stream_has_its_own_columns_and_rows() {
    let read = plan("copy visitors without phone and guided_tours without guide from tickets_pg to lake_duckdb");
    assert_eq!(read["streams"][0]["exclude"], json!(["phone"]));
    assert_eq!(read["streams"][1]["exclude"], json!(["guide"]));
    let read =
        plan("from tickets_pg to lake_duckdb take visitors where country = 'NO' and guided_tours where seats > 12");
    assert_eq!(read["streams"][0]["filter"], "country = 'NO'");
    assert_eq!(read["streams"][1]["filter"], "seats > 12");
}

#[test]
fn rows_are_restricted_as_people_say_it() {
    let of =
        |rest: &str| stream(&format!("copy public.tickets from tickets_pg to lake_duckdb{rest}"))["filter"].clone();
    assert_eq!(of(", only rows with state void"), "state = 'void'");
    assert_eq!(of(", price no more than 40"), "price <= 40");
    assert_eq!(of(", currency not equal to NOK"), "currency <> 'NOK'");
    assert_eq!(of(" with a price of at least 20 but less than 50"), "price >= 20 AND price < 50");
    assert_eq!(of(" where sold_at is in 2025"), "sold_at >= '2025-01-01' AND sold_at < '2026-01-01'");
    assert_eq!(of(", sold_at in the last 10 days"), "sold_at >= now() - interval '10 days'");
    assert_eq!(of(", just those sold before 2024-06-01"), "sold_at < '2024-06-01'");
    assert_eq!(of(" that are not refunded"), "refunded = false");
    assert_eq!(of(", but not the refunded ones"), "refunded = false");
    assert_eq!(of(", only price 30 and up"), "price >= 30");
    let tours =
        |rest: &str| stream(&format!("copy guided_tours from tickets_pg to lake_duckdb{rest}"))["filter"].clone();
    assert_eq!(tours(" where sold > seats"), "sold > seats");
    assert_eq!(tours(" larger than 25 (seats)"), "seats > 25");
}

#[test]
fn a_column_of_which_nothing_was_understood_is_asked_about() {
    assert_eq!(asked("copy visitors from tickets_pg to lake_duckdb, birth_date is a mess"), "streams.columns");
}

#[test]
fn clauses_say_how_rows_are_read() {
    let of = |rest: &str| stream(&format!("copy guided_tours from tickets_pg to lake_duckdb{rest}"));
    for rest in [", it should only load what's new", ", and next time just what has changed since the last run"] {
        assert_eq!(of(rest)["read"], "incremental", "{rest}");
    }
    for rest in [", whenever a tour is updated it should arrive there at once", " as soon as something changes"] {
        assert_eq!(of(rest)["read"], "cdc", "{rest}");
    }
    for (rest, deletes) in [
        (", tours deleted at the source: those rows must vanish over there too", None),
        (" with CDC; rows that are removed at the source must disappear at the target as well", Some("hard")),
        (" with CDC, mark deleted records instead of removing them", Some("soft")),
        (" with CDC, flag removed rows instead of deleting them", Some("soft")),
        (" with CDC; a deleted row should only be flagged as deleted", Some("soft")),
        (" with CDC; rows deleted at the source must not be deleted at the target", Some("ignore")),
    ] {
        if let Some(deletes) = deletes {
            assert_eq!(of(rest)["deletes"], deletes, "{rest}");
        }
    }
    assert_eq!(of(" in an incremental way, the column is starts_at")["cursor"], "starts_at");
    assert_eq!(stream("merge visitors into lake_duckdb on visitor_id, from tickets_pg")["key"], json!(["visitor_id"]));
}

#[test]
fn schedules_are_asked_about_where_they_are_vague_or_impossible() {
    let of = |rest: &str| format!("copy visitors from tickets_pg to lake_duckdb{rest}");
    for rest in [" every now and then", " daily at 26:10", " daily at 05:00 Gotham/Harbour", " every day at 9"] {
        assert_eq!(asked(&of(rest)), "schedule", "{rest}");
    }
    assert_eq!(plan(&of(" daily at five to noon UTC"))["schedule"]["cron"], "55 11 * * *");
    assert_eq!(plan(&of(", it is part of tonight's work"))["schedule"], Value::Null);
    assert_eq!(plan(&of("; people look at it daily but one load is enough"))["schedule"], Value::Null);
    assert_eq!(plan(&of(" on 1 March, 1 June and 1 December at 04:00 UTC"))["schedule"]["cron"], "0 4 1 3,6,12 *");
}
