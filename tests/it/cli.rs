//! The program as scripts use it: exit codes, JSON, and nothing secret in arguments.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the built program on a data folder; nobody is there to answer.
fn towpath(data: &Path, arguments: &[&str]) -> Output {
    with(data, arguments, &[])
}

fn with(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towpath"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TOWPATH_")) {
        command.env_remove(name);
    }
    if let Some(url) = crate::server::store_url(data) {
        command.env("TOWPATH_DATABASE_URL", url);
    }
    command.arg("--data").arg(data).args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}\n{}", text(&output.stdout), text(&output.stderr)))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A shop in SQLite, and an empty place for it to go.
fn shop(folder: &Path) {
    let shop = rusqlite::Connection::open(folder.join("shop.db")).unwrap();
    shop.execute_batch(
        "create table customers (id integer primary key, name text not null, balance decimal(10,2));
         insert into customers values (1, 'Ann', '10.50'), (2, 'Zoë', null), (3, '李', '0.00');",
    )
    .unwrap();
    for (name, file) in [("shop", "shop.db"), ("store", "store.db")] {
        let path = format!("path={}", folder.join(file).display());
        let added = towpath(folder, &["--json", "connections", "add", name, "sqlite", "--set", &path, "--no-check"]);
        assert_eq!(code(&added), 0, "{}", text(&added.stderr));
    }
}

fn plan(folder: &Path, change: impl Fn(&mut Value)) -> String {
    let mut plan = serde_json::json!({
        "version": 1, "name": "customers", "source": {"connection": "shop"}, "destination": {"connection": "store"},
        "streams": [{"stream": "customers", "target": "people"}],
    });
    change(&mut plan);
    let file = folder.join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    file.display().to_string()
}

#[test]
fn every_kind_of_end_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let valid = plan(data, |_| ());
    for (arguments, expected, problem) in [
        (vec!["connections", "list"], 0, None),
        (vec!["connections", "list", "--nonsense"], 2, None),
        (vec!["nonsense"], 2, None),
        (vec!["--json", "connections", "check", "nowhere"], 7, Some("unknown_connection")),
        (vec!["--json", "runs", "show", "0192b3a0-0000-7000-8000-000000000000"], 7, Some("not_found")),
        (vec!["--json", "pipelines", "show", "nothing"], 7, Some("not_found")),
        (vec!["--json", "plan", "validate", "/no/such/file"], 7, Some("unreadable_file")),
        (vec!["--json", "plan", "validate", &valid], 0, None),
        (vec!["--json", "run", &valid], 4, Some("not_confirmed")),
        (vec!["--json", "sign-in"], 7, Some("no_server")),
        (vec!["--json", "chat"], 2, Some("no_terminal")),
    ] {
        let output = towpath(data, &arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        if let Some(problem) = problem {
            let told: Value = serde_json::from_slice(&output.stderr).unwrap();
            assert_eq!(
                (told["code"].as_str(), told["exit"].as_i64()),
                (Some(problem), Some(expected.into())),
                "{told}"
            );
        }
    }
    let unknown = with(data, &["connections", "list"], &[("TOWPATH_MODLE", "builtin")]);
    assert_eq!(code(&unknown), 2);
    assert!(text(&unknown.stderr).contains("`TOWPATH_MODEL`"), "{}", text(&unknown.stderr));
}

#[test]
fn an_invalid_plan_tells_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let file = plan(data, |plan| {
        plan["streams"][0]["stream"] = "custmers".into();
        plan["schedule"] = serde_json::json!({"cron": "61 * * * *", "timezone": "UTC"});
    });
    let output = towpath(data, &["--json", "plan", "validate", &file]);
    assert_eq!(code(&output), 3, "{}", text(&output.stdout));
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    let codes: Vec<&str> =
        told["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"unknown_stream") && codes.contains(&"bad_schedule"), "{told}");
    let plain = towpath(data, &["plan", "validate", &file]);
    assert!(text(&plain.stderr).contains("customers"), "a near name is told: {}", text(&plain.stderr));
}

#[test]
fn a_plan_runs_by_its_file_and_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let file = plan(data, |_| ());
    let first = towpath(data, &["--json", "run", &file, "--yes"]);
    assert_eq!(code(&first), 0, "{}", text(&first.stderr));
    let receipt = json(&first);
    assert_eq!(receipt["outcome"], "completed");
    assert_eq!(
        (receipt["streams"][0]["rows_read"].as_u64(), receipt["streams"][0]["rows_written"].as_u64()),
        (Some(3), Some(3))
    );

    // The table has rows now: replacing them wants its own word.
    let second = towpath(data, &["--json", "run", &file, "--yes"]);
    assert_eq!(code(&second), 4, "{}", text(&second.stderr));
    let preview = json(&towpath(data, &["--json", "plan", "preview", &file]));
    let target = preview["view"]["destructive"][0].as_str().unwrap().to_owned();
    let digest = preview["digest"].as_str().unwrap().to_owned();
    let wrong = towpath(data, &["--json", "run", &file, "--digest", "0000", "--acknowledge", &target]);
    assert_eq!(code(&wrong), 4);
    let third = towpath(data, &["--json", "run", &file, "--digest", &digest, "--acknowledge", &target]);
    assert_eq!(code(&third), 0, "{}", text(&third.stderr));

    let runs = json(&towpath(data, &["--json", "runs", "list"]));
    assert_eq!(runs.as_array().unwrap().len(), 2);
    let run = runs[0]["id"].as_str().unwrap();
    assert_eq!(json(&towpath(data, &["--json", "runs", "receipt", run])), json(&third));
    let logs = json(&towpath(data, &["--json", "runs", "logs", run]));
    assert!(!logs.as_array().unwrap().is_empty());
    let store = rusqlite::Connection::open(data.join("store.db")).unwrap();
    let there: i64 = store.query_row("select count(*) from people", [], |row| row.get(0)).unwrap();
    assert_eq!(there, 3);
}

