//! Names that meet: by folding, by length, with our own; and mistakes of a plan, each told with its place, over real
//! systems.

use serde_json::json;

use super::{modes, of, problems};
use crate::systems::{Kind, System};
use crate::yard::Yard;

#[tokio::test]
async fn mistakes_are_told_with_their_place_by_every_system() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    System::create(&yard, "target", Kind::Sqlite).await;
    for kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        let shop = System::create(&yard, &name, kind).await;
        shop.fill("items", "id bigint, name text, changed bigint", &["(1, 'a', 1)".to_owned()]).await;
        let stream = shop.stream("items");
        for (settings, pointer, code, suggestion) in [
            (json!({"stream": shop.stream("itmes")}), "/streams/0/stream", "unknown_stream", Some(stream.as_str())),
            (
                json!({"read": "incremental", "cursor": "chnged"}),
                "/streams/0/cursor",
                "unknown_column",
                Some("changed"),
            ),
            (json!({"select": ["id", "nme"]}), "/streams/0/select/1", "unknown_column", Some("name")),
            (json!({"write": "merge", "key": ["idd"]}), "/streams/0/key/0", "unknown_column", Some("id")),
            (json!({"read": "fully"}), "/streams/0/read", "shape", None),
            (json!({"write": "upsert"}), "/streams/0/write", "shape", None),
            (json!({"read": "cdc"}), "/streams/0/read", "unsupported_mode", Some("incremental")),
            (json!({"filter": "id in (select id from items)"}), "/streams/0/filter", "filter_unsupported", None),
            (json!({"filter": "id = nextval('s')"}), "/streams/0/filter", "filter_unsupported", None),
            (json!({"filter": "id = 1; delete from items"}), "/streams/0/filter", "filter_unsupported", None),
        ] {
            let plan = of(&name, "target", (&stream, "items"), &settings);
            let told = problems(&yard, plan).await;
            let found = told.iter().find(|problem| problem.pointer == pointer && problem.code == code);
            let Some(found) = found else { panic!("{kind:?} {settings}: {told:?}") };
            assert!(!found.message.is_empty());
            match suggestion {
                Some(meant) => assert_eq!(found.suggestion.as_deref(), Some(meant), "{kind:?} {settings}"),
                None => assert!(found.suggestion.is_some(), "{kind:?} {settings}: no suggestion: {found:?}"),
            }
        }
        let unknown = problems(&yard, of("shopp", "target", (&stream, "items"), &json!({}))).await;
        assert!(
            unknown.iter().any(|p| p.pointer == "/source/connection" && p.code == "unknown_connection"),
            "{unknown:?}"
        );
    }
}

#[tokio::test]
async fn columns_that_fold_into_one_are_refused_or_stay_two() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let shop = System::create(&yard, "shop", Kind::Postgres).await;
    shop.fill("items", r#"id bigint, "Name" text, name text, "NAME" text"#, &["(1, 'a', 'b', 'c')".to_owned()]).await;
    for kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        let target = System::create(&yard, &name, kind).await;
        let plain = of("shop", &target.goal(), ("public.items", "items"), &json!({"write": "replace"}));
        let plan = if matches!(kind, Kind::MySql | Kind::Sqlite | Kind::DuckDb) {
            let told = problems(&yard, plain).await;
            let pointers: Vec<(&str, &str)> = told.iter().map(|p| (p.pointer.as_str(), p.code)).collect();
            assert_eq!(
                pointers,
                [("/streams/0/rename/name", "name_collision"), ("/streams/0/rename/NAME", "name_collision")]
            );
            assert!(told[0].suggestion.as_ref().unwrap().contains("name_2"));
            let renamed = json!({"write": "replace", "rename": {"name": "name_2", "NAME": "NAME_3"}});
            of("shop", &target.goal(), ("public.items", "items"), &renamed)
        } else {
            plain
        };
        let pipeline = yard.pipeline(plan.clone()).await;
        assert_eq!(yard.completed(pipeline).await["verdict"], "counted");
        let rename = |name: &'static str| plan["streams"][0]["rename"][name].as_str().unwrap_or(name).to_owned();
        let columns = ["Name".to_owned(), rename("name"), rename("NAME")];
        if kind == Kind::Csv || kind == Kind::Jsonl || kind == Kind::Parquet {
            // DuckDB, which looks at the files here, folds the names itself.
            assert_eq!(target.rows("items", &["id"]).await.unwrap(), ["1"]);
            continue;
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        assert_eq!(target.rows("items", &columns).await.unwrap(), ["a|b|c"], "{kind:?}");
    }
}

