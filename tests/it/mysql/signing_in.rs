//! Who is let in, and over which wire.

use serde_json::Value;
use towpath::connectors::ErrorKind;

use super::{Database, source};
use crate::server::mysql_certificate;

/// A user that has to tell its password, and the settings of a connection with it.
pub(crate) async fn guarded(database: &Database) -> Value {
    let user = format!("g{}", database.name.split('_').next_back().unwrap().get(8..32).unwrap());
    let name = &database.name;
    database
        .run(&format!("create user {user}@'%' identified by 'right-s3cret'; grant all on {name}.* to {user}@'%'"))
        .await;
    let mut config = database.config();
    config["user"] = user.into();
    config["password"] = "right-s3cret".into();
    config
}

pub(crate) async fn forget(database: &Database, config: &Value) {
    database.run(&format!("drop user {}@'%'", config["user"].as_str().unwrap())).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_told_nowhere() {
    let database = Database::create().await;
    let mut config = guarded(&database).await;
    assert!(source(config.clone()).check().await.is_ok());
    config["password"] = "wr0ng-s3cret".into();
    let error = source(config.clone()).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    config.as_object_mut().unwrap().remove("password");
    assert_eq!(source(config.clone()).check().await.unwrap_err().kind, ErrorKind::Auth);
    config["password"] = "right-s3cret".into();
    config["database"] = "no_such_database".into();
    let error = source(config.clone()).check().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NotFound | ErrorKind::Permission), "{error:?}");
    forget(&database, &config).await;
}

#[tokio::test]
async fn the_wire_is_encrypted_as_far_as_asked_for() {
    let database = Database::create().await;
    let mut config = guarded(&database).await;
    let user = config["user"].as_str().unwrap().to_owned();
    database.run(&format!("alter user {user}@'%' require ssl")).await;
    for (mode, trust, expected) in [
        ("disable", false, Some(ErrorKind::Auth)),
        ("prefer", false, None),
        ("require", false, None),
        ("verify-full", true, None),
        // Nobody this machine trusts has signed it.
        ("verify-full", false, Some(ErrorKind::Config)),
    ] {
        config["sslmode"] = mode.into();
        config["ssl_root_cert"] = if trust { mysql_certificate().into() } else { Value::Null };
        let outcome = source(config.clone()).check().await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind), expected, "{mode}: {outcome:?}");
    }
    forget(&database, &config).await;
}

#[tokio::test]
async fn only_what_may_be_read_is_readable() {
    let database = Database::create().await;
    let config = guarded(&database).await;
    let user = config["user"].as_str().unwrap().to_owned();
    let name = &database.name;
    database
        .run(&format!(
            "create table open (id int primary key); create table shut (id int, secret int); \
             create table part (id int, secret int); revoke all on {name}.* from {user}@'%'; \
             grant select on {name}.open to {user}@'%'; grant insert on {name}.shut to {user}@'%'; \
             grant select (id) on {name}.part to {user}@'%'"
        ))
        .await;
    let source = source(config.clone());
    let listed: Vec<(String, bool)> =
        source.list().await.unwrap().into_iter().map(|summary| (summary.name, summary.readable)).collect();
    assert_eq!(listed, [("open".to_owned(), true), ("part".to_owned(), true), ("shut".to_owned(), false)]);
    assert_eq!(source.describe(&database.stream("shut")).await.unwrap_err().kind, ErrorKind::Permission);
    let part = source.describe(&database.stream("part")).await.unwrap();
    assert_eq!(part.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id"]);
    forget(&database, &config).await;
}
