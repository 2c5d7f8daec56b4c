//! Connections over a real store.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::{World, settings};
use super::*;
use crate::connectors::ErrorKind;
use crate::secrets::Secret;
use crate::store::poke;

fn new(name: &str, config: &Value) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        label: None,
        connector: "Shopbase DB".to_owned(),
        config: settings(config),
        secrets: BTreeMap::new(),
        roles: None,
    }
}

#[tokio::test]
async fn secrets_are_sealed_wherever_they_were_written() {
    let world = World::new().await;
    let mut connection = new("one", &json!({"host": "h"}));
    connection.secrets.insert("password".to_owned(), Secret::new("hunter2-hunter2"));
    let added = world.workspace.add_connection(connection).await.unwrap();
    assert_eq!(added.connector, "shopbase", "a nickname names the connector");
    assert_eq!(added.roles, [Role::Source, Role::Destination]);
    let rows = poke::texts(&world.workspace.store, "select config || secrets from connections").await;
    assert_eq!(rows.len(), 4);
    for text in rows {
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
        assert!(text.contains("password"));
    }
    let shown = format!("{:?}", world.workspace.connections().await.unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("s3cret"));
    // Sealed for one connection, it does not open for another.
    poke::run(
        &world.workspace.store,
        "update connections set secrets = (select secrets from connections where name = 'one') where name = 'wh'",
    )
    .await;
    let error = world.workspace.destination("wh").await.err().unwrap();
    assert_eq!(error.kind, WorkspaceErrorKind::Vault);
    let raw = std::fs::read(world.folder.path().join("towpath.db")).unwrap();
    assert!(!String::from_utf8_lossy(&raw).contains("hunter2"));
}

#[tokio::test]
async fn settings_that_do_not_fit_are_told_without_their_values() {
    let world = World::new().await;
    for (config, says) in [
        (json!({}), "lacks `host`"),
        (json!({"host": "h", "prot": 1}), "has no setting `prot`"),
        (json!({"host": "h", "port": "s3cret-in-the-wrong-place"}), "`port`"),
        (json!({"host": 5, "password": "s3cret-p"}), "`host`"),
    ] {
        let error = world.workspace.add_connection(new("x", &config)).await.unwrap_err();
        assert_eq!(error.kind, WorkspaceErrorKind::BadSettings);
        assert!(error.message.contains(says), "{}", error.message);
        assert!(!error.message.contains("s3cret"), "{}", error.message);
    }
    let mut wrong = new("x", &json!({"host": "h"}));
    wrong.secrets.insert("token".to_owned(), Secret::new("t"));
    assert_eq!(world.workspace.add_connection(wrong).await.unwrap_err().kind, WorkspaceErrorKind::BadSettings);
    for name in ["", "a b", "-a", "ü", &"x".repeat(64)] {
        let error = world.workspace.add_connection(new(name, &json!({"host": "h"}))).await.unwrap_err();
        assert_eq!(error.kind, WorkspaceErrorKind::BadName, "{name}");
    }
    let error = world.workspace.add_connection(new("wh", &json!({"host": "h"}))).await.unwrap_err();
    assert_eq!(error.kind, WorkspaceErrorKind::NameTaken);
    let unknown = NewConnection { connector: "snowflake".to_owned(), ..new("x", &json!({})) };
    let error = world.workspace.add_connection(unknown).await.unwrap_err();
    assert_eq!(error.kind, WorkspaceErrorKind::UnknownConnector);
    assert!(error.message.contains("Snowflake is not among the connectors"), "{}", error.message);
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_role_come_with_what_there_is() {
    let world = World::new().await;
    let error = world.workspace.connection("shop pg").await.unwrap_err();
    assert_eq!((error.kind, error.suggestion.as_deref()), (WorkspaceErrorKind::UnknownConnection, Some("shop_pg")));
    let error = world.workspace.connection("shopflow prod").await.unwrap_err();
    assert_eq!(error.suggestion.as_deref(), Some("shop_pg"), "by its label");
    let error = world.workspace.source("wh").await.err().unwrap();
    assert_eq!(error.kind, WorkspaceErrorKind::NotASource);
    assert_eq!(error.hint.as_deref(), Some("These can be read from: `both`, `shop_pg`."));
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name() {
    let world = World::new().await;
    let change = ConnectionChange {
        label: Some("The shop".to_owned()),
        config: Some(settings(&json!({"port": 5433}))),
        ..ConnectionChange::default()
    };
    let changed = world.workspace.update_connection("both", change).await.unwrap();
    assert_eq!(Value::Object(changed.config.clone()), json!({"host": "db.internal", "port": 5433}));
    assert_eq!(changed.secret_fields().collect::<Vec<_>>(), ["password"]);
    world.workspace.source("both").await.unwrap();
    let taken = ConnectionChange { config: Some(settings(&json!({"host": null}))), ..ConnectionChange::default() };
    assert!(world.workspace.update_connection("both", taken).await.is_err(), "it must still fit");
    world.workspace.rename_connection("both", "shop_2").await.unwrap();
    assert!(world.workspace.connection("both").await.is_err());
    assert!(world.workspace.rename_connection("shop_2", "wh").await.is_err());
    world.workspace.remove_connection("shop_2").await.unwrap();
}

#[tokio::test]
async fn a_check_is_remembered_until_the_settings_change() {
    let world = World::new().await;
    let checked = world.workspace.check_connection("shop_pg").await.unwrap();
    assert_eq!((checked.status.state, checked.status.message.as_deref()), (ConnectionState::Ok, Some("Open.")));
    world.shop.lock().unwrap().broken = Some(ErrorKind::Auth);
    let checked = world.workspace.check_connection("shop_pg").await.unwrap();
    assert_eq!(checked.status.state, ConnectionState::Failed);
    assert_eq!(checked.status.message.as_deref(), Some("`shop_pg`: The shop is closed."));
    assert_eq!(world.workspace.connection("shop_pg").await.unwrap().status, checked.status);
    let change = ConnectionChange {
        secrets: BTreeMap::from([("password".to_owned(), Secret::new("another"))]),
        ..ConnectionChange::default()
    };
    let changed = world.workspace.update_connection("shop_pg", change).await.unwrap();
    assert_eq!(changed.status.state, ConnectionState::Unknown);
}
