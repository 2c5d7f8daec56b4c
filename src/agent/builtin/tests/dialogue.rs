//! Talks of several turns.

use serde_json::{Value, json};

use super::{End, Talk, streams};

#[test]
fn a_plan_is_spoken_of_once_it_was_checked() {
    let mut talk = Talk::new();
    talk.plan("copy vouchers from shop_mysql to lake_duckdb");
    let said: Vec<(String, usize)> = talk
        .messages
        .iter()
        .filter_map(|message| match message {
            crate::agent::model::Message::Assistant { text, calls } => Some((text.clone(), calls.len())),
            _ => None,
        })
        .collect();
    let (last, before) = said.split_last().unwrap();
    assert!(last.0.contains("waits for your confirmation") && last.1 == 0, "{said:?}");
    assert!(before.iter().all(|(text, _)| text.is_empty()), "{said:?}");
}

#[test]
fn verbs_in_two_pieces_change_the_plan() {
    let mut talk = Talk::new();
    talk.plan("copy visitors and guided tours from tickets_pg to lake_duckdb");
    assert_eq!(streams(&talk.plan("take the guided tours out again")), ["public.visitors"]);
    assert_eq!(talk.plan("leave phone out")["streams"][0]["exclude"], json!(["phone"]));
    assert_eq!(talk.plan("put the phone back in")["streams"][0]["exclude"], Value::Null);
}

#[test]
fn what_is_no_stream_can_be_left_out() {
    let mut talk = Talk::new();
    assert!(matches!(talk.say("copy visitors, sculptures from tickets_pg to lake_duckdb"), End::Asked { .. }));
    assert_eq!(streams(&talk.plan("then leave sculptures out")), ["public.visitors"]);
}

#[test]
fn numbers_values_days_and_namespaces_are_replaced_in_place() {
    let mut talk = Talk::new();
    talk.plan("copy guided_tours from tickets_pg to halls_snowflake RAW where seats > 10, daily at 05:20 UTC");
    assert_eq!(talk.plan("make that 15")["streams"][0]["filter"], "seats > 15");
    assert_eq!(talk.plan("rather on Saturdays only, same time")["schedule"]["cron"], "20 5 * * 6");
    assert_eq!(talk.plan("hmm, better SALES")["destination"]["namespace"], "SALES");
    let mut talk = Talk::new();
    talk.plan("copy visitors from tickets_pg to lake_duckdb where country = 'NO'");
    assert_eq!(talk.plan("not NO, SE")["streams"][0]["filter"], "country = 'SE'");
}

#[test]
fn a_name_that_several_streams_share_is_told_by_its_namespace() {
    let mut talk = Talk::new();
    assert!(matches!(talk.say("copy tickets from tickets_pg to lake_duckdb"), End::Asked { .. }));
    assert_eq!(streams(&talk.plan("the archived ones")), ["archive.tickets"]);
}

#[test]
fn small_talk_and_questions_leave_the_plan_where_it_is() {
    let mut talk = Talk::new();
    let plan = talk.plan("copy vouchers from shop_mysql to lake_duckdb");
    for text in
        ["thanks, let me sleep on it", "when will it start?", "qwertz", "copy vouchers from shop_mysql to lake_duckdb"]
    {
        assert!(matches!(talk.say(text), End::Said(_)), "{text}");
    }
    assert_eq!(talk.plan, plan);
}

#[test]
fn a_yes_chooses_nothing_among_several() {
    let mut talk = Talk::new();
    let End::Asked { options, .. } = talk.say("copy vouchers from shop_mysql to halls_snowflake") else {
        panic!("no question")
    };
    assert_eq!(options, ["into RAW", "into SALES"]);
    assert!(matches!(talk.say("yes"), End::Asked { .. }));
    assert_eq!(talk.plan("the second one")["destination"]["namespace"], "SALES");
}
