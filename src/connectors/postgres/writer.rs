//! Writing one stream: batches go into the open transaction as they come, and a commit ends it together with the checkpoint.

use std::ops::Range;
use std::pin::pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::SinkExt as _;

use super::catalog;
use super::codec::decode::show_cell;
use super::codec::encode::{Encoded, Encoding, encode};
use super::connect::Session;
use super::failure::{blames_rows, broke_off, failure, row_refusal};
use super::merge::{self, deleted_columns};
use super::open::{self, Layout, STAGE};
use super::sql::quoted_list;
use super::state::{self, Lock};
use super::{Config, swap};
use crate::connectors::{
    Batch, Commit, Committed, ConnectorError, Deletes, ErrorKind, RejectedRow, WriteMode, WriteRequest, Writer,
};

pub(super) struct PostgresWriter {
    config: Config,
    request: WriteRequest,
    layout: Layout,
    session: Session,
    phase: Phase,
    committed: Option<Committed>,
    batches: u64,
}

/// Where the transaction stands.
enum Phase {
    Idle,
    /// Rows taken since it began.
    Open(u64),
    /// The session is of no use any more; what it had not committed is gone. Whether its last commit arrived is not known.
    Lost,
}

/// What a COPY and its statements came to.
enum Attempt {
    Done,
    /// A row is to blame.
    Refused(tokio_postgres::Error),
}

/// One kind of rows of a batch and what is done with them.
struct Load<'a> {
    copy: String,
    then: &'a [String],
    /// Whether the statements must bring as many rows as were copied.
    counted: bool,
}

impl PostgresWriter {
    pub(super) async fn open(config: &Config, request: WriteRequest) -> Result<Self, ConnectorError> {
        let namespace = request.target.namespace.clone().unwrap_or_else(|| config.default_namespace().to_owned());
        let session = open::sign_in(config, &namespace, &request.state_key).await?;
        let (layout, committed) = open::prepare(&session, &namespace, &request).await?;
        Ok(Self { config: config.clone(), request, layout, session, phase: Phase::Idle, committed, batches: 0 })
    }

    fn doing(&self) -> String {
        format!("Writing to `{}` failed", self.layout.shown)
    }

    /// Forgets the session, for after such a failure nothing can be known about it.
    fn lose(&mut self, error: tokio_postgres::Error) -> ConnectorError {
        self.phase = Phase::Lost;
        failure(self.doing(), error)
    }

    async fn begin(&mut self) -> Result<u64, ConnectorError> {
        match self.phase {
            Phase::Open(rows) => Ok(rows),
            Phase::Lost => Err(broke_off(self.doing())),
            Phase::Idle => {
                self.session.batch_execute("begin").await.map_err(|error| self.lose(error))?;
                self.phase = Phase::Open(0);
                Ok(0)
            }
        }
    }

    /// Rows that this run has committed.
    fn rows_before(&self) -> u64 {
        self.committed.as_ref().filter(|committed| committed.run == self.request.run).map_or(0, |state| state.rows)
    }

