//! Talks: conversations, what minds see of them, turns, events, and offers that wait for a yes.

use serde_json::json;
use towpath::agent::model::{Attachment, Message, ToolCall};
use towpath::agent::transcript;
use towpath::ids::ConversationId;
use towpath::store::actions::{self, ActionRow, Decision};
use towpath::store::messages::{self, MessageRow};
use towpath::store::turns::{self, TurnRow};
use towpath::store::{Store, conversations, events};

use super::{MAIN, at};

on_both!(
    conversations_are_listed_renamed_and_deleted_with_what_they_hold,
    a_number_in_a_talk_is_given_once,
    a_transcript_is_read_back_as_it_was_said,
    many_hands_write_one_transcript_without_a_gap,
    turns_keep_how_they_ended,
    events_are_replayed_after_a_number,
    an_offer_is_decided_once,
);

async fn talk(store: &Store) -> ConversationId {
    let id = ConversationId::new();
    conversations::insert(store.pool(), MAIN, &id.to_string(), "", &at(0)).await.unwrap();
    id
}

async fn conversations_are_listed_renamed_and_deleted_with_what_they_hold(store: Store) {
    let db = store.pool();
    for number in 0..4_u32 {
        conversations::insert(db, MAIN, &format!("t{number}"), &format!("Talk {number}"), &at(number)).await.unwrap();
    }
    conversations::touch(db, "t0", &at(9)).await.unwrap();
    assert!(conversations::rename(db, MAIN, "t1", "Bestellungen für heute", &at(8)).await.unwrap());
    assert!(!conversations::rename(db, "other", "t1", "no", &at(8)).await.unwrap());
    assert_eq!(conversations::get(db, MAIN, "t1").await.unwrap().unwrap().title, "Bestellungen für heute");
    assert_eq!(conversations::list(db, MAIN, None, 9).await.unwrap().len(), 4);
    let said = Message::User { text: "hello".to_owned(), attachments: Vec::new() };
    let row = MessageRow { seq: 1, role: "user", body: json!(said).to_string(), created_at: at(1) };
    assert!(messages::append(db, "t1", &row).await.unwrap());
    assert!(conversations::delete(db, MAIN, "t1").await.unwrap());
    assert!(!conversations::delete(db, MAIN, "t1").await.unwrap());
    assert_eq!(messages::last(db, "t1").await.unwrap(), 0);
}

async fn a_number_in_a_talk_is_given_once(store: Store) {
    let (db, talk) = (store.pool(), talk(&store).await.to_string());
    assert_eq!(messages::last(db, &talk).await.unwrap(), 0);
    let row = |seq, role, body: &str| MessageRow { seq, role, body: body.to_owned(), created_at: at(1) };
    assert!(messages::append(db, &talk, &row(1, "user", "a")).await.unwrap());
    assert!(!messages::append(db, &talk, &row(1, "user", "b")).await.unwrap());
    assert!(messages::append(db, &talk, &row(2, "notice", "Run r-1 has ended: failed.")).await.unwrap());
    assert!(messages::append(db, &talk, &row(3, "user", "Run r-2 has ended")).await.unwrap());
    let newest = messages::newest(db, &talk, 2).await.unwrap();
    assert_eq!(newest.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [2, 3]);
    assert!(messages::noticed(db, &talk, "r-1 has ended").await.unwrap());
    // What a person writes is no notice.
    assert!(!messages::noticed(db, &talk, "r-2 has ended").await.unwrap());
    assert!(!messages::noticed(db, "another", "r-1 has ended").await.unwrap());
}

async fn a_transcript_is_read_back_as_it_was_said(store: Store) {
    let talk = talk(&store).await;
    let call =
        ToolCall { id: "c".to_owned(), name: "list_runs".to_owned(), arguments: json!({"limit": 3, "ü": [null]}) };
    let said = vec![
        Message::User {
            text: "copy 'orders' \\ \"quoted\" ✓\u{1F600}".to_owned(),
            attachments: vec![Attachment::ErrorExcerpt { text: "line 1\nline 2\ttab".to_owned() }],
        },
        Message::Assistant { text: String::new(), calls: vec![call] },
        Message::Tool { call: "c".to_owned(), tool: "list_runs".to_owned(), content: "{}".to_owned(), refused: false },
        Message::Notice { text: "The person confirmed the plan.".to_owned() },
        Message::Assistant { text: "Done.".to_owned(), calls: Vec::new() },
    ];
    for (number, message) in said.iter().enumerate() {
        let at = chrono::DateTime::UNIX_EPOCH;
        assert_eq!(transcript::append(&store, talk, message, at).await.unwrap() as usize, number + 1);
    }
    assert_eq!(transcript::load(&store, talk).await.unwrap(), said);
    assert_eq!(transcript::next_number(&store, talk).await.unwrap(), 6);
}

