//! Which of what is written is asked for.

use serde_json::json;

use super::{asked, plan, streams};

#[test]
fn a_mail_is_read_for_what_it_asks() {
    let read = plan(
        "Dear colleagues,\n\nas you know, Bruno exported the orders by hand until he retired in March, and the accountants' \
         questions piled up. Would you please bring the visitors and the guided tours of the ticket office into the museum \
         warehouse? They belong into the schema SALES. Vouchers are not needed. 6:45 Oslo time on working days would be \
         perfect.\n\nKind regards\nIngrid\nTickets & Tours, phone 12 34",
    );
    assert_eq!(streams(&read), ["public.visitors", "public.guided_tours"]);
    assert_eq!(read["destination"], json!({"connection": "halls_snowflake", "namespace": "SALES"}));
    assert_eq!(read["schedule"], json!({"cron": "45 6 * * 1-5", "timezone": "Europe/Oslo"}));
}

#[test]
fn lists_of_settings_are_read_line_by_line() {
    let read = plan(
        "please set up\n- source = tickets_pg\n- tables = visitors\n- target = halls_snowflake.RAW\n- columns to drop = phone\n\
         - columns to hash = full_name\n- frequency = daily at 03:10 UTC",
    );
    assert_eq!(streams(&read), ["public.visitors"]);
    assert_eq!(read["streams"][0]["exclude"], json!(["phone"]));
    assert_eq!(read["streams"][0]["mask"], json!({"full_name": "hash"}));
    assert_eq!(read["schedule"]["cron"], "10 3 * * *");
}

#[test]
fn what_is_taken_back_is_not_moved() {
    let read = plan("copy orders from the museum shop to lake_duckdb, oh sorry, I meant vouchers, not orders");
    assert_eq!(streams(&read), ["shop.vouchers"]);
    let read = plan("copy vouchers from shop_mysql to halls_snowflake RAW, no wait, not halls_snowflake, lake_duckdb");
    assert_eq!(read["destination"]["connection"], "lake_duckdb");
    let read = plan("visitors and guided tours (not tickets) out of tickets_pg to lake_duckdb");
    assert_eq!(streams(&read), ["public.visitors", "public.guided_tours"]);
}

#[test]
fn english_words_are_no_tables_and_other_words_are_asked_about() {
    let read =
        plan("somebody told me that we urgently need the vouchers, they sit in the museum shop, in the notebook");
    assert_eq!(streams(&read), ["shop.vouchers"]);
    assert_eq!(asked("copy the sculptures table from tickets_pg to lake_duckdb"), "streams");
    assert_eq!(asked("copy visitors and sculptures from tickets_pg to lake_duckdb"), "streams");
}

#[test]
fn a_namespace_is_told_from_a_stream_and_a_stream_from_its_namesake() {
    let read = plan("copy tickets of public, not archive, from tickets_pg to lake_duckdb");
    assert_eq!(streams(&read), ["public.tickets"]);
    assert_eq!(asked("copy tickets from tickets_pg to lake_duckdb"), "streams");
    let read = plan("bring \"shop\".\"orders\" into halls_snowflake SALES as past_orders");
    assert_eq!(read["streams"][0]["target"], "past_orders");
}

#[test]
fn slips_in_names_of_several_words_are_read_through() {
    let read = plan("plese trasnfer the guidd tours to the notebook");
    assert_eq!(streams(&read), ["public.guided_tours"]);
    assert_eq!(read["destination"]["connection"], "lake_duckdb");
}

#[test]
fn places_are_what_they_can_be_whatever_word_stands_before_them() {
    for text in [
        "could you drop the vouchers of the museum shop into the notebook",
        "vouchers lie inside the museum shop, put them in the notebook",
    ] {
        let read = plan(text);
        assert_eq!(streams(&read), ["shop.vouchers"], "{text}");
        assert_eq!(read["source"]["connection"], "shop_mysql", "{text}");
        assert_eq!(read["destination"]["connection"], "lake_duckdb", "{text}");
    }
    assert_eq!(streams(&plan("copy vouchers from shop_mysql to lake_duckdb. PS: orders can wait.")), ["shop.vouchers"]);
}

#[test]
fn wholes_are_all_streams_but_those_left_out() {
    let read = plan("everything in the museum shop apart from vouchers should be mirrored to lake_duckdb");
    assert_eq!(streams(&read), ["shop.orders", "shop.order_lines"]);
    let read = plan("replicate shop.order* from shop_mysql into lake_duckdb");
    assert_eq!(streams(&read), ["shop.orders", "shop.order_lines"]);
}
