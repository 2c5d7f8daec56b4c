//! Writing one stream: batches go into the open transaction as they come, and a commit ends it together with the checkpoint.

use arrow::array::RecordBatch;
use async_trait::async_trait;

use super::codec::decode::show_cell;
use super::codec::encode::Encoding;
use super::connect::Session;
use super::deferred::{self, Deferral, is_deferred};
use super::failure::{broke_off, failure};
use super::hand::{Hands, cut, cut_raw, shares};
use super::load::{Load, Parcel, Refused, load};
use super::merge::{self, deleted_columns};
use super::open::{self, Layout, STAGE};
use super::sql::quoted_list;
use super::state::{self, Lock};
use super::{Config, catalog, raw, swap, tailed};
use crate::connectors::{
    Batch, Commit, Committed, ConnectorError, Deletes, ErrorKind, RawForm, RawRows, RejectedRow, WriteMode,
    WriteRequest, Writer,
};

pub(super) struct PostgresWriter {
    config: Config,
    request: WriteRequest,
    layout: Layout,
    session: Session,
    phase: Phase,
    committed: Option<Committed>,
    batches: u64,
    hands: Hands,
    deferral: Deferral,
}

/// Where the transaction stands.
enum Phase {
    Idle,
    /// Rows taken since it began.
    Open(u64),
    /// The session is of no use any more; what it had not committed is gone. Whether its last commit arrived is not known.
    Lost,
}

impl PostgresWriter {
    pub(super) async fn open(config: &Config, request: WriteRequest) -> Result<Self, ConnectorError> {
        let namespace = request.target.namespace.clone().unwrap_or_else(|| config.default_namespace().to_owned());
        let session = open::sign_in(config, &namespace, &request.state_key).await?;
        let (layout, committed) = open::prepare(&session, &namespace, &request).await?;
        let deferral = if layout.bare { Deferral::Possible } else { Deferral::Never };
        Ok(Self {
            config: config.clone(),
            request,
            layout,
            session,
            phase: Phase::Idle,
            committed,
            batches: 0,
            hands: Hands::default(),
            deferral,
        })
    }

    fn doing(&self) -> String {
        format!("Writing to `{}` failed", self.layout.shown)
    }

    /// Forgets the sessions, for after such a failure nothing can be known about them.
    fn lose(&mut self) {
        self.phase = Phase::Lost;
        self.hands.drop_all();
    }

    async fn begin(&mut self) -> Result<u64, ConnectorError> {
        match self.phase {
            Phase::Open(rows) => Ok(rows),
            Phase::Lost => Err(broke_off(self.doing())),
            Phase::Idle => {
                if let Err(error) = self.session.batch_execute("begin").await {
                    self.lose();
                    return Err(failure(self.doing(), error));
                }
                self.phase = Phase::Open(0);
                Ok(0)
            }
        }
    }

    /// Rows that this run has committed.
    fn rows_before(&self) -> u64 {
        self.committed.as_ref().filter(|committed| committed.run == self.request.run).map_or(0, |state| state.rows)
    }

    /// Names of the columns that are sent with each row.
    fn sent(&self) -> Vec<&str> {
        let deferred = matches!(self.deferral, Deferral::Underway(_));
        let names = self.layout.lanes.iter().map(|lane| lane.name.as_str());
        names.filter(|name| !(deferred && is_deferred(name))).collect()
    }

