//! Opening a writer: everything that must stand before the first row.

use std::collections::HashMap;
use std::time::Duration;

use super::catalog::{self, PgColumn};
use super::connect::{Purpose, Session};
use super::failure::failure;
use super::merge::{self, Statements};
use super::sql::{qualified, quote};
use super::state::{self, Lock, lock_number, our_name};
use super::table::{self, Lane};
use super::{Config, swap};
use crate::connectors::{Committed, ConnectorError, ErrorKind, WriteMode, WriteRequest};

/// What rows go into before they are merged or cast. It is the session's own.
pub(super) const STAGE: &str = "pg_temp._towpath_rows";

/// Everything about a write that does not change while it goes on.
pub(super) struct Layout {
    pub(super) namespace: String,
    /// `schema.table`, for sentences.
    pub(super) shown: String,
    /// Where rows end up before the last commit: the target, or the staging table of a replace.
    pub(super) table: String,
    /// The staging table's name, with replace.
    pub(super) staging: Option<String>,
    pub(super) lanes: Vec<Lane>,
    /// Whether rows go through [`STAGE`].
    pub(super) staged: bool,
    pub(super) merge: Option<Statements>,
    /// A staging table that was made just now, and has nothing but columns: several connections can write to it without
    /// waiting for each other, and it can be made anew.
    pub(super) bare: bool,
}

/// Longest wait for another writer of the same state key to end.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);

/// Serialises what is made: `if not exists` alone lets two makers collide.
const MAKERS_LOCK: i64 = 0x746f_7770_6174_6821;

