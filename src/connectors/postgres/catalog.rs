//! What the server's catalog says about tables, columns, keys and privileges.

use tokio_postgres::Row;

use super::connect::Session;
use super::data_type::{PgType, Wire};
use super::failure::failure;
use super::sql::quote;
use super::{FAMILY, NumericColumns, land};
use crate::connectors::{Column, ColumnType, ConnectorError, ErrorKind, LogicalType, StreamSummary};

/// A table, view or anything else that rows can be selected from.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) oid: u32,
    /// `pg_class.relkind`: `r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign.
    pub(super) kind: char,
    pub(super) summary: StreamSummary,
}

/// A column as the catalog has it.
#[derive(Clone, Debug)]
pub(super) struct PgColumn {
    pub(super) name: String,
    pub(super) data_type: PgType,
    pub(super) not_null: bool,
    pub(super) generated: bool,
    pub(super) indexed: bool,
    pub(super) comment: Option<String>,
    selectable: bool,
}

const RELATIONS: &str = "select c.oid, n.nspname::text, c.relname::text, c.relkind::text, \
     coalesce(has_schema_privilege(n.oid, 'usage') and (has_table_privilege(c.oid, 'select') \
       or has_any_column_privilege(c.oid, 'select')), false), \
     obj_description(c.oid, 'pg_class'), \
     case when c.relkind = 'p' then p.rows when c.relkind in ('r', 'm') and c.reltuples >= 0 \
       then c.reltuples::float8 end, \
     case when c.relkind = 'p' then p.pages when c.relkind in ('r', 'm') then c.relpages + coalesce(o.relpages, 0) \
       end::int8 * current_setting('block_size')::int8 \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     left join pg_class o on o.oid = c.reltoastrelid \
     left join lateral (select case when min(l.reltuples) >= 0 then sum(l.reltuples)::float8 end as rows, \
       sum(l.relpages)::int8 as pages from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid \
       where t.isleaf) p on c.relkind = 'p' \
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't' \
     and n.nspname <> 'information_schema' and left(n.nspname, 3) <> 'pg_'";

/// Everything that can be read from, in these schemas or in all; partitions stand under their parent's name.
pub(super) async fn list(session: &Session, schemas: &[String]) -> Result<Vec<StreamSummary>, ConnectorError> {
    let query = format!(
        "{RELATIONS} and not c.relispartition and left(c.relname, 9) <> '_towpath_' \
         and (cardinality($1::text[]) = 0 or n.nspname = any ($1)) order by n.nspname, c.relname"
    );
    let rows = session.query(&query, &[&schemas]).await.map_err(|error| failure("Listing tables failed", error))?;
    Ok(rows.iter().map(|row| relation_of(row).summary).collect())
}

/// The one that a plan names as `schema.table`.
pub(super) async fn relation(session: &Session, stream: &str) -> Result<Relation, ConnectorError> {
    let found =
        relations(session, &format!("{RELATIONS} and n.nspname || '.' || c.relname = $1 limit 2"), stream).await?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(ConnectorError::new(ErrorKind::NotFound, format!("There is no table or view `{stream}`."))),
        _ => Err(ConnectorError::new(
            ErrorKind::BadData,
            format!("`{stream}` names two tables, since a schema or table name holds a dot."),
        )),
    }
}

/// As [`relation`], and the account may read it.
pub(super) async fn readable(session: &Session, stream: &str) -> Result<Relation, ConnectorError> {
    let relation = relation(session, stream).await?;
    if relation.summary.readable {
        return Ok(relation);
    }
    Err(ConnectorError::new(ErrorKind::Permission, format!("This user may not read `{stream}`."))
        .advise(format!("Grant `select` on `{stream}`, and `usage` on its schema, then retry.")))
}

/// What stands under this schema and name, if anything does.
pub(super) async fn find(session: &Session, namespace: &str, name: &str) -> Result<Option<Relation>, ConnectorError> {
    let found = session
        .query(&format!("{RELATIONS} and n.nspname = $1 and c.relname = $2"), &[&namespace, &name])
        .await
        .map_err(|error| failure(format!("Looking for `{namespace}.{name}` failed"), error))?;
    Ok(found.first().map(relation_of))
}