    /// Which column of a batch goes where, in which form.
    fn picks(&self, names: &[&str]) -> Vec<(usize, Encoding)> {
        let lanes = self.layout.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| names.contains(&lane.name.as_str()))
            .map(|(index, lane)| (index, lane.encoding))
            .collect()
    }

    /// A COPY of these columns into the stage or, without one or past it, into the table.
    fn plan(&self, names: &[&str], past_stage: bool) -> Load {
        let staged = self.layout.staged && !past_stage;
        let table = if staged { STAGE } else { &self.layout.table };
        let lanes = self.layout.lanes.iter().filter(|lane| names.contains(&lane.name.as_str()));
        let columns = lanes.map(|lane| (lane.name.clone(), lane.standing.spelled.clone())).collect();
        let list = quoted_list(names.iter().copied());
        Load {
            copy: format!("copy {table} ({list}) from stdin (format binary)"),
            then: Vec::new(),
            counted: true,
            staged,
            shown: self.layout.shown.clone(),
            columns,
        }
    }

    async fn write_plain(&mut self, batch: &Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        let names = self.sent();
        let mut how = self.plan(&names, false);
        if how.staged {
            let lanes = || self.layout.lanes.iter().filter(|lane| names.contains(&lane.name.as_str()));
            let list = lanes().map(|lane| lane.expression.clone()).collect::<Vec<_>>().join(", ");
            let (table, names) = (&self.layout.table, quoted_list(lanes().map(|lane| lane.name.as_str())));
            how.then =
                vec![format!("insert into {table} ({names}) overriding system value select {list} from {STAGE}")];
        }
        let picks = self.picks(&names);
        let rows = batch.records.num_rows();
        // Each connection would want a stage of its own.
        let most = if self.layout.bare && !how.staged { self.request.parallelism } else { 1 };
        let count = shares(batch.records.get_array_memory_size(), most);
        if count < 2 {
            let parcel =
                Parcel::Batch { records: batch.records.clone(), picks, rows: std::iter::once(0..rows).collect() };
            let refused = load(&self.session, &parcel, &how).await?;
            return Ok(self.rejected(batch, refused));
        }
        self.hands.begin(&self.config, count).await?;
        let parcels = cut(rows, count)
            .into_iter()
            .map(|rows| Parcel::Batch { records: batch.records.clone(), picks: picks.clone(), rows: vec![rows] })
            .collect();
        let refused = self.hands.load(&self.session, parcels, &how).await?;
        Ok(self.rejected(batch, refused.into_iter().flatten().collect()))
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
        let keyless = newest.keyless.iter().map(|row| Refused {
            row: *row,
            code: "missing_key",
            reason: "The row has no value in a key column, so it cannot be merged.".to_owned(),
            column: None,
            text: None,
        });
        let mut rejected = self.rejected(batch, keyless.collect());
        let Some(statements) = self.layout.merge.clone() else {
            return Err(ConnectorError::new(ErrorKind::Bug, "A merge has no statements."));
        };
        let names = self.sent();
        let how = Load { then: statements.upsert, counted: false, ..self.plan(&names, false) };
        let records = || batch.records.clone();
        let upserts = ranges(&newest.upserts);
        let parcel = Parcel::Batch { records: records(), picks: self.picks(&names), rows: upserts };
        rejected.extend(self.rejected(batch, load(&self.session, &parcel, &how).await?));
        if !newest.deletes.is_empty() {
            let names: Vec<&str> =
                deleted_columns(&self.layout.lanes, key).iter().map(|lane| lane.name.as_str()).collect();
            let how = Load { then: statements.delete, counted: false, ..self.plan(&names, false) };
            let parcel = Parcel::Batch { records: records(), picks: self.picks(&names), rows: ranges(&newest.deletes) };
            rejected.extend(self.rejected(batch, load(&self.session, &parcel, &how).await?));
        }
        Ok(rejected)
    }

    async fn write_rows(&mut self, rows: RawRows, tail: &RecordBatch) -> Result<Vec<RejectedRow>, ConnectorError> {
        let mut names = self.sent();
        let mut rows = rows;
        let source = self.layout.lanes.iter().filter(|lane| !is_deferred(&lane.name)).count();
        if names.len() > source {
            // Metadata columns stand last, here and in the table's own column list.
            let lanes: Vec<_> = self.layout.lanes.iter().filter(|lane| is_deferred(&lane.name)).collect();
            rows = tailed::append(rows, source, &tailed::fields(tail, &lanes)?)?;
            names.sort_by_key(|name| is_deferred(name));
        }
        let fields = names.len();
        let how = self.plan(&names, true);
        let most = if self.layout.bare { self.request.parallelism } else { 1 };
        let count = shares(usize::try_from(rows.bytes()).unwrap_or(usize::MAX), most);
        let parts = cut_raw(rows, count);
        if parts.len() > 1 {
            self.hands.begin(&self.config, parts.len()).await?;
        }
        let firsts: Vec<usize> = parts.iter().map(|(first, _)| *first).collect();
        let parcels = parts.into_iter().map(|(_, rows)| Parcel::Raw { rows, fields }).collect();
        let refused = self.hands.load(&self.session, parcels, &how).await?;
        let rejected = firsts
            .into_iter()
            .zip(refused)
            .flat_map(|(first, refused)| refused.into_iter().map(move |refused| (first + refused.row, refused)));
        Ok(rejected
            .map(|(row, refused)| RejectedRow {
                position: format!("row {} of batch {}", row + 1, self.batches),
                code: refused.code.to_owned(),
                reason: refused.reason,
                row: refused.text,
            })
            .collect())
    }

    fn rejected(&self, batch: &Batch, refused: Vec<Refused>) -> Vec<RejectedRow> {
        let schema = batch.records.schema_ref();
        let one = |refused: Refused| {
            let fields = schema.fields().iter().zip(batch.records.columns());
            let cells = fields.map(|(field, array)| (field.name().clone(), show_cell(array, refused.row))).collect();
            let lane = refused.column.and_then(|column| self.layout.lanes.get(column));
            RejectedRow {
                position: format!("row {} of batch {}", refused.row + 1, self.batches),
                code: refused.code.to_owned(),
                reason: lane
                    .map_or(refused.reason.clone(), |lane| format!("Column `{}`: {}.", lane.name, refused.reason)),
                row: Some(serde_json::Value::Object(cells).to_string()),
            }
        };
        refused.into_iter().map(one).collect()
    }

    /// Leaves the metadata columns for later if that can be, and comes back on it if these rows have other values.
    async fn defer(&mut self, tail: Option<RecordBatch>) -> Result<(), ConnectorError> {
        match (&self.deferral, tail) {
            (Deferral::Possible, Some(tail)) => {
                deferred::begin(&self.session, &self.layout.table, &self.request.columns).await?;
                self.deferral = Deferral::Underway(tail);
            }
            (Deferral::Possible, None) => self.deferral = Deferral::Never,
            (Deferral::Underway(standing), Some(tail)) if *standing == tail => {}
            (Deferral::Underway(_), _) => {
                self.begin().await?;
                self.settle_hands().await?;
                self.end_deferral().await?;
            }
            (Deferral::Never, _) => {}
        }
        Ok(())
    }

    async fn end_deferral(&mut self) -> Result<(), ConnectorError> {
        if let Deferral::Underway(tail) = &self.deferral {
            deferred::finish(&self.session, &self.layout.table, &self.request.columns, tail).await?;
            self.deferral = Deferral::Never;
        }
        Ok(())
    }

    /// Commits what the further connections have written. It cannot be undone with the writer's own transaction, so until that
    /// has committed nothing may be said to stand: an interruption in between begins the replacement anew.
    async fn settle_hands(&mut self) -> Result<(), ConnectorError> {
        if !self.hands.are_open() {
            return Ok(());
        }
        let Layout { namespace, shown, .. } = &self.layout;
        let key = &self.request.state_key;
        let stored = state::load(&self.session, namespace, key, Lock::Update).await?;
        if stored.is_some_and(|stored| stored.run == self.request.run && !stored.last) {
            let failed = |error| failure(format!("Committing to `{shown}` failed"), error);
            state::forget(&self.session, namespace, key).await?;
            self.session.batch_execute("commit; begin").await.map_err(failed)?;
        }
        self.hands.commit(shown).await
    }

    /// Writes within the open transaction. A failure loses it.
    async fn write_in_turn(
        &mut self,
        rows: u64,
        tail: Option<RecordBatch>,
        work: impl AsyncFnOnce(&mut Self) -> Result<Vec<RejectedRow>, ConnectorError>,
    ) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.batches += 1;
        let done = async {
            if !matches!(self.phase, Phase::Lost) {
                self.defer(tail).await?;
            }
            let before = self.begin().await?;
            Ok((before, work(self).await?))
        };
        match done.await {
            Ok((before, rejected)) => {
                let refused = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
                self.phase = Phase::Open(before + rows.saturating_sub(refused));
                Ok(rejected)
            }
            Err(error) => {
                self.lose();
                Err(error)
            }
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
        let Layout { namespace, staging, .. } = &self.layout;
        let stored = state::load(&self.session, namespace, &self.request.state_key, Lock::Update).await?;
        if let Some(stored) = stored.filter(|stored| self.repeats(Some(stored), commit)) {
            let doing = |error| failure(self.doing(), error);
            self.session.batch_execute("rollback").await.map_err(doing)?;
            if let (Some(_), true) = (staging, stored.last) {
                let drop = format!("drop table if exists {}", self.layout.table);
                self.session.batch_execute(&drop).await.map_err(doing)?;
            }
            self.hands.drop_all();
            return Ok(stored);
        }
        self.settle_hands().await?;
        self.end_deferral().await?;
        let Layout { namespace, shown, staging, .. } = &self.layout;
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
        let rows = u64::try_from(batch.records.num_rows()).unwrap_or(u64::MAX);
        if rows == 0 {
            self.begin().await?;
            return Ok(Vec::new());
        }
        let tail = if self.deferral == Deferral::Never { None } else { deferred::tail(&batch.records) };
        let written = self.write_in_turn(rows, tail, async |writer: &mut Self| match writer.request.mode.clone() {
            WriteMode::Replace | WriteMode::Append => writer.write_plain(&batch).await,
            WriteMode::Merge { key, deletes } => writer.write_merged(&batch, &key, deletes).await,
        });
        written.await
    }

    fn takes_raw(&self) -> Option<RawForm> {
        if matches!(self.request.mode, WriteMode::Merge { .. }) {
            return None;
        }
        Some(raw::form(self.layout.lanes.iter().filter(|lane| !is_deferred(&lane.name))))
    }

    async fn write_raw(&mut self, rows: RawRows, tail: &RecordBatch) -> Result<Vec<RejectedRow>, ConnectorError> {
        let (count, same) = (rows.rows(), Some(tail.clone()));
        self.write_in_turn(count, same, async |writer: &mut Self| writer.write_rows(rows, tail).await).await
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
                self.lose();
                Err(error)
            }
        }
    }
}

/// Rows in ascending order as ranges of neighbours.
fn ranges(rows: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for row in rows {
        match ranges.last_mut().filter(|range| range.end == *row) {
            Some(range) => range.end += 1,
            None => ranges.push(*row..row + 1),
        }
    }
    ranges
}