/// Signs in and becomes the only writer of the state key, for as long as the session lasts.
pub(super) async fn sign_in(config: &Config, namespace: &str, state_key: &str) -> Result<Session, ConnectorError> {
    let session = Session::open(config, Purpose::Write).await?;
    let number = lock_number(namespace, state_key);
    let mut waited = Duration::ZERO;
    loop {
        let free: bool = session
            .query_one("select pg_try_advisory_lock($1)", &[&number])
            .await
            .map_err(|error| failure("Becoming the only writer failed", error))?
            .get(0);
        if free {
            return Ok(session);
        }
        if waited >= PATIENCE {
            let message = format!("Another writer has been busy with `{state_key}` for {} s.", PATIENCE.as_secs());
            return Err(ConnectorError::new(ErrorKind::Throttled, message)
                .advise("Wait for the other run to end, or cancel it."));
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
}

/// Makes what is missing. Answers the layout and what stands committed.
pub(super) async fn prepare(
    session: &Session,
    namespace: &str,
    request: &WriteRequest,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    table::check_names(namespace, request)?;
    let shown = format!("{namespace}.{}", request.target.name);
    let failed = |error| failure(format!("Preparing `{shown}` failed"), error);
    let begin = format!("begin; select pg_advisory_xact_lock({MAKERS_LOCK})");
    session.batch_execute(&begin).await.map_err(failed)?;
    make_namespace(session, namespace).await?;
    let (layout, committed) = match &request.mode {
        WriteMode::Replace => for_replace(session, namespace, shown.clone(), request).await?,
        WriteMode::Append | WriteMode::Merge { .. } => in_place(session, namespace, shown.clone(), request).await?,
    };
    session.batch_execute("commit").await.map_err(failed)?;
    if layout.staged {
        let columns = layout
            .lanes
            .iter()
            .map(|lane| format!("{} {}", quote(&lane.name), lane.stage_type))
            .collect::<Vec<_>>()
            .join(", ");
        session.batch_execute(&format!("create temp table _towpath_rows ({columns})")).await.map_err(failed)?;
        // Answers now whether every cast exists, and not with the first row.
        let list = layout.lanes.iter().map(|lane| lane.expression.clone()).collect::<Vec<_>>().join(", ");
        session.prepare(&format!("select {list} from {STAGE}")).await.map_err(failed)?;
    }
    Ok((layout, committed))
}

async fn make_namespace(session: &Session, namespace: &str) -> Result<(), ConnectorError> {
    let failed = |error| failure(format!("Preparing the schema `{namespace}` failed"), error);
    let row = session
        .query_one(
            "select exists (select from pg_namespace where nspname = $1), exists (select from pg_class c \
             join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = '_towpath_state')",
            &[&namespace],
        )
        .await
        .map_err(failed)?;
    // Asked first, since a user who may write here need not be one who may create.
    if !row.get::<_, bool>(0) {
        session.batch_execute(&format!("create schema {}", quote(namespace))).await.map_err(failed)?;
    }
    if !row.get::<_, bool>(1) {
        session.batch_execute(&state::create(namespace)).await.map_err(failed)?;
    }
    Ok(())
}

/// Append and merge write to the target itself.
async fn in_place(
    session: &Session,
    namespace: &str,
    shown: String,
    request: &WriteRequest,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    let failed = |error| failure(format!("Preparing `{shown}` failed"), error);
    let table = qualified(namespace, &request.target.name);
    let types = table::resolve_types(session, &request.columns).await?;
    let mut committed = state::load(session, namespace, &request.state_key, Lock::Update).await?;
    let relation = if let Some(relation) = catalog::find(session, namespace, &request.target.name).await? {
        relation
    } else {
        if committed.take().is_some() {
            state::forget(session, namespace, &request.state_key).await?;
        }
        session.batch_execute(&table::create(&table, &request.columns)).await.map_err(failed)?;
        if let WriteMode::Merge { key, .. } = &request.mode {
            session.batch_execute(&table::create_key(&table, &shown, key)).await.map_err(failed)?;
        }
        vanished_unless(catalog::find(session, namespace, &request.target.name).await?, &shown)?
    };
    if !matches!(relation.kind, 'r' | 'p' | 'f') {
        let message = format!("`{shown}` is a view, and rows cannot be loaded into it.");
        return Err(ConnectorError::new(ErrorKind::BadData, message).advise("Choose another target."));
    }
    let mut standing = table::widen(session, &relation, &table, &request.columns).await?;
    let mut merge = None;
    if let WriteMode::Merge { key, deletes } = &request.mode {
        if *deletes == crate::connectors::Deletes::Soft {
            standing = with_deleted_column(session, &relation, &table, standing).await?;
        }
        let lanes = table::lanes(&shown, &request.columns, &types, &standing)?;
        let unique = catalog::unique_keys(session, &relation).await?;
        let vouched = unique.iter().any(|unique| {
            unique.columns.len() == key.len() && unique.columns.iter().all(|column| key.contains(column))
        });
        merge = Some(merge::statements((&table, STAGE), &lanes, key, *deletes, vouched));
    }
    let lanes = table::lanes(&shown, &request.columns, &types, &standing)?;
    let staged = merge.is_some() || lanes.iter().any(|lane| !lane.direct);
    let layout =
        Layout { namespace: namespace.to_owned(), shown, table, staging: None, lanes, staged, merge, bare: false };
    Ok((layout, committed))
}

fn vanished_unless<T>(found: Option<T>, shown: &str) -> Result<T, ConnectorError> {
    found.ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("`{shown}` vanished while it was made.")))
}

/// Soft deletes mark a column that need not be among those that come.
async fn with_deleted_column(
    session: &Session,
    relation: &catalog::Relation,
    table: &str,
    standing: Vec<PgColumn>,
) -> Result<Vec<PgColumn>, ConnectorError> {
    let name = crate::connectors::DELETED_COLUMN;
    if standing.iter().any(|column| column.name == name) {
        return Ok(standing);
    }
    session
        .batch_execute(&format!("alter table {table} add column {} boolean", quote(name)))
        .await
        .map_err(|error| failure(format!("Adding `{name}` failed"), error))?;
    catalog::all_columns(session, relation).await
}