    /// Which column of a batch goes where, in which form.
    fn picks(&self, names: Option<&[&str]>) -> Vec<(usize, Encoding)> {
        let lanes = self.layout.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| names.is_none_or(|names| names.contains(&lane.name.as_str())))
            .map(|(index, lane)| (index, lane.encoding))
            .collect()
    }

    fn copy_statement(&self, names: Option<&[&str]>) -> String {
        let table = if self.layout.staged { STAGE } else { &self.layout.table };
        let list = match names {
            Some(names) => quoted_list(names.iter().copied()),
            None => quoted_list(self.layout.lanes.iter().map(|lane| lane.name.as_str())),
        };
        format!("copy {table} ({list}) from stdin (format binary)")
    }

    async fn write_plain(&mut self, batch: &Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        let encoded = encode(&batch.records, &self.picks(None), 0..batch.records.num_rows())?;
        let then = if self.layout.staged {
            let names = quoted_list(self.layout.lanes.iter().map(|lane| lane.name.as_str()));
            let list = self.layout.lanes.iter().map(|lane| lane.expression.clone()).collect::<Vec<_>>().join(", ");
            let table = &self.layout.table;
            vec![format!("insert into {table} ({names}) overriding system value select {list} from {STAGE}")]
        } else {
            Vec::new()
        };
        let load = Load { copy: self.copy_statement(None), then: &then, counted: true };
        self.load(batch, &encoded, &load).await
    }

    async fn write_merged(
        &mut self,
        batch: &Batch,
        key: &[String],
        deletes: Deletes,
    ) -> Result<Vec<RejectedRow>, ConnectorError> {
        let places: Vec<usize> =
            key.iter().filter_map(|name| self.layout.lanes.iter().position(|lane| lane.name == *name)).collect();
        let newest = merge::newest(batch, &places, deletes)?;
        let mut rejected: Vec<RejectedRow> = newest
            .keyless
            .iter()
            .map(|row| {
                let reason = "The row has no value in a key column, so it cannot be merged.".to_owned();
                self.rejected(batch, *row, "missing_key", reason)
            })
            .collect();
        let Some(statements) = self.layout.merge.clone() else {
            return Err(ConnectorError::new(ErrorKind::Bug, "A merge has no statements."));
        };
        let encoded = encode(&batch.records, &self.picks(None), newest.upserts.into_iter())?;
        let load = Load { copy: self.copy_statement(None), then: &statements.upsert, counted: false };
        rejected.extend(self.load(batch, &encoded, &load).await?);
        if !newest.deletes.is_empty() {
            let names: Vec<String> =
                deleted_columns(&self.layout.lanes, key).iter().map(|lane| lane.name.clone()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let encoded = encode(&batch.records, &self.picks(Some(&names)), newest.deletes.into_iter())?;
            let copy = self.copy_statement(Some(&names));
            rejected
                .extend(self.load(batch, &encoded, &Load { copy, then: &statements.delete, counted: false }).await?);
        }
        Ok(rejected)
    }

    /// Loads rows, apart from those that cannot be held.
    async fn load(
        &mut self,
        batch: &Batch,
        encoded: &Encoded,
        load: &Load<'_>,
    ) -> Result<Vec<RejectedRow>, ConnectorError> {
        let mut rejected = Vec::new();
        for (row, column, refusal) in &encoded.refused {
            let name = self.layout.lanes.get(*column).map(|lane| lane.name.as_str()).unwrap_or_default();
            let reason = format!("Column `{name}`: {}.", refusal.what);
            rejected.push(self.rejected(batch, *row, refusal.code, reason));
        }
        // When the server refuses a part, each half is tried by itself, in order, until the rows to blame are alone.
        let mut parts = Vec::from([Range { start: 0, end: encoded.len() }]);
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            self.session.batch_execute("savepoint towpath_rows").await.map_err(|error| self.lose(error))?;
            match self.attempt(encoded, part.clone(), load).await? {
                Attempt::Done => {
                    let release = "release savepoint towpath_rows";
                    self.session.batch_execute(release).await.map_err(|error| self.lose(error))?;
                }
                Attempt::Refused(error) => {
                    let undo = "rollback to savepoint towpath_rows; release savepoint towpath_rows";
                    self.session.batch_execute(undo).await.map_err(|error| self.lose(error))?;
                    if part.len() > 1 {
                        let middle = part.start + part.len() / 2;
                        parts.push(middle..part.end);
                        parts.push(part.start..middle);
                    } else if let Some(row) = encoded.origins.get(part.start) {
                        let (code, reason) = row_refusal(&error);
                        rejected.push(self.rejected(batch, *row, code, reason));
                    }
                }
            }
        }
        Ok(rejected)
    }

    async fn attempt(
        &mut self,
        encoded: &Encoded,
        part: Range<usize>,
        load: &Load<'_>,
    ) -> Result<Attempt, ConnectorError> {
        let sent = u64::try_from(part.len()).unwrap_or(u64::MAX);
        match self.copy_in(encoded.copy(part), load).await {
            Ok((copied, brought)) => {
                if copied == sent && (!load.counted || brought == sent) {
                    return Ok(Attempt::Done);
                }
                self.phase = Phase::Lost;
                let taken = if copied == sent { brought } else { copied };
                let shown = &self.layout.shown;
                let message = format!("`{shown}` took {taken} of {sent} rows; a trigger or a rule drops rows.");
                Err(ConnectorError::new(ErrorKind::BadData, message)
                    .advise(format!("Disable what drops rows of `{shown}`, or choose another target.")))
            }
            Err(error) if blames_rows(&error) => Ok(Attempt::Refused(error)),
            Err(error) => Err(self.lose(error)),
        }
    }

    /// Rows that the COPY took, and rows that the statements after it brought.
    async fn copy_in(&self, pieces: Vec<Bytes>, load: &Load<'_>) -> Result<(u64, u64), tokio_postgres::Error> {
        let session = &self.session;
        let mut sink = pin!(session.watched(session.client().copy_in::<_, Bytes>(load.copy.as_str())).await?);
        for piece in pieces {
            session.watched(sink.feed(piece)).await?;
        }
        let copied = session.watched(sink.finish()).await?;
        let mut brought = copied;
        for statement in load.then {
            brought = self.session.execute(statement.as_str(), &[]).await?;
        }
        if self.layout.staged {
            self.session.batch_execute(&format!("truncate {STAGE}")).await?;
        }
        Ok((copied, brought))
    }

    fn rejected(&self, batch: &Batch, row: usize, code: &str, reason: String) -> RejectedRow {
        let schema = batch.records.schema_ref();
        let fields = schema.fields().iter().zip(batch.records.columns());
        let cells = fields.map(|(field, array)| (field.name().clone(), show_cell(array, row))).collect();
        RejectedRow {
            position: format!("row {} of batch {}", row + 1, self.batches),
            code: code.to_owned(),
            reason,
            row: Some(serde_json::Value::Object(cells).to_string()),
        }
    }

    /// Whether this commit has been made before, by this run.
    fn repeats(&self, stored: Option<&Committed>, commit: &Commit) -> bool {
        stored.is_some_and(|stored| stored.run == self.request.run && stored.epoch >= commit.epoch)
    }

    /// After a lost answer: signs in anew and looks whether the commit arrived.
    async fn find_out(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        let (namespace, key) = (&self.layout.namespace, &self.request.state_key);
        // The lock is free only when the server is done with the lost session, one way or the other.
        let session = open::sign_in(&self.config, namespace, key).await?;
        let stored = state::load(&session, namespace, key, Lock::None).await?;
        match stored {
            Some(stored) if self.repeats(Some(&stored), commit) => {
                self.committed = Some(stored.clone());
                Ok(stored)
            }
            _ => Err(broke_off(format!("{}, and its rows since the last commit are gone", self.doing()))),
        }
    }

    async fn finish(&mut self, commit: &Commit, rows: u64) -> Result<Committed, ConnectorError> {
        let Layout { namespace, shown, staging, .. } = &self.layout;
        let stored = state::load(&self.session, namespace, &self.request.state_key, Lock::Update).await?;
        if let Some(stored) = stored.filter(|stored| self.repeats(Some(stored), commit)) {
            let doing = |error| failure(self.doing(), error);
            self.session.batch_execute("rollback").await.map_err(doing)?;
            if let (Some(_), true) = (staging, stored.last) {
                let drop = format!("drop table if exists {}", self.layout.table);
                self.session.batch_execute(&drop).await.map_err(doing)?;
            }
            return Ok(stored);
        }
        if let (Some(staging), true) = (staging, commit.last) {
            swap::swap(&self.session, namespace, &self.request.target.name, staging, &self.request.columns).await?;
        }
        let committed = Committed {
            run: self.request.run.clone(),
            epoch: commit.epoch,
            checkpoint: commit.checkpoint.clone(),
            last: commit.last,
            rows: self.rows_before() + rows,
        };
        state::save(&self.session, namespace, &self.request.state_key, shown, &committed).await?;
        self.session
            .batch_execute("commit")
            .await
            .map_err(|error| failure(format!("Committing to `{shown}` failed"), error))?;
        Ok(committed)
    }
}

