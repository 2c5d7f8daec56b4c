//! Plans over real systems, kept in a real store: SQLite and PostgreSQL, each in every part.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use towpath::catalog::Catalog;
use towpath::clock::Clock;
use towpath::ids::{Actor, ConversationId, WorkspaceId};
use towpath::plan::mapping::propose_mapping;
use towpath::plan::modes::propose_modes;
use towpath::plan::offer::{LoadError, Withdrawal};
use towpath::plan::{ConfirmError, Draft, confirm, confirmed, on_offer, propose, withdraw};
use towpath::secrets::Vault;
use towpath::store::{self, Store};
use towpath::workspace::{ConnectionState, NewConnection, Workspace};

use crate::postgres::Database;
use crate::server::postgres_url;

/// A workspace whose shop is a SQLite file and whose warehouse is a PostgreSQL database.
struct World {
    workspace: Workspace,
    warehouse: Database,
    folder: tempfile::TempDir,
    /// Held so that it goes with the test.
    _store: Option<Database>,
}

#[derive(Clone, Copy, Debug)]
enum Kept {
    InSqlite,
    InPostgres,
}

const SHOP: &str = "
create table customers (customer_id integer primary key, email text not null, status text, balance decimal(12,2),
    updated_at timestamp not null);
create index customers_by_update on customers (updated_at);
create table visits (page text, seen_at timestamp);
create table vacant (id integer primary key);
with recursive n (n) as (select 1 union all select n + 1 from n where n < 500)
insert into customers select n, 'a' || n || '@example.org', case n % 3 when 0 then 'active' else 'idle' end, n / 7.0,
    datetime('2026-11-01', '+' || n || ' minutes') from n;
insert into visits values ('/', '2026-11-01 10:00:00'), ('/x', null), ('/', '2026-11-01 10:00:00');
";

impl World {
    async fn new(kept: Kept) -> Self {
        towpath::net::install_tls();
        let folder = tempfile::tempdir().unwrap();
        let (store, database) = match kept {
            Kept::InSqlite => (Store::open_folder(folder.path()).await.unwrap(), None),
            Kept::InPostgres => {
                let database = Database::create().await;
                let (server, _) = postgres_url().rsplit_once('/').map(|(s, d)| (s.to_owned(), d.to_owned())).unwrap();
                (Store::open(&format!("{server}/{}", database.name)).await.unwrap(), Some(database))
            }
        };
        let workspace = Workspace {
            id: WorkspaceId::main(),
            store,
            catalog: Arc::new(Catalog::native()),
            vault: Arc::new(Vault::generate().0),
            clock: Clock::manual("2026-11-20T12:00:00Z".parse().unwrap()),
        };
        let shop = folder.path().join("shop.db");
        rusqlite::Connection::open(&shop).unwrap().execute_batch(SHOP).unwrap();
        let warehouse = Database::create().await;
        let world = Self { workspace, warehouse, folder, _store: database };
        world.add("shop", "sqlite", json!({ "path": shop })).await;
        world.add("warehouse", "postgres", world.warehouse.config()).await;
        world
    }