async fn many_hands_write_one_transcript_without_a_gap(store: Store) {
    let talk = talk(&store).await;
    let notes = (0..12).map(|number| {
        let store = store.clone();
        async move {
            let note = Message::Notice { text: format!("note {number}") };
            transcript::append(&store, talk, &note, chrono::DateTime::UNIX_EPOCH).await.unwrap()
        }
    });
    let mut numbers = futures::future::join_all(notes).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    assert_eq!(transcript::load(&store, talk).await.unwrap().len(), 12);
}

async fn turns_keep_how_they_ended(store: Store) {
    let (db, talk) = (store.pool(), talk(&store).await.to_string());
    let begun = TurnRow {
        id: "t".to_owned(),
        conversation: talk.clone(),
        model: "m".to_owned(),
        prompt_digest: "d".to_owned(),
        started_at: at(1),
        finished_at: None,
        outcome: None,
        trace: "{}".to_owned(),
    };
    turns::begin(db, &begun).await.unwrap();
    assert_eq!(turns::list(db, &talk, 9).await.unwrap(), vec![begun.clone()]);
    let done = TurnRow {
        model: "builtin".to_owned(),
        finished_at: Some(at(2)),
        outcome: Some("done".to_owned()),
        trace: r#"{"rounds":1}"#.to_owned(),
        ..begun
    };
    turns::finish(db, &done).await.unwrap();
    assert_eq!(turns::list(db, &talk, 9).await.unwrap(), [done]);
}

async fn events_are_replayed_after_a_number(store: Store) {
    let db = store.pool();
    for seq in 1..=5 {
        assert!(events::append(db, "run:a", seq, &at(1), &format!("e{seq}")).await.unwrap());
    }
    assert!(!events::append(db, "run:a", 5, &at(1), "again").await.unwrap());
    assert!(events::append(db, "run:b", 1, &at(1), "other").await.unwrap());
    assert_eq!(events::last(db, "run:a").await.unwrap(), 5);
    assert_eq!(events::last(db, "run:none").await.unwrap(), 0);
    let after = events::after(db, "run:a", 2, 2).await.unwrap();
    assert_eq!(
        after.into_iter().map(|(seq, _, body)| (seq, body)).collect::<Vec<_>>(),
        [(3, "e3".to_owned()), (4, "e4".to_owned())]
    );
}

async fn an_offer_is_decided_once(store: Store) {
    let (db, talk) = (store.pool(), talk(&store).await.to_string());
    let offer = |id: &str| ActionRow {
        id: id.to_owned(),
        conversation: Some(talk.clone()),
        action: "stop_run".to_owned(),
        object: "{}".to_owned(),
        state: "offered".to_owned(),
        created_at: at(1),
    };
    for id in ["1", "2"] {
        actions::offer(db, MAIN, &offer(id)).await.unwrap();
    }
    assert_eq!(actions::on_offer(db, MAIN, &talk).await.unwrap(), Some(offer("2")));
    let now = at(2);
    let decision = Decision { state: "done", by: "ann", at: &now };
    let decided = (0..6).map(|_| actions::decide(db, MAIN, "2", decision));
    let decided = futures::future::join_all(decided).await;
    assert_eq!(decided.into_iter().filter(|decided| *decided.as_ref().unwrap()).count(), 1);
    assert!(!actions::decide(db, "other", "1", decision).await.unwrap());
    assert_eq!(actions::get(db, MAIN, "2").await.unwrap().unwrap().state, "done");
    actions::reopen(db, MAIN, "2").await.unwrap();
    assert_eq!(actions::on_offer(db, MAIN, &talk).await.unwrap(), Some(offer("2")));
    assert_eq!(actions::withdraw_all(db, MAIN, &talk, &at(3)).await.unwrap(), 2);
    assert_eq!(actions::on_offer(db, MAIN, &talk).await.unwrap(), None);
}
