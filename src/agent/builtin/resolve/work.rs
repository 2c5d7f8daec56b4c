//! Changes applied to the streams that they are about.

use super::{Found, Request};
use crate::agent::builtin::condition::Expression;
use crate::agent::builtin::knowledge::Schema;
use crate::agent::builtin::link::column::Columns;
use crate::agent::builtin::treatment::{Change, Scope, Treatment};
use crate::plan::spec::{ReadSpec, StreamSpec, WriteSpec};

/// A stream's entry in the making.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub spec: StreamSpec,
    /// Somebody said how it is read.
    pub read_said: bool,
    pub write_said: bool,
    /// No row twice: a key is wanted.
    pub dedupe: bool,
    pub deletes_said: bool,
    /// How it is read where the way that was asked for is not open.
    pub otherwise: Option<ReadSpec>,
    /// It was not in the plan before.
    pub added: bool,
    /// The utterance at hand has set a filter already: what it says more narrows that.
    filtered: bool,
}

pub(super) fn apply(request: &Request<'_>, found: &Found, treatments: &[Treatment], columns: &Columns) -> Vec<Work> {
    let plan = request.draft.plan.as_ref();
    let same_source = plan.is_some_and(|plan| plan.source.connection == found.source);
    let mut works: Vec<Work> = found
        .streams
        .iter()
        .map(|chosen| {
            let before = plan
                .filter(|_| same_source)
                .and_then(|plan| plan.streams.iter().find(|stream| stream.stream == chosen.stream));
            let mut spec = before.cloned().unwrap_or_else(|| fresh(&chosen.stream));
            if chosen.target.is_some() {
                spec.target.clone_from(&chosen.target);
            }
            Work {
                spec,
                read_said: false,
                write_said: false,
                dedupe: false,
                deletes_said: false,
                otherwise: None,
                added: before.is_none() && plan.is_some(),
                filtered: false,
            }
        })
        .collect();
    for treatment in treatments {
        for work in &mut works {
            work.filtered = false;
        }
        for (scope, change) in &treatment.changes {
            for work in works.iter_mut().filter(|work| scope.covers(&work.spec.stream)) {
                let schema = columns.schemas().iter().find(|schema| schema.stream == work.spec.stream);
                work.change(change, schema, treatment);
            }
            fall_back(&mut works, scope, change, columns);
        }
    }
    works
}

/// A filter or a column that the named stream does not have, but the others do: it is theirs.
fn fall_back(works: &mut [Work], scope: &Scope, change: &Change, columns: &Columns) {
    let Scope::Of(_) = scope else { return };
    let Change::Filter(expression) = change else { return };
    let has_all =
        |stream: &str| columns.schemas().iter().any(|schema| schema.stream == stream && fits(expression, schema));
    if works.iter().any(|work| scope.covers(&work.spec.stream) && has_all(&work.spec.stream)) {
        return;
    }
    for work in works.iter_mut().filter(|work| has_all(&work.spec.stream)) {
        work.filter(expression);
    }
}

fn fits(expression: &Expression, schema: &Schema) -> bool {
    expression.columns().iter().all(|column| schema.column(column).is_some())
}

pub(super) fn fresh(stream: &str) -> StreamSpec {
    StreamSpec {
        stream: stream.to_owned(),
        target: None,
        read: ReadSpec::Full,
        cursor: None,
        lookback: None,
        null_cursor: None,
        write: None,
        key: Vec::new(),
        deletes: None,
        filter: None,
        select: Vec::new(),
        exclude: Vec::new(),
        rename: std::collections::BTreeMap::new(),
        cast: std::collections::BTreeMap::new(),
        mask: std::collections::BTreeMap::new(),
        schema_policy: None,
    }
}