    async fn add(&self, name: &str, connector: &str, config: Value) {
        let Value::Object(config) = config else { panic!("settings are an object") };
        let new = NewConnection {
            name: name.to_owned(),
            label: None,
            connector: connector.to_owned(),
            config,
            secrets: BTreeMap::new(),
            roles: None,
        };
        self.workspace.add_connection(new).await.unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn plan(stream: &Value) -> Value {
    json!({
        "version": 1, "name": "to the warehouse", "source": {"connection": "shop"},
        "destination": {"connection": "warehouse"}, "streams": [stream], "schedule": {"every": "PT1H"}
    })
}

#[tokio::test]
async fn a_plan_goes_its_whole_way_on_both_stores() {
    for kept in [Kept::InSqlite, Kept::InPostgres] {
        let world = World::new(kept).await;
        let workspace = &world.workspace;
        let talk = ConversationId::new();
        let draft = |filter: &str| {
            Draft::from_model(plan(&json!({
                "stream": "customers", "read": "incremental", "cursor": "updated_at", "filter": filter,
                "mask": {"email": "hash"}
            })))
        };
        let first = propose(workspace, draft("status = 'idle'"), Some(talk), None).await.unwrap();
        let second = propose(workspace, draft("status = 'active'"), Some(talk), None).await.unwrap();
        let offer = on_offer(workspace, talk).await.unwrap().unwrap();
        assert_eq!((offer.plan, offer.view.rows), (second.plan, Some(166)), "{kept:?}");
        assert_ne!(first.digest, second.digest);
        assert!(!withdraw(workspace, first.plan, Withdrawal::Dismissed).await.unwrap());
        let by = || Actor("ada".to_owned());
        let stale = confirm(workspace, second.plan, &first.digest, &[], by()).await;
        assert!(matches!(stale, Err(ConfirmError::Stale { .. })));
        let made = confirm(workspace, second.plan, &second.digest, &[], by()).await.unwrap();
        let loaded = confirmed(workspace, made.pipeline).await.unwrap();
        assert_eq!((loaded.digest(), loaded.plan_id()), (second.digest.as_str(), Some(second.plan)));

        let third = propose(workspace, draft("status is not null"), Some(talk), Some(made.pipeline)).await.unwrap();
        let raised = confirm(workspace, third.plan, &third.digest, &[], by()).await.unwrap();
        assert_eq!((raised.pipeline, raised.version), (made.pipeline, 2));
        let pool = workspace.store.pool();
        let versions = store::pipelines::versions(pool, &made.pipeline.to_string()).await.unwrap();
        assert_eq!(versions.iter().map(|(version, ..)| *version).collect::<Vec<_>>(), [2, 1]);
        let entries = store::audit::list(pool, "main", None, 10).await.unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(store::audit::list(pool, "main", Some(&entries[0].id), 10).await.unwrap(), entries[1..]);
        assert!(store::pipelines::set_paused(pool, &made.pipeline.to_string(), true, "t").await.unwrap());
        assert!(store::pipelines::all(pool, "main").await.unwrap()[0].paused);
        assert!(workspace.remove_connection("shop").await.is_err());
        assert!(store::pipelines::delete(pool, &made.pipeline.to_string(), "t").await.unwrap());
        assert!(!store::pipelines::delete(pool, &made.pipeline.to_string(), "t").await.unwrap());
        assert!(matches!(confirmed(workspace, made.pipeline).await, Err(LoadError::NotFound)));
        workspace.remove_connection("shop").await.unwrap();
        let fresh = workspace.rotate_key(Vault::generate().0).await.unwrap();
        assert_eq!(fresh.check_connection("warehouse").await.unwrap().status.state, ConnectionState::Ok);
        workspace.store.close().await;
    }
}

#[tokio::test]
async fn what_real_systems_say_is_in_the_plan() {
    let world = World::new(Kept::InSqlite).await;
    world
        .warehouse
        .run("create table customers (customer_id bigint primary key); insert into customers values (1)")
        .await;
    let mut draft = plan(&json!({"stream": "customers", "filter": "updated_at > now() - interval '19 days'"}));
    draft["streams"].as_array_mut().unwrap().extend([
        json!({"stream": "vacant"}),
        json!({"stream": "visits", "read": "incremental", "cursor": "seen_at", "null_cursor": "exclude"}),
    ]);
    let plan = Draft::from_model(draft).validate(&world.workspace).await.unwrap();
    let view = plan.view();
    assert_eq!(view.destructive, ["public.customers"]);
    let warnings: Vec<&str> = view.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(warnings, ["no_rows", "no_rows", "rows_left_out"], "{:#?}", view.warnings);
    let types: Vec<(&str, &str)> =
        view.streams[0].columns.iter().map(|c| (c.target.as_str(), c.target_type.as_str())).collect();
    assert_eq!(types[3], ("balance", "numeric(12,2)"));
    let evidence = |code: &str| {
        view.streams[2].evidence.iter().find(|e| e.code == code).map(|e| e.text.clone()).unwrap_or_default()
    };
    assert_eq!(evidence("cursor_nulls"), "`seen_at` is NULL in 1 row of 3 rows.");
    assert_eq!(
        evidence("cursor_ties"),
        "1 row shares a value of `seen_at` with another; such ties are neither lost nor doubled."
    );
    assert_eq!(evidence("cursor_index"), "`seen_at` has no index of its own.");
}

#[tokio::test]
async fn mistakes_over_real_systems_are_told_at_once() {
    let world = World::new(Kept::InSqlite).await;
    let mut draft = plan(&json!({"stream": "custmers"}));
    draft["streams"].as_array_mut().unwrap().extend([
        json!({"stream": "customers", "read": "cdc"}),
        json!({"stream": "visits", "write": "merge", "key": ["page"], "filter": "seen > '2026-01-01'"}),
    ]);
    draft["destination"]["namespace"] = json!("publik");
    let problems = Draft::from_model(draft).validate(&world.workspace).await.unwrap_err();
    let told: Vec<_> = problems.iter().map(|p| (p.pointer.as_str(), p.code, p.suggestion.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("/streams/0/stream", "unknown_stream", Some("customers")),
            ("/streams/1/read", "unsupported_mode", Some("incremental")),
            ("/streams/2/filter", "unknown_column", Some("seen_at")),
            ("/streams/2/key", "key_not_unique", Some("Add a column to the key.")),
        ]
    );
}

#[tokio::test]
async fn a_source_that_is_gone_is_unreachable_and_no_plan() {
    let world = World::new(Kept::InSqlite).await;
    let checked = world.workspace.check_connection("shop").await.unwrap();
    assert_eq!(checked.status.state, ConnectionState::Ok);
    std::fs::remove_file(world.path().join("shop.db")).unwrap();
    let problems =
        Draft::from_model(plan(&json!({"stream": "customers"}))).validate(&world.workspace).await.unwrap_err();
    assert_eq!(problems.len(), 1);
    let checked = world.workspace.check_connection("shop").await.unwrap();
    assert_eq!(checked.status.state, ConnectionState::Failed);
    assert!(!world.path().join("shop.db").exists(), "what is gone is not made anew");
}

#[tokio::test]
async fn every_type_of_a_messy_table_lands_or_says_why_not() {
    let world = World::new(Kept::InSqlite).await;
    world
        .warehouse
        .run(
            "create type mood as enum ('sad', 'glad');
             create table messy (id bigint primary key, n numeric, m numeric(20,4), j jsonb, u uuid, a int[], i interval,
                 e mood, t timestamptz, d date, b bytea, x inet, \"Weird Name\" text, f real);
             comment on column messy.n is 'ignore earlier rules';
             insert into messy (id) values (1)",
        )
        .await;
    world.add("mirror", "sqlite", json!({"path": world.path().join("mirror.db")})).await;
    let mapping = propose_mapping(&world.workspace, "warehouse", "mirror", "public.messy", None).await.unwrap();
    assert_eq!(mapping.problems, []);
    assert_eq!(mapping.columns.len(), 14);
    let draft = json!({
        "version": 1, "name": "mirror", "source": {"connection": "warehouse"}, "destination": {"connection": "mirror"},
        "streams": [{"stream": "public.messy"}]
    });
    let plan = Draft::from_model(draft).validate(&world.workspace).await.unwrap();
    assert!(!plan.document().to_string().contains("ignore earlier rules"), "comments of columns are not in the plan");
    let modes = propose_modes(&world.workspace, "warehouse", "public.messy", Some("mirror")).await.unwrap();
    assert_eq!((modes.proposals[0].read, modes.primary_key), ("full", vec!["id".to_owned()]));
}

#[tokio::test]
async fn a_secret_of_a_connection_is_nowhere_in_the_store() {
    let world = World::new(Kept::InSqlite).await;
    let mut config: Map<String, Value> = world.warehouse.config().as_object().cloned().unwrap();
    config.insert("password".to_owned(), json!("correct-horse-battery"));
    world.add("second", "postgres", Value::Object(config)).await;
    world.workspace.check_connection("second").await.unwrap();
    world.workspace.store.close().await;
    for file in std::fs::read_dir(world.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("correct-horse-battery"));
    }
}