async fn relations(session: &Session, query: &str, stream: &str) -> Result<Vec<Relation>, ConnectorError> {
    let rows = session
        .query(query, &[&stream])
        .await
        .map_err(|error| failure(format!("Looking for `{stream}` failed"), error))?;
    Ok(rows.iter().map(relation_of).collect())
}

fn relation_of(row: &Row) -> Relation {
    let (namespace, name): (String, String) = (row.get(1), row.get(2));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, and never negative")]
    let rows = row.get::<_, Option<f64>>(6).map(|rows| rows as u64);
    Relation {
        oid: row.get(0),
        kind: letter(row, 3),
        summary: StreamSummary {
            stream: format!("{namespace}.{name}"),
            namespace: Some(namespace),
            name,
            rows,
            bytes: row.get::<_, Option<i64>>(7).and_then(|bytes| u64::try_from(bytes).ok()),
            comment: row.get(5),
            readable: row.get(4),
        },
    }
}

fn letter(row: &Row, index: usize) -> char {
    row.get::<_, &str>(index).chars().next().unwrap_or_default()
}

const COLUMNS: &str = "with recursive base as ( \
       select a.attnum, a.atttypid as oid, a.atttypmod as modifier from pg_attribute a \
       where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped \
       union all select b.attnum, t.typbasetype, case when t.typtypmod <> -1 then t.typtypmod else b.modifier end \
       from base b join pg_type t on t.oid = b.oid where t.typtype = 'd') \
     select a.attname::text, t.oid, b.modifier, t.typtype::text, t.typcategory::text, \
       format_type(t.oid, b.modifier), format_type(t.oid, -1), \
       exists (select from pg_cast k where k.castsource = t.oid and k.casttarget = 'text'::regtype \
         and k.castmethod = 'f'), \
       a.attnotnull, a.attgenerated <> '', col_description(a.attrelid, a.attnum), \
       coalesce(x.first, false), has_column_privilege(a.attrelid, a.attnum, 'select') \
     from pg_attribute a join base b on b.attnum = a.attnum join pg_type t on t.oid = b.oid and t.typtype <> 'd' \
     left join (select indkey[0] as attnum, true as first from pg_index \
       where indrelid = $1 and indisvalid and indpred is null group by 1) x on x.attnum = a.attnum \
     where a.attrelid = $1 order by a.attnum";

/// The columns that the account may select, in the table's order.
pub(super) async fn columns(session: &Session, relation: &Relation) -> Result<Vec<PgColumn>, ConnectorError> {
    let mut columns = all_columns(session, relation).await?;
    columns.retain(|column| column.selectable);
    Ok(columns)
}

/// Every column, in the table's order.
pub(super) async fn all_columns(session: &Session, relation: &Relation) -> Result<Vec<PgColumn>, ConnectorError> {
    let doing = || format!("Describing `{}` failed", relation.summary.stream);
    let rows = session.query(COLUMNS, &[&relation.oid]).await.map_err(|error| failure(doing(), error))?;
    Ok(rows
        .iter()
        .map(|row| PgColumn {
            name: row.get(0),
            data_type: PgType {
                oid: row.get(1),
                modifier: row.get(2),
                form: letter(row, 3),
                category: letter(row, 4),
                spelled: row.get(5),
                bare: row.get(6),
                own_text_cast: row.get(7),
            },
            not_null: row.get(8),
            generated: row.get(9),
            comment: row.get(10),
            indexed: row.get(11),
            selectable: row.get(12),
        })
        .collect())
}

/// Column names of each unique index that vouches for whole rows, the primary key first.
pub(super) async fn unique_keys(session: &Session, relation: &Relation) -> Result<Vec<UniqueKey>, ConnectorError> {
    let rows = session
        .query(
            "select i.indisprimary, array_agg(a.attname::text order by k.place) \
             from pg_index i cross join lateral unnest(i.indkey::int2[]) with ordinality k (attnum, place) \
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum \
             where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null \
             and i.indexprs is null and k.place <= i.indnkeyatts \
             group by i.indexrelid, i.indisprimary order by i.indisprimary desc, i.indexrelid",
            &[&relation.oid],
        )
        .await
        .map_err(|error| failure(format!("Describing `{}` failed", relation.summary.stream), error))?;
    Ok(rows.iter().map(|row| UniqueKey { primary: row.get(0), columns: row.get(1) }).collect())
}

