//! Whether a stream still is what the plan was made for, and what the plan's policy makes of it.

use super::failure::Failure;
use crate::connectors::{Column, ErrorKind, LogicalType, StreamSchema};
use crate::plan::resolution::ResolvedStream;
use crate::plan::spec::{SchemaPolicy, StreamSpec};

/// Which columns that the plan does not know it would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Additions {
    /// The plan names its columns.
    None,
    /// All but these.
    AllBut(Vec<String>),
}

impl Additions {
    /// As the plan's own text says.
    pub(super) fn of(spec: Option<&StreamSpec>) -> Self {
        match spec {
            Some(spec) if spec.select.is_empty() => Self::AllBut(spec.exclude.clone()),
            _ => Self::None,
        }
    }
}

/// What became of a stream since its plan.
#[derive(Debug)]
pub(super) struct Drift {
    /// New columns that the policy takes.
    pub(super) added: Vec<Column>,
    pub(super) notes: Vec<String>,
}

/// Holds a stream against its plan.
pub(super) fn drift(stream: &ResolvedStream, now: &StreamSchema, additions: &Additions) -> Result<Drift, Failure> {
    let mut broken = Vec::new();
    let mut notes = Vec::new();
    for planned in &stream.columns {
        let planned = &planned.source;
        match now.column(&planned.name) {
            None => broken.push(format!("the column `{}` is gone", planned.name)),
            Some(column) if is_other_type(planned, column) => broken.push(format!(
                "the column `{}` was `{}` and is `{}`",
                planned.name, planned.data_type.spelled, column.data_type.spelled
            )),
            Some(column) if column.data_type.spelled != planned.data_type.spelled => notes.push(format!(
                "The type of column `{}` is now spelled `{}`; the plan knew it as `{}`.",
                planned.name, column.data_type.spelled, planned.data_type.spelled
            )),
            Some(_) => {}
        }
    }
    let new: Vec<&Column> = now
        .columns
        .iter()
        .filter(|column| !stream.columns.iter().any(|planned| planned.source.name == column.name))
        .filter(|column| matches!(additions, Additions::AllBut(excluded) if !excluded.contains(&column.name)))
        .collect();
    if stream.schema_policy == SchemaPolicy::Pause {
        broken.extend(new.iter().map(|column| format!("the column `{}` is new", column.name)));
    }
    if !broken.is_empty() {
        let message = format!("`{}` is no longer what the plan was made for: {}.", stream.stream, broken.join("; "));
        return Err(Failure::new(ErrorKind::BadData, message)
            .advise("Revise the plan so that it fits the source as it is now, then confirm it. No row was read."));
    }
    let added = match stream.schema_policy {
        SchemaPolicy::Evolve => new.into_iter().cloned().collect(),
        SchemaPolicy::Freeze | SchemaPolicy::Pause => {
            notes.extend(new.iter().map(|column| {
                format!("The source has a new column `{}`, which the plan's policy leaves out.", column.name)
            }));
            Vec::new()
        }
    };
    Ok(Drift { added, notes })
}

/// The meaning changed, or, where only the system's own text carries the values, the type as spelled.
fn is_other_type(planned: &Column, now: &Column) -> bool {
    planned.data_type.logical != now.data_type.logical
        || (matches!(planned.data_type.logical, LogicalType::Array | LogicalType::Other)
            && planned.data_type.spelled != now.data_type.spelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::{ColumnType, Fidelity, StreamSummary, TargetName};
    use crate::plan::resolution::{ResolvedColumn, ResolvedRead, ResolvedWrite};

    fn column(name: &str, logical: LogicalType, spelled: &str) -> Column {
        Column::new(name, ColumnType::new(logical, "memory", spelled), true)
    }

    fn planned(policy: SchemaPolicy) -> ResolvedStream {
        let resolved = |source: Column| ResolvedColumn {
            target: source.name.clone(),
            written: source.clone(),
            source,
            target_type: "text".to_owned(),
            fidelity: Fidelity::Exact,
            note: None,
            mask: None,
            cast: None,
        };
        ResolvedStream {
            stream: "orders".to_owned(),
            target: TargetName { namespace: None, name: "orders".to_owned() },
            read: ResolvedRead::Full,
            write: ResolvedWrite::Replace,
            filter: None,
            columns: vec![
                resolved(column("id", LogicalType::Int64, "bigint")),
                resolved(column("name", LogicalType::Text, "varchar(20)")),
            ],
            schema_policy: policy,
            rows: None,
            bytes: None,
        }
    }

    fn now(columns: Vec<Column>) -> StreamSchema {
        let summary = StreamSummary {
            stream: "orders".to_owned(),
            namespace: None,
            name: "orders".to_owned(),
            rows: None,
            bytes: None,
            comment: None,
            readable: true,
        };
        StreamSchema { summary, columns, primary_key: Vec::new() }
    }

    #[test]
    fn a_new_column_is_taken_left_out_or_stops_the_run_as_the_policy_says() {
        let id = column("id", LogicalType::Int64, "bigint");
        let name = column("name", LogicalType::Text, "varchar(20)");
        let schema = now(vec![id, name, column("extra", LogicalType::Text, "text")]);
        let all = Additions::AllBut(Vec::new());
        let evolved = drift(&planned(SchemaPolicy::Evolve), &schema, &all).unwrap();
        assert_eq!(evolved.added.len(), 1);
        let frozen = drift(&planned(SchemaPolicy::Freeze), &schema, &all).unwrap();
        assert!(frozen.added.is_empty() && frozen.notes[0].contains("`extra`"));
        let paused = drift(&planned(SchemaPolicy::Pause), &schema, &all).unwrap_err();
        assert!(paused.error.message.contains("`extra` is new"), "{}", paused.error.message);
        for none in [Additions::None, Additions::AllBut(vec!["extra".to_owned()])] {
            for policy in [SchemaPolicy::Evolve, SchemaPolicy::Pause] {
                assert!(drift(&planned(policy), &schema, &none).unwrap().added.is_empty());
            }
        }
    }

    #[test]
    fn a_column_that_went_or_means_something_else_stops_the_run_under_every_policy() {
        let schema = now(vec![column("id", LogicalType::Text, "text")]);
        for policy in [SchemaPolicy::Evolve, SchemaPolicy::Freeze, SchemaPolicy::Pause] {
            let refused = drift(&planned(policy), &schema, &Additions::None).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::BadData);
            let message = &refused.error.message;
            assert!(message.contains("`id` was `bigint` and is `text`"), "{message}");
            assert!(message.contains("`name` is gone"), "{message}");
        }
    }

    #[test]
    fn a_wider_spelling_is_noted() {
        let schema =
            now(vec![column("id", LogicalType::Int64, "bigint"), column("name", LogicalType::Text, "varchar(40)")]);
        let noted = drift(&planned(SchemaPolicy::Evolve), &schema, &Additions::None).unwrap();
        assert!(noted.notes[0].contains("varchar(40)"));
    }
}