/// A replace writes to a staging table beside the target, which keeps what earlier commits of the same run brought.
async fn for_replace(
    session: &Session,
    namespace: &str,
    shown: String,
    request: &WriteRequest,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    let failed = |error| failure(format!("Preparing `{shown}` failed"), error);
    let staging = our_name("stage", &format!("{}\0{}", request.target.name, request.state_key));
    let staged_table = qualified(namespace, &staging);
    let types = table::resolve_types(session, &request.columns).await?;
    let mut committed = state::load(session, namespace, &request.state_key, Lock::Update).await?;
    let target = catalog::find(session, namespace, &request.target.name).await?;
    let left = catalog::find(session, namespace, &staging).await?;
    let stands = match &committed {
        // What a run left unfinished stands in its staging table, for itself alone.
        Some(state) if !state.last => state.run == request.run && left.is_some(),
        Some(_) => target.is_some(),
        None => true,
    };
    if !stands {
        committed = None;
        state::forget(session, namespace, &request.state_key).await?;
    }
    let goes_on = committed.as_ref().is_some_and(|state| !state.last && state.run == request.run);
    let mut bare = false;
    if !goes_on {
        session.batch_execute(&format!("drop table if exists {staged_table}")).await.map_err(failed)?;
        bare = make_staging(session, request, target.as_ref(), (namespace, &staging)).await?;
    }
    let relation = vanished_unless(catalog::find(session, namespace, &staging).await?, &shown)?;
    let standing = catalog::all_columns(session, &relation).await?;
    let lanes = table::lanes(&shown, &request.columns, &types, &standing)?;
    let staged = lanes.iter().any(|lane| !lane.direct);
    let layout = Layout {
        namespace: namespace.to_owned(),
        shown,
        table: staged_table,
        staging: Some(staging),
        lanes,
        staged,
        merge: None,
        bare,
    };
    Ok((layout, committed))
}

/// Makes the staging table, and says whether it is bare: like the target with its keys and defaults where the columns are the same; with the target's types
/// where it must stay; otherwise as the plan says.
async fn make_staging(
    session: &Session,
    request: &WriteRequest,
    target: Option<&catalog::Relation>,
    (namespace, staging): (&str, &str),
) -> Result<bool, ConnectorError> {
    let staged = qualified(namespace, staging);
    let failed = |error| failure(format!("Preparing `{namespace}.{}` failed", request.target.name), error);
    session.batch_execute(&table::create(&staged, &request.columns)).await.map_err(failed)?;
    let Some(target) = target else { return Ok(true) };
    if !matches!(target.kind, 'r' | 'p' | 'f') {
        let message = format!("`{}` is a view, and rows cannot be loaded into it.", target.summary.stream);
        return Err(ConnectorError::new(ErrorKind::BadData, message).advise("Choose another target."));
    }
    let standing = catalog::all_columns(session, target).await?;
    let made = vanished_unless(catalog::find(session, namespace, staging).await?, staging)?;
    let wanted = catalog::all_columns(session, &made).await?;
    let by_name = |columns: &[PgColumn]| -> HashMap<String, _> {
        let written = columns.iter().filter(|column| !column.generated);
        written.map(|column| (column.name.clone(), column.data_type.clone())).collect()
    };
    let held = swap::is_held(session, target).await?;
    let (old, new) = (by_name(&standing), by_name(&wanted));
    if old == new && target.kind == 'r' && is_bare(session, target).await.map_err(failed)? {
        return Ok(true);
    }
    let statement = if old == new && target.kind == 'r' {
        let table = qualified(namespace, &request.target.name);
        format!("create table {staged} (like {table} including all)")
    } else if held {
        let mut columns = request.columns.clone();
        for column in &mut columns {
            if let Some(data_type) = old.get(&column.column.name) {
                column.target_type.clone_from(&data_type.spelled);
            }
        }
        table::create(&staged, &columns)
    } else {
        return Ok(true);
    };
    session.batch_execute(&format!("drop table {staged}; {statement}")).await.map_err(failed)?;
    Ok(false)
}

/// Whether a table has nothing but columns that a new one of the same types would not have.
async fn is_bare(session: &Session, table: &catalog::Relation) -> Result<bool, tokio_postgres::Error> {
    let query = "select not exists (select from pg_index where indrelid = $1) \
         and not exists (select from pg_constraint where conrelid = $1) \
         and not exists (select from pg_statistic_ext where stxrelid = $1) \
         and not exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = $1 \
           and a.attnum > 0 and not a.attisdropped and (a.attnotnull or a.atthasdef or a.attidentity <> '' \
             or a.attstorage <> t.typstorage or coalesce(to_jsonb(a) ->> 'attcompression', '') <> ''))";
    Ok(session.query_one(query, &[&table.oid]).await?.get(0))
}