impl Work {
    #[expect(clippy::too_many_lines, reason = "one kind of change after the other")]
    fn change(&mut self, change: &Change, schema: Option<&Schema>, treatment: &Treatment) {
        let own = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| schema.is_none_or(|schema| schema.column(name).is_some())).cloned().collect()
        };
        match change {
            Change::Read(read) => self.read(*read, treatment),
            Change::Otherwise(read) => self.otherwise = Some(*read),
            Change::Write(write) => {
                self.spec.write = Some(*write);
                self.write_said = true;
                if *write != WriteSpec::Merge {
                    self.spec.key.clear();
                    self.dedupe = false;
                }
            }
            Change::Dedupe => {
                self.dedupe = true;
                self.spec.write = Some(WriteSpec::Merge);
                self.write_said = true;
            }
            Change::Cursor(names) => {
                if let Some(cursor) = own(names).into_iter().next() {
                    if self.spec.read != ReadSpec::Incremental && self.otherwise != Some(ReadSpec::Incremental) {
                        self.read(ReadSpec::Incremental, treatment);
                    }
                    if self.spec.cursor.as_ref() != Some(&cursor) {
                        self.spec.null_cursor = None;
                    }
                    self.spec.cursor = Some(cursor);
                }
            }
            Change::Key(names) => {
                let key = own(names);
                if !key.is_empty() {
                    self.spec.key = key;
                    if !self.write_said || self.spec.write == Some(WriteSpec::Merge) {
                        self.spec.write = Some(WriteSpec::Merge);
                        self.write_said = true;
                    }
                }
            }
            Change::Lookback(text) => {
                if self.spec.read == ReadSpec::Full {
                    self.read(ReadSpec::Incremental, treatment);
                }
                self.spec.lookback = Some(text.clone());
            }
            Change::Deletes(deletes) => {
                self.spec.deletes = Some(*deletes);
                self.deletes_said = true;
            }
            Change::NullCursor(policy) => self.spec.null_cursor = Some(*policy),
            Change::Filter(expression) => {
                if schema.is_none_or(|schema| fits(expression, schema)) {
                    self.filter(expression);
                }
            }
            Change::NoFilter => self.spec.filter = None,
            Change::Values(values) => {
                if let Some(filter) = self.spec.filter.as_deref().and_then(|filter| revalued(filter, values)) {
                    self.spec.filter = Some(filter);
                }
            }
            Change::Swap { from, to } => {
                let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
                if let Some(filter) = self.spec.filter.as_mut().filter(|filter| filter.contains(&quoted(from))) {
                    *filter = filter.replace(&quoted(from), &quoted(to));
                }
            }
            Change::Bound(number) => {
                if let Some(filter) = self.spec.filter.as_deref().and_then(|filter| rebound(filter, number)) {
                    self.spec.filter = Some(filter);
                }
            }
            Change::Select(names) => {
                self.spec.select = own(names);
                self.spec.exclude.clear();
            }
            Change::Exclude(names) => self.exclude(own(names)),
            Change::Restore(names) => self.restore(&own(names)),
            Change::Rename(names, to) => {
                for name in own(names) {
                    if name == *to {
                        self.spec.rename.remove(&name);
                    } else {
                        self.spec.rename.insert(name, to.clone());
                    }
                }
            }
            Change::Cast(names, to) => self.spec.cast.extend(own(names).into_iter().map(|name| (name, to.clone()))),
            // `redact it instead`: whatever is masked now.
            Change::Mask(names, mask) if names.is_empty() => {
                self.spec.mask.values_mut().for_each(|kept| *kept = *mask);
            }
            Change::Mask(names, mask) => {
                // What is to be hidden is to be there.
                self.spec.exclude.retain(|left| !names.contains(left));
                self.spec.mask.extend(own(names).into_iter().map(|name| (name, *mask)));
            }
            Change::Unmask(names) if names.is_empty() => self.spec.mask.clear(),
            Change::Unmask(names) => {
                for name in names {
                    self.spec.mask.remove(name);
                }
            }
            Change::Policy(policy) => self.spec.schema_policy = Some(*policy),
        }
    }

    /// Another way of reading: what belonged to the old one goes, unless it was said for the new one.
    fn read(&mut self, read: ReadSpec, treatment: &Treatment) {
        self.read_said = true;
        if self.spec.read == read {
            return;
        }
        let usual = match self.spec.read {
            ReadSpec::Full => Some(WriteSpec::Replace),
            ReadSpec::Incremental | ReadSpec::Cdc => {
                Some(if self.spec.key.is_empty() { WriteSpec::Append } else { WriteSpec::Merge })
            }
        };
        let said_now = treatment
            .changes
            .iter()
            .any(|(_, change)| matches!(change, Change::Write(_) | Change::Dedupe | Change::Key(_)));
        if self.spec.write == usual && !said_now {
            self.spec.write = None;
            self.spec.key.clear();
        }
        self.spec.read = read;
        if read != ReadSpec::Incremental {
            self.spec.cursor = None;
            self.spec.lookback = None;
            self.spec.null_cursor = None;
        }
        if read != ReadSpec::Cdc && !self.deletes_said {
            self.spec.deletes = None;
        }
    }

    /// A further condition narrows; one on the same columns replaces the one before.
    fn filter(&mut self, expression: &Expression) {
        let text = expression.text();
        let filtered = std::mem::replace(&mut self.filtered, true);
        let Some(before) = self.spec.filter.clone() else {
            self.spec.filter = Some(text);
            return;
        };
        if before == text || before.split(" AND ").any(|part| part == text) {
            return;
        }
        let again = expression.columns().iter().all(|column| before.split(" AND ").all(|part| mentions(part, column)));
        if again && !filtered {
            self.spec.filter = Some(text);
            return;
        }
        let bracket = |text: &str| {
            if text.contains(" OR ") && !(text.starts_with('(') && text.ends_with(')')) {
                format!("({text})")
            } else {
                text.to_owned()
            }
        };
        self.spec.filter = Some(format!("{} AND {}", bracket(&before), bracket(&text)));
    }

    fn exclude(&mut self, names: Vec<String>) {
        for name in names {
            self.spec.rename.remove(&name);
            self.spec.cast.remove(&name);
            self.spec.mask.remove(&name);
            if self.spec.select.is_empty() {
                if !self.spec.exclude.contains(&name) {
                    self.spec.exclude.push(name);
                }
            } else {
                self.spec.select.retain(|kept| *kept != name);
            }
        }
    }

    fn restore(&mut self, names: &[String]) {
        self.spec.exclude.retain(|left| !names.contains(left));
        if !self.spec.select.is_empty() {
            for name in names {
                if !self.spec.select.contains(name) {
                    self.spec.select.push(name.clone());
                }
            }
        }
    }
}