#[test]
fn a_sentence_becomes_a_plan_and_waits() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let asked = towpath(data, &["--json", "ask", "Copy", "customers", "from", "shop", "to", "store"]);
    assert_eq!(code(&asked), 0, "{}{}", text(&asked.stdout), text(&asked.stderr));
    let turn = json(&asked);
    let (plan, digest) = (turn["plan"]["plan"].as_str().unwrap(), turn["plan"]["digest"].as_str().unwrap());
    assert_eq!(json(&towpath(data, &["--json", "runs", "list"])), serde_json::json!([]), "nothing has run");
    let wrong = towpath(data, &["--json", "run", "--confirm", plan, "--digest", "0000"]);
    assert_eq!(code(&wrong), 4, "{}", text(&wrong.stderr));
    let confirmed = towpath(data, &["--json", "run", "--confirm", plan, "--digest", digest]);
    assert_eq!(code(&confirmed), 0, "{}", text(&confirmed.stderr));
    assert_eq!(json(&confirmed)["streams"][0]["rows_written"], 3);
    let again = towpath(data, &["--json", "run", "--confirm", plan, "--digest", digest]);
    assert_eq!(code(&again), 4, "a plan is confirmed once: {}", text(&again.stderr));
}

#[test]
fn a_run_that_fails_is_the_commands_failure() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let file = plan(data, |_| ());
    assert_eq!(code(&towpath(data, &["--json", "run", &file, "--yes"])), 0);
    let shop = rusqlite::Connection::open(data.join("shop.db")).unwrap();
    shop.execute_batch("drop table customers").unwrap();
    let output = towpath(data, &["--json", "pipelines", "run", "customers"]);
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["code"], "run_failed");
    assert!(told["detail"].as_str().unwrap().contains("customers"), "{told}");
}

#[test]
fn secrets_are_not_taken_from_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    for arguments in [
        vec!["connections", "add", "pg", "postgres", "--url", "postgres://app:hunter2@db/shop"],
        vec!["connections", "add", "pg", "postgres", "--set", "password=hunter2"],
        vec!["connections", "add", "pg", "postgres", "--secret", "password=hunter2"],
        vec!["connections", "add", "pg", "postgres", "--secret", "password=env:NOT_SET"],
        vec!["connections", "add", "pg", "postgres", "--secret", "password"],
    ] {
        let output = towpath(data, &arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("hunter2"), "{}", text(&output.stderr));
    }
    let arguments = [
        "--json",
        "connections",
        "add",
        "pg",
        "postgres",
        "--url",
        "postgres://app@127.0.0.1:1/shop",
        "--secret",
        "password=env:PGPASSWORD",
        "--no-check",
    ];
    let added = with(data, &arguments, &[("PGPASSWORD", "hunter2")]);
    assert_eq!(code(&added), 0, "{}", text(&added.stderr));
    assert_eq!(json(&added)["secrets"], serde_json::json!(["password"]));
    assert!(!text(&added.stdout).contains("hunter2"));
    let unreachable = towpath(data, &["--json", "connections", "check", "pg"]);
    assert_eq!(code(&unreachable), 6, "{}", text(&unreachable.stderr));
    // Nor in anything that is stored.
    for entry in std::fs::read_dir(data).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
    // A new key opens what was sealed under the old one.
    assert_eq!(code(&towpath(data, &["secrets", "rotate"])), 0);
    let checked = towpath(data, &["--json", "connections", "check", "pg"]);
    assert_eq!(code(&checked), 6, "{}", text(&checked.stderr));
}

#[test]
fn pipelines_travel_to_another_workspace() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shop(here.path());
    shop(there.path());
    let file = plan(here.path(), |_| ());
    assert_eq!(code(&towpath(here.path(), &["--json", "run", &file, "--yes"])), 0);
    let export = towpath(here.path(), &["pipelines", "export"]);
    assert_eq!(json(&export)["towpath"], 1);
    let carried = there.path().join("export.json");
    std::fs::write(&carried, &export.stdout).unwrap();
    let imported = towpath(there.path(), &["--json", "pipelines", "import", carried.to_str().unwrap()]);
    assert_eq!(code(&imported), 0, "{}", text(&imported.stderr));
    let imported = json(&imported);
    let (plan, digest) =
        (imported["plans"][0]["plan"].as_str().unwrap(), imported["plans"][0]["digest"].as_str().unwrap());
    assert_eq!(code(&towpath(there.path(), &["--json", "run", "--confirm", plan, "--digest", digest])), 0);
}

