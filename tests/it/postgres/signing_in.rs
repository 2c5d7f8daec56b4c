//! Who is let in, and over which wire.

use serde_json::Value;
use towpath::connectors::ErrorKind;

use super::{Database, source};

/// A user that has to tell its password, and the settings of a connection with it. The server lets members of `guarded` in
/// only so.
pub(crate) async fn guarded(database: &Database) -> Value {
    let role = format!("{}_guarded", database.name);
    let group = "do $$ begin create role guarded; exception when duplicate_object or unique_violation then end $$";
    database.run(group).await;
    database.run(&format!("create role {role} login password 'right-s3cret' in role guarded")).await;
    let mut config = database.config();
    config["user"] = role.into();
    config["password"] = "right-s3cret".into();
    config
}

pub(crate) async fn forget(database: &Database, config: &Value) {
    database.run(&format!("drop role {}", config["user"].as_str().unwrap())).await;
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
    let error = source(config.clone()).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("asks for a password"), "{}", error.message);
    forget(&database, &config).await;
}

#[tokio::test]
async fn the_wire_is_encrypted_as_far_as_asked_for() {
    let database = Database::create().await;
    let mut config = guarded(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.pem");
    let certificate = database.text("select pg_read_file(current_setting('data_directory') || '/server.crt')").await;
    std::fs::write(&trusted, certificate).unwrap();
    let encrypted = "create view wire as select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    database.run(encrypted).await;
    let role = config["user"].as_str().unwrap().to_owned();
    database.run(&format!("grant select on wire to {role}")).await;
    for (mode, trust, expected) in [
        ("disable", false, Ok("false")),
        ("prefer", false, Ok("true")),
        ("require", false, Ok("true")),
        ("verify-full", true, Ok("true")),
        // Nobody this machine trusts has signed it.
        ("verify-full", false, Err(())),
    ] {
        config["sslmode"] = mode.into();
        config["ssl_root_cert"] = if trust { trusted.to_str().unwrap().into() } else { Value::Null };
        match expected {
            Ok(ssl) => {
                let sample = source(config.clone()).sample("public.wire", 1).await.unwrap();
                let seen = arrow::util::display::array_value_to_string(sample.column(0), 0).unwrap();
                assert_eq!(seen, ssl, "{mode}");
            }
            Err(()) => assert_eq!(source(config.clone()).check().await.unwrap_err().kind, ErrorKind::Config, "{mode}"),
        }
    }
    config["ssl_root_cert"] = folder.path().join("missing.pem").to_str().unwrap().into();
    assert_eq!(source(config.clone()).check().await.unwrap_err().kind, ErrorKind::Config);
    database.run(&format!("drop owned by {role}")).await;
    forget(&database, &config).await;
}