/// The filter with other text values in place of its own; `None` where it compares more than one column.
fn revalued(filter: &str, values: &[String]) -> Option<String> {
    let quoted: Vec<&str> = filter.split('\'').skip(1).step_by(2).collect();
    let plain = !filter.contains(" OR ") && !filter.contains('(') && !filter.contains("''") && !filter.contains("LIKE");
    match (quoted.as_slice(), values) {
        ([one], [value]) if plain => Some(filter.replace(&format!("'{one}'"), value)),
        ([one], values) if plain && !filter.contains(" AND ") => {
            let head = filter.split('\'').next()?.trim_end();
            let (column, not) = head
                .strip_suffix('=')
                .map(|column| (column, ""))
                .or_else(|| head.strip_suffix("<>").map(|column| (column, "NOT ")))?;
            let range =
                values.iter().all(|value| value.len() == 12 && value.matches('-').count() == 2) && one.len() == 10;
            let column = column.trim_end();
            Some(match (range, values) {
                (true, [first, next]) => format!("{column} >= {first} AND {column} < {next}"),
                _ => format!("{column} {not}IN ({})", values.join(", ")),
            })
        }
        ([first, next], [one, other]) if plain && filter.contains(" AND ") => {
            Some(filter.replace(&format!("'{first}'"), one).replace(&format!("'{next}'"), other))
        }
        (_, values) if filter.contains(" IN (") && filter.ends_with(')') && !filter.contains(" AND ") => {
            let (head, _) = filter.split_once(" IN (")?;
            Some(format!("{head} IN ({})", values.join(", ")))
        }
        _ => None,
    }
}

/// The filter with its one bare number replaced; `None` where it holds none or several.
fn rebound(filter: &str, number: &str) -> Option<String> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut open: Option<usize> = None;
    for (at, letter) in filter.char_indices().chain(std::iter::once((filter.len(), ' '))) {
        let digit = quote.is_none() && (letter.is_ascii_digit() || letter == '.' && open.is_some());
        let word = before.is_alphanumeric() || before == '_';
        match (open, digit) {
            (None, true) if !word => open = Some(at),
            (Some(from), false) => {
                places.push((from, at));
                open = None;
            }
            _ => {}
        }
        match quote {
            Some(mark) if mark == letter => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            _ => {}
        }
        before = letter;
    }
    let [(from, to)] = places.as_slice() else { return None };
    Some(format!("{}{number}{}", filter.get(..*from)?, filter.get(*to..)?))
}

/// Whether a filter's text names a column.
fn mentions(filter: &str, column: &str) -> bool {
    filter.match_indices(column).any(|(at, _)| {
        let inside = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !inside(filter.get(..at).and_then(|text| text.chars().next_back()))
            && !inside(filter.get(at + column.len()..).and_then(|text| text.chars().next()))
    })
}