#[test]
fn keys_can_be_made_listed_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let made = json(&towpath(data, &["--json", "keys", "create", "loader", "--scope", "operate"]));
    assert!(made["key"].as_str().unwrap().starts_with("tp_"));
    let listed = json(&towpath(data, &["--json", "keys", "list"]));
    assert_eq!((listed[0]["name"].as_str(), listed[0]["scope"].as_str()), (Some("loader"), Some("operate")));
    let id = made["id"].as_str().unwrap();
    assert_eq!(code(&towpath(data, &["keys", "revoke", id])), 0);
    assert_eq!(code(&towpath(data, &["keys", "revoke", id])), 7);
}

#[test]
fn the_doctor_finds_a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert_eq!(code(&towpath(data, &["keys", "list"])), 0);
    let well = towpath(data, &["--json", "doctor"]);
    assert_eq!(code(&well), 0, "{}", text(&well.stdout));
    std::fs::set_permissions(data.join("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let unwell = towpath(data, &["--json", "doctor"]);
    assert_eq!(code(&unwell), 1);
    let findings = json(&unwell);
    let key = findings.as_array().unwrap().iter().find(|finding| finding["what"] == "secret key").unwrap();
    assert_eq!(key["state"], "bad");
}

#[test]
fn the_rest_prints_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let schema = json(&towpath(data, &["plan", "schema"]));
    assert!(schema["properties"]["streams"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        let script = towpath(data, &["completions", shell]);
        assert!(text(&script.stdout).contains("towpath"), "{shell}");
    }
    let found = json(&towpath(data, &["--json", "catalog", "postgresql"]));
    assert_eq!(found[0]["id"], "postgres");
    let help = text(&towpath(data, &["--help"]).stdout);
    assert!(help.contains("Exit codes"), "{help}");
    let help = text(&towpath(data, &["serve", "--help"]).stdout);
    assert!(help.contains("TOWPATH_RATE_PER_MINUTE"), "{help}");
}

#[test]
fn a_row_that_was_set_aside_is_told_where_the_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let drop_box = data.join("in");
    std::fs::create_dir(&drop_box).unwrap();
    std::fs::write(drop_box.join("people.csv"), "id,name\n1,Ann\n2,Zoë\n3,\"torn\n").unwrap();
    for (name, connector, path) in [("inbox", "files", drop_box), ("store", "sqlite", data.join("store.db"))] {
        let path = format!("path={}", path.display());
        let added = towpath(data, &["connections", "add", name, connector, "--set", &path]);
        assert_eq!(code(&added), 0, "{}", text(&added.stderr));
    }
    let file = plan(data, |plan| {
        plan["source"]["connection"] = "inbox".into();
        plan["streams"][0]["stream"] = "people".into();
    });
    let ran = towpath(data, &["run", "--yes", &file]);
    let told = text(&ran.stdout);
    assert_eq!(code(&ran), 0, "{told}");
    let reason = "line 4 of people.csv: The row cannot be read";
    assert!(told.contains(reason), "{told}");
    let listed = json(&towpath(data, &["--json", "runs", "list"]));
    let run = listed[0]["id"].as_str().unwrap();
    assert!(told.contains(&format!("towpath runs quarantine {run}")), "{told}");
    assert!(text(&towpath(data, &["runs", "logs", run]).stdout).contains(reason));

    let aside = json(&towpath(data, &["--json", "runs", "quarantine", run]));
    assert_eq!(aside.as_array().unwrap().len(), 1, "{aside}");
    assert_eq!((&aside[0]["code"], &aside[0]["position"]), (&"malformed_row".into(), &"line 4 of people.csv".into()));
    let replayed = json(&towpath(data, &["--json", "runs", "quarantine", run, "--replay"]));
    assert_eq!((&replayed["written"], replayed["left"].as_array().unwrap().len()), (&0.into(), 1), "{replayed}");
}

#[test]
fn a_folder_takes_tables_without_a_namespace() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    shop(data);
    let path = format!("path={}", data.join("lake").display());
    let added =
        towpath(data, &["connections", "add", "lake", "files", "--set", &path, "--set", "write.format=parquet"]);
    assert_eq!(code(&added), 0, "{}", text(&added.stderr));
    let asked = json(&towpath(data, &["--json", "ask", "copy customers from shop to the lake"]));
    let (plan, digest) = (asked["plan"]["plan"].as_str().unwrap(), asked["plan"]["digest"].as_str().unwrap());
    let ran = towpath(data, &["run", "--confirm", plan, "--digest", digest]);
    assert_eq!(code(&ran), 0, "{}{}", text(&ran.stdout), text(&ran.stderr));
    let written: Vec<String> = std::fs::read_dir(data.join("lake/customers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(written.iter().any(|name| name.ends_with(".parquet")), "{written:?}");
}