#[async_trait]
impl Writer for PostgresWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        let Some(committed) = self.committed.clone() else { return Ok(None) };
        let name = match &self.layout.staging {
            Some(staging) if !committed.last => staging,
            _ => &self.request.target.name,
        };
        let stands = catalog::find(&self.session, &self.layout.namespace, name).await?.is_some();
        Ok(stands.then_some(committed))
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        if batch.records.num_columns() != self.layout.lanes.len() {
            let message = format!("A batch for `{}` has other columns than were announced.", self.layout.shown);
            return Err(ConnectorError::new(ErrorKind::Bug, message));
        }
        let before = self.begin().await?;
        self.batches += 1;
        let rejected = match self.request.mode.clone() {
            WriteMode::Replace | WriteMode::Append => self.write_plain(&batch).await?,
            WriteMode::Merge { key, deletes } => self.write_merged(&batch, &key, deletes).await?,
        };
        let taken = batch.records.num_rows().saturating_sub(rejected.len());
        self.phase = Phase::Open(before + u64::try_from(taken).unwrap_or(0));
        Ok(rejected)
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        if matches!(self.phase, Phase::Lost) {
            return self.find_out(&commit).await;
        }
        let rows = self.begin().await?;
        match self.finish(&commit, rows).await {
            Ok(committed) => {
                self.phase = Phase::Idle;
                self.committed = Some(committed.clone());
                Ok(committed)
            }
            Err(error) => {
                self.phase = Phase::Lost;
                Err(error)
            }
        }
    }
}