/// PostgreSQL cuts names after 63 bytes without a word, so two long ones could become one.
#[tokio::test]
async fn names_of_the_greatest_length_work_in_every_mode_and_longer_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let shop = System::create(&yard, "shop", Kind::Sqlite).await;
    let (long, other) = (format!("{}1", "ö".repeat(31)), format!("{}2", "ö".repeat(31)));
    let columns = format!("id bigint, changed bigint, \"{long}\" text, \"{other}\" text");
    shop.fill("items", &columns, &["(1, 1, 'a', 'b')".to_owned()]).await;
    for kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        let target = System::create(&yard, &name, kind).await;
        for (index, (_, mode)) in modes().into_iter().enumerate() {
            if mode["write"] == "merge" && !kind.merges() {
                continue;
            }
            let table = format!("{}{index}", "t".repeat(62));
            let pipeline = yard.pipeline(of("shop", &target.goal(), ("items", &table), &mode)).await;
            for _ in 0..2 {
                assert_eq!(yard.completed(pipeline).await["verdict"], "counted", "{kind:?} {mode}");
            }
            let rows = target.rows(&table, &["id", &long, &other]).await.unwrap();
            assert!(rows.iter().all(|row| row == "1|a|b") && !rows.is_empty(), "{kind:?} {mode}: {rows:?}");
        }
    }
    let longer = format!("{}3", "ö".repeat(32));
    shop.run(&format!("alter table items add column \"{longer}\" text")).await;
    let told = problems(&yard, of("shop", "postgres", ("items", "items"), &json!({"write": "replace"}))).await;
    assert_eq!(
        (told[0].code, told[0].pointer.as_str()),
        ("name_too_long", format!("/streams/0/rename/{longer}").as_str())
    );
    assert!(told[0].suggestion.is_some());
}

#[tokio::test]
async fn our_own_names_in_a_source_are_left_where_they_are_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let columns = "id bigint, changed bigint, _towpath_run_id text, _towpath_synced_at text, _towpath_deleted text, _Towpath_odd text";
    for (from, to) in [(Kind::Postgres, Kind::Sqlite), (Kind::Sqlite, Kind::DuckDb), (Kind::DuckDb, Kind::Postgres)] {
        let (source, destination) = (format!("from_{from:?}").to_lowercase(), format!("to_{to:?}").to_lowercase());
        let shop = System::create(&yard, &source, from).await;
        let target = System::create(&yard, &destination, to).await;
        shop.fill(
            "items",
            &columns.replace("_Towpath_odd", "\"_Towpath_odd\""),
            &["(1, 1, 'x', 'x', 'x', 'x')".to_owned()],
        )
        .await;
        let stream = shop.stream("items");
        // What only looks like ours is no name of ours, and cannot be made beside them.
        let told = problems(&yard, of(&source, &destination, (&stream, "items"), &modes()[0].1)).await;
        assert_eq!(
            (told[0].code, told[0].pointer.as_str()),
            ("reserved_name", "/streams/0/rename/_Towpath_odd"),
            "{told:?}"
        );
        for (name, mode) in modes() {
            let mut plan = of(&source, &destination, (&stream, name), &mode);
            plan["streams"][0]["rename"] = json!({"_towpath_run_id": "their_run", "_Towpath_odd": "odd"});
            let pipeline = yard.pipeline(plan).await;
            let receipt = yard.completed(pipeline).await;
            assert_eq!(receipt["verdict"], "counted", "{receipt}");
            let rows = target.rows(name, &["id", "their_run", "odd"]).await.unwrap();
            assert_eq!(rows, ["1|x|x"], "{from:?} to {to:?} by {name}");
            let ours = target.rows(name, &["_towpath_run_id"]).await.unwrap();
            assert_ne!(ours, ["x"]);
        }
        let told = problems(&yard, of(&source, &destination, (&stream, "_towpath_state"), &modes()[0].1)).await;
        assert!(told.iter().any(|p| p.pointer == "/streams/0/target" && p.code == "reserved_name"), "{told:?}");
    }
}
