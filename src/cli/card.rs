//! A plan on the terminal, as a person reads it before saying yes.

use super::terminal::{
    Align::{Left, Right},
    Terminal, count, printable, size,
};
use crate::events::{ColumnView, EndpointView, PlanView, ProblemView, StreamView};

/// Columns shown per stream before the rest is summed up.
const COLUMNS: usize = 12;

/// Prints the plan: what goes where, how, what that does, what was assumed and what to watch.
pub(super) fn show(terminal: &Terminal, view: &PlanView, digest: &str) {
    terminal.line("");
    terminal.line(&format!("  {}  {}", terminal.accent("PLAN"), terminal.bold(&printable(&view.name))));
    terminal.line(&format!(
        "  {}  {}  {}",
        endpoint(terminal, &view.source),
        terminal.accent("──▶"),
        endpoint(terminal, &view.destination)
    ));
    terminal.line("");
    streams(terminal, &view.streams);
    for stream in &view.streams {
        mapping(terminal, stream);
    }
    section(
        terminal,
        "What will happen",
        view.effects.iter().map(|effect| {
            let kind = format!("{:<8}", effect.kind);
            let kind = if effect.destructive { terminal.bad(&kind) } else { terminal.accent(&kind) };
            format!("{kind} {}", printable(&effect.text))
        }),
    );
    section(
        terminal,
        "Measured",
        view.streams.iter().flat_map(|stream| {
            stream.evidence.iter().map(|evidence| {
                let text = printable(&evidence.text);
                if evidence.text.contains(&stream.stream) {
                    text
                } else {
                    format!("{}: {text}", printable(&stream.stream))
                }
            })
        }),
    );
    section(terminal, "Taken for granted", view.assumptions.iter().map(|assumption| printable(&assumption.text)));
    section(terminal, "Watch out", view.warnings.iter().map(|warning| warned(terminal, warning)));
    if let Some(schedule) = &view.schedule {
        let next = schedule.next.iter().map(|at| at.format("%a %-d %b %H:%M UTC").to_string());
        let mut lines = vec![schedule.text.clone(), format!("next: {}", next.collect::<Vec<_>>().join(", "))];
        lines.extend(schedule.note.clone());
        section(terminal, "Schedule", lines);
    }
    section(
        terminal,
        "Data that would be lost",
        view.destructive.iter().map(|target| terminal.bad(&format!("the rows of {} are replaced", printable(target)))),
    );
    let mut totals = Vec::new();
    totals.extend(view.rows.map(|rows| format!("{} rows", count(rows))));
    totals.extend(view.bytes.map(size));
    totals.extend(view.estimated_seconds.map(|estimate| {
        if estimate < 90 {
            format!("about {} s", estimate.max(1))
        } else {
            format!("about {} min", estimate.div_ceil(60))
        }
    }));
    if !totals.is_empty() {
        terminal.line(&format!("  {}", totals.join(" · ")));
    }
    terminal.line(&format!("  {}", terminal.dim(&format!("digest {digest}"))));
    terminal.line("");
}

fn endpoint(terminal: &Terminal, endpoint: &EndpointView) -> String {
    let namespace = endpoint.namespace.as_deref().map(|name| format!(" / {}", printable(name))).unwrap_or_default();
    format!(
        "{}{namespace} {}",
        terminal.bold(&printable(&endpoint.connection)),
        terminal.dim(&format!("({})", endpoint.connector))
    )
}

fn streams(terminal: &Terminal, streams: &[StreamView]) {
    let mut rows = Vec::new();
    for stream in streams {
        let read = match &stream.cursor {
            Some(cursor) => format!("{} by {}", stream.read, printable(cursor)),
            None => stream.read.clone(),
        };
        let write = if stream.key.is_empty() {
            stream.write.clone()
        } else {
            format!("{} by {}", stream.write, printable(&stream.key.join(", ")))
        };
        rows.push(vec![
            printable(&stream.stream),
            printable(&stream.target),
            read,
            write,
            stream.rows.map_or_else(|| "?".to_owned(), count),
            fidelity(&stream.columns),
        ]);
    }
    let head = ["STREAM", "TARGET", "READ", "WRITE", "ROWS", "COLUMNS"];
    terminal.table(&[Left, Left, Left, Left, Right, Left], &head, &rows);
    for stream in streams {
        if let Some(filter) = &stream.filter {
            terminal.line(&format!("  only rows of {} where {}", printable(&stream.stream), printable(filter)));
        }
    }
    terminal.line("");
}

/// `9: 7 exact, 2 lossless`.
fn fidelity(columns: &[ColumnView]) -> String {
    let verdicts = ["exact", "lossless", "lossy"].into_iter().filter_map(|verdict| {
        let number = columns.iter().filter(|column| column.verdict == verdict).count();
        (number > 0).then(|| format!("{number} {verdict}"))
    });
    let verdicts: Vec<_> = verdicts.collect();
    if verdicts.is_empty() { columns.len().to_string() } else { verdicts.join(", ") }
}

fn mapping(terminal: &Terminal, stream: &StreamView) {
    terminal.line(&format!("  {}", terminal.bold(&format!("Columns of {}", printable(&stream.stream)))));
    let rows: Vec<Vec<String>> = stream
        .columns
        .iter()
        .take(COLUMNS)
        .map(|column| {
            let verdict = match column.verdict.as_str() {
                "lossy" => terminal.warn(&column.verdict),
                _ => terminal.good(&column.verdict),
            };
            let notes: Vec<String> = column.change.iter().chain(&column.note).map(|note| printable(note)).collect();
            let target =
                if column.target == column.source { String::new() } else { format!("{} ", printable(&column.target)) };
            vec![
                format!("  {}", printable(&column.source)),
                printable(&column.source_type),
                terminal.dim("→"),
                format!("{target}{}", printable(&column.target_type)),
                verdict,
                terminal.dim(&notes.join("; ")),
            ]
        })
        .collect();
    terminal.table(&[Left; 6], &[], &rows);
    if let Some(more) = stream.columns.len().checked_sub(COLUMNS).filter(|more| *more > 0) {
        terminal.line(&format!("    {}", terminal.dim(&format!("and {more} more"))));
    }
    terminal.line("");
}

fn section(terminal: &Terminal, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    terminal.line(&format!("  {}", terminal.bold(title)));
    for line in lines {
        terminal.line(&format!("    {line}"));
    }
    terminal.line("");
}

fn warned(terminal: &Terminal, warning: &ProblemView) -> String {
    let suggestion = warning.suggestion.as_ref().map(|text| format!(" {text}")).unwrap_or_default();
    format!("{} {}{}", terminal.warn("!"), printable(&warning.message), terminal.dim(&suggestion))
}