/// A unique index over plain columns.
#[derive(Clone, Debug)]
pub(super) struct UniqueKey {
    pub(super) primary: bool,
    pub(super) columns: Vec<String>,
}

impl PgColumn {
    pub(super) fn column(&self, numeric: NumericColumns) -> Column {
        let data_type = ColumnType::new(self.data_type.logical(numeric), FAMILY, self.data_type.spelled.clone());
        Column {
            comment: self.comment.clone(),
            indexed: self.indexed,
            generated: self.generated,
            ..Column::new(&self.name, data_type, !self.not_null)
        }
    }

    /// How to select this column so that it arrives as the logical type wanted, and the form in which it arrives.
    pub(super) fn projection(&self, wanted: &LogicalType) -> (String, Wire) {
        let name = quote(&self.name);
        if let Some(wire) = self.data_type.wire()
            && carries(wire, wanted)
        {
            return (name, wire);
        }
        let cast = land::land(&ColumnType::new(wanted.clone(), "", "")).target_type;
        match wanted {
            LogicalType::Boolean => (format!("{name}::boolean"), Wire::Bool),
            LogicalType::Int8 | LogicalType::UInt8 | LogicalType::Int16 => (format!("{name}::smallint"), Wire::Int2),
            LogicalType::UInt16 | LogicalType::Int32 => (format!("{name}::integer"), Wire::Int4),
            LogicalType::UInt32 | LogicalType::Int64 => (format!("{name}::bigint"), Wire::Int8),
            LogicalType::Float32 => (format!("{name}::real"), Wire::Float4),
            LogicalType::Float64 => (format!("{name}::double precision"), Wire::Float8),
            LogicalType::UInt64 | LogicalType::Decimal { .. } => (format!("{name}::numeric"), Wire::Numeric(None)),
            LogicalType::Binary => (format!("{name}::bytea"), Wire::Bytea),
            LogicalType::Date => (format!("{name}::date"), Wire::Date),
            LogicalType::Time => (format!("{name}::time"), Wire::Time(6)),
            LogicalType::Timestamp { zoned, .. } => {
                (format!("{name}::{cast}"), Wire::Timestamp { zoned: *zoned, digits: 6 })
            }
            LogicalType::Numeric
            | LogicalType::Text
            | LogicalType::Uuid
            | LogicalType::Json
            | LogicalType::Interval
            | LogicalType::Enum
            | LogicalType::Array
            | LogicalType::Other => (self.as_text(), Wire::Text(None)),
        }
    }

    /// The type's own output form. `format` is used where a cast to text is something else.
    fn as_text(&self) -> String {
        let name = quote(&self.name);
        if self.data_type.own_text_cast {
            format!("case when {name} is distinct from null then pg_catalog.format('%s', {name}) end")
        } else {
            format!("{name}::text")
        }
    }
}

/// Whether the decoder reads this form as that type.
fn carries(wire: Wire, wanted: &LogicalType) -> bool {
    use LogicalType as L;
    match wire {
        Wire::Bool => matches!(wanted, L::Boolean),
        Wire::Int2 | Wire::Int4 | Wire::Int8 => {
            matches!(wanted, L::Int8 | L::Int16 | L::Int32 | L::Int64 | L::UInt8 | L::UInt16 | L::UInt32 | L::UInt64)
        }
        Wire::Float4 => matches!(wanted, L::Float32),
        Wire::Float8 => matches!(wanted, L::Float64),
        Wire::Numeric(_) => matches!(wanted, L::Numeric | L::Decimal { .. } | L::UInt64 | L::Text),
        Wire::Text(_) | Wire::Json | Wire::Jsonb => {
            matches!(wanted, L::Text | L::Json | L::Uuid | L::Numeric | L::Interval | L::Enum | L::Array | L::Other)
        }
        Wire::Uuid => matches!(wanted, L::Uuid | L::Text),
        Wire::Bytea => matches!(wanted, L::Binary),
        Wire::Date => matches!(wanted, L::Date),
        Wire::Time(_) => matches!(wanted, L::Time),
        Wire::Timestamp { zoned, .. } => matches!(wanted, L::Timestamp { zoned: want, .. } if *want == zoned),
    }
}
