//! Who may come in, what they did, and what the workspace keeps for itself.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use towpath::ids::KeyId;
use towpath::store::audit::{self, AuditRow};
use towpath::store::connections::{self, ConnectionRow};
use towpath::store::keys::{self, KeyRow};
use towpath::store::sessions::{self, SessionRow, TOKEN};
use towpath::store::{Store, workspace_keys, workspaces};

use super::{MAIN, at};

on_both!(
    a_key_is_found_by_its_hash_until_it_is_revoked,
    a_token_is_taken_once_and_is_no_session,
    two_callers_get_one_token,
    what_was_done_is_listed_newest_first,
    a_connection_has_its_name_alone,
    settings_and_keys_of_the_workspace_are_kept,
    a_transaction_that_is_dropped_leaves_nothing,
    a_store_that_is_opened_again_is_as_it_was,
);

async fn a_key_is_found_by_its_hash_until_it_is_revoked(store: Store) {
    let db = store.pool();
    let id = KeyId::new();
    let key = KeyRow {
        id: id.to_string(),
        name: "ci 'quoted' ü".to_owned(),
        scope: "operate".to_owned(),
        created_at: at(1),
        last_used_at: None,
        revoked_at: None,
    };
    keys::insert(db, MAIN, &key, "hash").await.unwrap();
    assert!(keys::insert(db, MAIN, &KeyRow { id: KeyId::new().to_string(), ..key.clone() }, "hash").await.is_err());
    assert_eq!(keys::by_hash(db, MAIN, "hash").await.unwrap(), Some(key.clone()));
    assert_eq!(keys::by_hash(db, "other", "hash").await.unwrap(), None);
    keys::touch(db, &key.id, &at(2)).await.unwrap();
    assert_eq!(keys::list(db, MAIN).await.unwrap()[0].last_used_at, Some(at(2)));
    assert!(!keys::revoke(db, "other", id, &at(3)).await.unwrap());
    assert!(keys::revoke(db, MAIN, id, &at(3)).await.unwrap());
    assert!(!keys::revoke(db, MAIN, id, &at(4)).await.unwrap());
    assert!(keys::by_hash(db, MAIN, "hash").await.unwrap().is_none_or(|key| key.revoked_at == Some(at(3))));
}

fn session(scope: &str, until: u32) -> SessionRow {
    SessionRow { actor: "ann".to_owned(), scope: scope.to_owned(), expires_at: at(until) }
}

async fn a_token_is_taken_once_and_is_no_session(store: Store) {
    let db = store.pool();
    sessions::insert(db, MAIN, "token", &session(TOKEN, 10), &at(0)).await.unwrap();
    sessions::insert(db, MAIN, "late", &session(TOKEN, 4), &at(0)).await.unwrap();
    sessions::insert(db, MAIN, "cookie", &session("edit", 10), &at(0)).await.unwrap();
    assert_eq!(sessions::by_hash(db, MAIN, "token", &at(5)).await.unwrap(), None);
    assert_eq!(sessions::take_token(db, MAIN, "cookie", &at(5)).await.unwrap(), None);
    assert_eq!(sessions::take_token(db, MAIN, "late", &at(5)).await.unwrap(), None);
    assert_eq!(sessions::take_token(db, "other", "token", &at(5)).await.unwrap(), None);
    assert_eq!(sessions::take_token(db, MAIN, "token", &at(5)).await.unwrap().as_deref(), Some("ann"));
    assert_eq!(sessions::take_token(db, MAIN, "token", &at(5)).await.unwrap(), None);
    assert_eq!(sessions::by_hash(db, MAIN, "cookie", &at(5)).await.unwrap(), Some(session("edit", 10)));
    assert_eq!(sessions::by_hash(db, MAIN, "cookie", &at(10)).await.unwrap(), None);
    sessions::sweep(db, &at(10)).await.unwrap();
    assert_eq!(sessions::by_hash(db, MAIN, "cookie", &at(5)).await.unwrap(), None);
    sessions::insert(db, MAIN, "cookie", &session("edit", 20), &at(0)).await.unwrap();
    sessions::delete(db, "cookie").await.unwrap();
    assert_eq!(sessions::by_hash(db, MAIN, "cookie", &at(5)).await.unwrap(), None);
}

async fn two_callers_get_one_token(store: Store) {
    sessions::insert(store.pool(), MAIN, "token", &session(TOKEN, 10), &at(0)).await.unwrap();
    let now = at(5);
    let takes = (0..8).map(|_| sessions::take_token(store.pool(), MAIN, "token", &now));
    let taken = futures::future::join_all(takes).await;
    assert_eq!(taken.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 1);
}

