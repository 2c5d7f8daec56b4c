//! Opening a writer: everything that must stand before the first row. Statements that make tables commit by themselves here, so
//! none of them comes later.

use std::time::Duration;

use super::catalog::{self, MyColumn, Relation};
use super::connect::{Purpose, Session};
use super::failure::failure;
use super::merge::{self, Statements};
use super::sql::{qualified, quote};
use super::state::{self, Lock, Stored, lock_name, our_name};
use super::table::{self, Lane, same_name};
use super::{Config, swap};
use crate::connectors::{Committed, ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, WriteMode, WriteRequest};

/// What rows go into before they are merged. It is the session's own.
const STAGE: &str = "_towpath_rows";

/// Everything about a write that does not change while it goes on.
pub(super) struct Layout {
    pub(super) namespace: String,
    /// `database.table`, for sentences.
    pub(super) shown: String,
    /// Where rows end up before the last commit: the target, or the staging table of a replace.
    pub(super) table: String,
    /// The staging table's name, with replace.
    pub(super) staging: Option<String>,
    pub(super) lanes: Vec<Lane>,
    /// The table that rows are merged from, and how.
    pub(super) stage: Option<(String, Statements)>,
}

/// Longest wait for another writer of the same state key to end.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);

/// Signs in and becomes the only writer of the state key, for as long as the session lasts.
pub(super) async fn sign_in(config: &Config, namespace: &str, state_key: &str) -> Result<Session, ConnectorError> {
    let mut session = Session::open(config, Purpose::Write).await?;
    let name = lock_name(namespace, state_key);
    let mut waited = Duration::ZERO;
    loop {
        let got: Option<Option<u8>> = session
            .first("select get_lock(?, 0)", (&name,))
            .await
            .map_err(|error| failure("Becoming the only writer failed", error))?;
        if got.flatten() == Some(1) {
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
    session: &mut Session,
    namespace: &str,
    request: &WriteRequest,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    table::check_names(namespace, request)?;
    make_namespace(session, namespace).await?;
    let stored = settled(session, namespace, &request.target.name, &request.state_key).await?;
    match &request.mode {
        WriteMode::Replace => for_replace(session, namespace, request, stored).await,
        WriteMode::Append | WriteMode::Merge { .. } => in_place(session, namespace, request, stored).await,
    }
}

/// What is stored under the key, after what it says is to be done has been done.
pub(super) async fn settled(
    session: &mut Session,
    namespace: &str,
    name: &str,
    state_key: &str,
) -> Result<Option<Stored>, ConnectorError> {
    let mut stored = state::load(session, namespace, state_key, Lock::None).await?;
    if let Some(stored) = &mut stored
        && let Some(staging) = stored.swap.take()
    {
        swap::exchange(session, namespace, (name, &staging), state_key).await?;
    }
    Ok(stored)
}

async fn make_namespace(session: &mut Session, namespace: &str) -> Result<(), ConnectorError> {
    let failed = |error| failure(format!("Preparing the database `{namespace}` failed"), error);
    let there = "select 1 from information_schema.schemata where schema_name = ?";
    if session.first::<u8, _>(there, (namespace,)).await.map_err(failed)?.is_none() {
        let collation = session.server.collation();
        let make =
            format!("create database if not exists {} character set utf8mb4 collate {collation}", quote(namespace));
        session.run(&make).await.map_err(failed)?;
    }
    state::create(session, namespace).await.map_err(failed)
}

fn shown(namespace: &str, request: &WriteRequest) -> String {
    format!("{namespace}.{}", request.target.name)
}

fn vanished(shown: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, format!("`{shown}` vanished while it was made."))
}

/// A view takes no rows, and other engines commit each statement by itself.
fn check_kind(relation: &Relation) -> Result<(), ConnectorError> {
    let shown = &relation.summary.stream;
    if relation.is_view {
        let message = format!("`{shown}` is a view, and rows cannot be loaded into it.");
        return Err(ConnectorError::new(ErrorKind::BadData, message).advise("Choose another target."));
    }
    if relation.is_innodb() {
        return Ok(());
    }
    let engine = relation.engine.as_deref().unwrap_or("another engine");
    let message =
        format!("`{shown}` is kept by {engine}, which has no transactions: a run that breaks off would leave rows.");
    Err(ConnectorError::new(ErrorKind::BadData, message)
        .advise(format!("Alter it (`alter table {shown} engine = InnoDB`), or choose another target.")))
}

/// Append and merge write to the target itself.
async fn in_place(
    session: &mut Session,
    namespace: &str,
    request: &WriteRequest,
    stored: Option<Stored>,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    let shown = shown(namespace, request);
    let failed = |error| failure(format!("Preparing `{shown}` failed"), error);
    let name = &request.target.name;
    let key: &[String] = if let WriteMode::Merge { key, .. } = &request.mode { key } else { &[] };
    let mut committed = stored.map(|stored| stored.committed);
    let relation = if let Some(relation) = catalog::find(session, namespace, name).await? {
        relation
    } else {
        if committed.take().is_some() {
            state::forget(session, namespace, &request.state_key).await?;
        }
        let sql = table::create(session, &qualified(namespace, name), &request.columns, key)?;
        session.run(&sql).await.map_err(failed)?;
        catalog::find(session, namespace, name).await?.ok_or_else(|| vanished(&shown))?
    };
    check_kind(&relation)?;
    let mut standing = table::widen(session, &relation, &request.columns).await?;
    let table = relation.quoted();
    let mut stage = None;
    if let WriteMode::Merge { key, deletes } = &request.mode {
        if *deletes == Deletes::Soft {
            standing = with_deleted_column(session, &relation, standing).await?;
        }
        merge::check_key(&shown, &standing, key)?;
        let lanes = table::lanes(&shown, &request.columns, &standing)?;
        let arbitrated = merge::is_arbiter(&catalog::unique_keys(session, &relation).await?, key);
        let place = make_stage(session, namespace, &lanes).await.map_err(failed)?;
        let statements = merge::statements((&table, &place), &lanes, key, *deletes, arbitrated);
        stage = Some((place, statements));
    }
    let lanes = table::lanes(&shown, &request.columns, &standing)?;
    Ok((Layout { namespace: namespace.to_owned(), shown, table, staging: None, lanes, stage }, committed))
}

async fn make_stage(session: &mut Session, namespace: &str, lanes: &[Lane]) -> Result<String, mysql_async::Error> {
    let stage = qualified(namespace, STAGE);
    let columns = lanes.iter().map(Lane::declared).collect::<Vec<_>>().join(", ");
    session.run(&format!("create temporary table {stage} ({columns}) engine = InnoDB")).await?;
    Ok(stage)
}

/// Soft deletes mark a column that need not be among those that come.
async fn with_deleted_column(
    session: &mut Session,
    relation: &Relation,
    standing: Vec<MyColumn>,
) -> Result<Vec<MyColumn>, ConnectorError> {
    if standing.iter().any(|column| same_name(&column.name, DELETED_COLUMN)) {
        return Ok(standing);
    }
    session
        .run(&format!("alter table {} add column {} tinyint(1) null", relation.quoted(), quote(DELETED_COLUMN)))
        .await
        .map_err(|error| failure(format!("Adding `{DELETED_COLUMN}` failed"), error))?;
    catalog::all_columns(session, relation).await
}

/// A replace writes to a staging table beside the target, which keeps what earlier commits of the same run brought.
async fn for_replace(
    session: &mut Session,
    namespace: &str,
    request: &WriteRequest,
    stored: Option<Stored>,
) -> Result<(Layout, Option<Committed>), ConnectorError> {
    let shown = shown(namespace, request);
    let failed = |error| failure(format!("Preparing `{shown}` failed"), error);
    let staging = our_name("stage", &format!("{}\0{}", request.target.name, request.state_key));
    let table = qualified(namespace, &staging);
    let target = catalog::find(session, namespace, &request.target.name).await?;
    let left = catalog::find(session, namespace, &staging).await?;
    let mut committed = stored.map(|stored| stored.committed);
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
    if !goes_on {
        session.run(&format!("drop table if exists {table}")).await.map_err(failed)?;
        make_staging(session, namespace, request, target.as_ref(), &staging).await?;
    }
    let relation = catalog::find(session, namespace, &staging).await?.ok_or_else(|| vanished(&shown))?;
    let standing = catalog::all_columns(session, &relation).await?;
    let lanes = table::lanes(&shown, &request.columns, &standing)?;
    Ok((
        Layout { namespace: namespace.to_owned(), shown, table, staging: Some(staging), lanes, stage: None },
        committed,
    ))
}

/// Makes the staging table: like the target with its keys and defaults where the columns are the same or it must stay; otherwise
/// as the plan says.
async fn make_staging(
    session: &mut Session,
    namespace: &str,
    request: &WriteRequest,
    target: Option<&Relation>,
    staging: &str,
) -> Result<(), ConnectorError> {
    let table = qualified(namespace, staging);
    let failed = |error| failure(format!("Preparing `{namespace}.{}` failed", request.target.name), error);
    if let Some(view) = target.filter(|target| target.is_view) {
        return check_kind(view);
    }
    let sql = table::create(session, &table, &request.columns, &[])?;
    session.run(&sql).await.map_err(failed)?;
    let Some(target) = target else { return Ok(()) };
    if !target.is_innodb() {
        return Ok(());
    }
    let standing = catalog::all_columns(session, target).await?;
    let made = catalog::find(session, namespace, staging).await?.ok_or_else(|| vanished(staging))?;
    let wanted = catalog::all_columns(session, &made).await?;
    let held = swap::is_held(session, target).await?;
    if !held && !swap::same_columns(&standing, &wanted) {
        return Ok(());
    }
    if let Some(lacking) =
        wanted.iter().find(|column| !standing.iter().any(|found| same_name(&found.name, &column.name)))
    {
        let message = format!(
            "`{}` has no column `{}`, and cannot be exchanged for a table that has, since foreign keys or triggers depend on it.",
            target.summary.stream, lacking.name
        );
        return Err(ConnectorError::new(ErrorKind::BadData, message)
            .advise("Add the column, or drop what depends on the table."));
    }
    session.run(&format!("drop table {table}")).await.map_err(failed)?;
    session.run(&format!("create table {table} like {}", target.quoted())).await.map_err(failed)
}