async fn what_was_done_is_listed_newest_first(store: Store) {
    let db = store.pool();
    for number in 0..5_u32 {
        let row = AuditRow {
            id: format!("a{number}"),
            at: at(number),
            actor: "ann".to_owned(),
            action: "plan.confirmed".to_owned(),
            object: "plan:x".to_owned(),
            detail: r#"{"a":"ü'\""}"#.to_owned(),
        };
        audit::append(db, MAIN, &row).await.unwrap();
    }
    let ids = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(audit::list(db, MAIN, None, 2).await.unwrap()), ["a4", "a3"]);
    assert_eq!(ids(audit::list(db, MAIN, Some("a3"), 9).await.unwrap()), ["a2", "a1", "a0"]);
    assert!(audit::list(db, "other", None, 9).await.unwrap().is_empty());
}

async fn a_connection_has_its_name_alone(store: Store) {
    let db = store.pool();
    let row = ConnectionRow {
        id: "c1".to_owned(),
        name: "shop".to_owned(),
        label: None,
        connector: "sqlite".to_owned(),
        roles: r#"["source"]"#.to_owned(),
        config: "{}".to_owned(),
        secrets: "{}".to_owned(),
        status: r#"{"state":"unknown"}"#.to_owned(),
        created_at: at(1),
        updated_at: at(1),
    };
    assert!(connections::insert(db, MAIN, &row).await.unwrap());
    assert!(!connections::insert(db, MAIN, &ConnectionRow { id: "c2".to_owned(), ..row.clone() }).await.unwrap());
    assert_eq!(connections::by_name(db, MAIN, "shop").await.unwrap(), Some(row.clone()));
    let changed = ConnectionRow { label: Some("The shop".to_owned()), updated_at: at(2), ..row.clone() };
    assert!(connections::update(db, &changed).await.unwrap());
    assert!(!connections::update(db, &ConnectionRow { id: "none".to_owned(), ..row.clone() }).await.unwrap());
    connections::set_status(db, "c1", r#"{"state":"ok"}"#).await.unwrap();
    connections::set_secrets(db, "c1", r#"{"password":"sealed"}"#).await.unwrap();
    let all = connections::all(db, MAIN).await.unwrap();
    assert_eq!((all.len(), all[0].label.as_deref()), (1, Some("The shop")));
    assert_eq!((all[0].status.as_str(), all[0].secrets.as_str()), (r#"{"state":"ok"}"#, r#"{"password":"sealed"}"#));
    assert!(connections::delete(db, "c1").await.unwrap());
    assert!(!connections::delete(db, "c1").await.unwrap());
}

async fn settings_and_keys_of_the_workspace_are_kept(store: Store) {
    let db = store.pool();
    assert_eq!(workspaces::settings(db, MAIN).await.unwrap().as_deref(), Some("{}"));
    assert_eq!(workspaces::settings(db, "other").await.unwrap(), None);
    workspaces::set_settings(db, MAIN, r#"{"a":1}"#).await.unwrap();
    assert_eq!(workspaces::settings(db, MAIN).await.unwrap().as_deref(), Some(r#"{"a":1}"#));
    workspace_keys::insert(db, MAIN, "mask", "one").await.unwrap();
    workspace_keys::insert(db, MAIN, "receipt", "two").await.unwrap();
    workspace_keys::reseal(db, MAIN, "mask", "three").await.unwrap();
    let mut keys = workspace_keys::all(db, MAIN).await.unwrap();
    keys.sort();
    assert_eq!(keys, [("mask".to_owned(), "three".to_owned()), ("receipt".to_owned(), "two".to_owned())]);
}

async fn a_transaction_that_is_dropped_leaves_nothing(store: Store) {
    let mut tx = store.begin().await.unwrap();
    workspaces::set_settings(&mut *tx, MAIN, r#"{"torn":true}"#).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(workspaces::settings(store.pool(), MAIN).await.unwrap().as_deref(), Some("{}"));
    let mut tx = store.begin().await.unwrap();
    workspaces::set_settings(&mut *tx, MAIN, r#"{"whole":true}"#).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(workspaces::settings(store.pool(), MAIN).await.unwrap().as_deref(), Some(r#"{"whole":true}"#));
}

async fn a_store_that_is_opened_again_is_as_it_was(store: Store) {
    workspaces::set_settings(store.pool(), MAIN, r#"{"kept":1}"#).await.unwrap();
    let options = store.pool().connect_options();
    let again = Store::open(options.database_url.as_str()).await.unwrap();
    assert_eq!(workspaces::settings(again.pool(), MAIN).await.unwrap().as_deref(), Some(r#"{"kept":1}"#));
    again.close().await;
}
