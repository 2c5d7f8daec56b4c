//! CSV as RFC 4180 has it, with two things that readers usually lose kept apart: an unquoted empty field (NULL) and `""`
//! (the empty text); and a broken row, which is told with its line number and costs no other row.

use std::collections::VecDeque;
use std::io::BufRead;

use memchr::{memchr, memchr_iter, memchr3};

/// A quoted field may span lines, up to this many bytes of one row; beyond it the opening quote is taken to be a mistake.
const ROW_LIMIT: usize = 16 * 1024 * 1024;

/// One row, reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The row as it stands in the file, with its line end.
    pub(super) raw: Vec<u8>,
    /// The line that the row begins on, from 1.
    pub(super) line: u64,
    /// Why the row cannot be read; its fields mean nothing then.
    pub(super) fault: Option<&'static str>,
    /// The fields without quotes and delimiters, unless the row has no quotes at all: then they are parts of `raw`.
    values: Vec<u8>,
    ends: Vec<(usize, bool)>,
    plain: bool,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field's bytes, and whether it was quoted.
    pub(super) fn field(&self, index: usize) -> Option<(&[u8], bool)> {
        let (end, quoted) = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before)).map(|(end, _)| *end);
        if self.plain {
            return Some((self.raw.get(before.map_or(0, |end| end + 1)..end)?, false));
        }
        Some((self.values.get(before.unwrap_or(0)..end)?, quoted))
    }

    /// Nothing but a line end.
    pub(super) fn is_blank(&self) -> bool {
        self.ends.len() == 1 && self.ends.first() == Some(&(0, false))
    }
}

/// Rows of one file, in order.
pub(super) struct Records<R> {
    input: R,
    delimiter: u8,
    line: u64,
    /// Lines read ahead under an opening quote that was never closed.
    pending: VecDeque<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote inside a quoted field: its end, or half of an escaped quote.
    Closing,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, line: 0, pending: VecDeque::new() }
    }

    /// Reads the next row. `false` at the end of the file.
    pub(super) fn next(&mut self, record: &mut Record) -> std::io::Result<bool> {
        record.raw.clear();
        record.values.clear();
        record.ends.clear();
        record.fault = None;
        record.plain = false;
        record.line = self.line + 1;
        let mut state = State::FieldStart;
        let mut first_line_end = 0;
        let mut lines = 0;
        loop {
            let start = record.raw.len();
            if !self.read_line(&mut record.raw)? {
                if lines == 0 {
                    return Ok(false);
                }
                self.give_back(record, first_line_end);
                return Ok(true);
            }
            lines += 1;
            if lines == 1 {
                first_line_end = record.raw.len();
                if record.line == 1 && record.raw.starts_with(b"\xEF\xBB\xBF") {
                    record.raw.drain(..3);
                    first_line_end -= 3;
                }
            }
            state = parse_line(record, start, state, self.delimiter);
            // A row that goes wrong after its first line most likely began with a quote that was never meant to span lines.
            let astray = record.fault.is_some() && lines > 1;
            if state != State::Quoted && !astray {
                self.line += lines;
                return Ok(true);
            }
            if astray || record.raw.len() > ROW_LIMIT {
                self.give_back(record, first_line_end);
                return Ok(true);
            }
        }
    }

    /// A quote was opened and never closed: only the line it stands on is broken, the others are read again.
    fn give_back(&mut self, record: &mut Record, first_line_end: usize) {
        let rest = record.raw.split_off(first_line_end);
        let lines: Vec<Vec<u8>> = rest.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for line in lines.into_iter().rev() {
            self.pending.push_front(line);
        }
        record.fault = Some("a quote is opened and never closed");
        self.line += 1;
    }

    fn read_line(&mut self, to: &mut Vec<u8>) -> std::io::Result<bool> {
        if let Some(line) = self.pending.pop_front() {
            to.extend_from_slice(&line);
            return Ok(true);
        }
        Ok(self.input.read_until(b'\n', to)? > 0)
    }
}

/// Reads the bytes of one line from `start` on, in the state that the line before left.
fn parse_line(record: &mut Record, start: usize, mut state: State, delimiter: u8) -> State {
    let Record { raw, values, ends, fault, plain, .. } = record;
    if start == 0 && state == State::FieldStart && memchr(b'"', raw).is_none() {
        *plain = true;
        let line = raw.strip_suffix(b"\n").unwrap_or(raw);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        ends.extend(memchr_iter(delimiter, line).map(|end| (end, false)));
        ends.push((line.len(), false));
        return State::Unquoted;
    }
    let mut quoted = state == State::Quoted;
    let mut position = start;
    while let Some((byte, rest)) = raw.get(position..).and_then(<[u8]>::split_first) {
        if state == State::Quoted {
            let run = memchr(b'"', raw.get(position..).unwrap_or_default());
            let end = run.map_or(raw.len(), |run| position + run);
            values.extend_from_slice(raw.get(position..end).unwrap_or_default());
            if run.is_some() {
                state = State::Closing;
            }
            position = end + 1;
            continue;
        }
        let byte = *byte;
        position += 1;
        let ends_line = byte == b'\n' || byte == b'\r' && matches!(rest.first(), Some(b'\n') | None);
        match state {
            State::Closing if byte == b'"' => {
                values.push(b'"');
                state = State::Quoted;
            }
            _ if ends_line => break,
            _ if byte == delimiter => {
                ends.push((values.len(), quoted));
                quoted = false;
                state = State::FieldStart;
            }
            State::FieldStart if byte == b'"' => {
                quoted = true;
                state = State::Quoted;
            }
            State::FieldStart | State::Unquoted | State::Quoted => {
                let run = memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
                values.push(byte);
                values.extend_from_slice(rest.get(..run).unwrap_or_default());
                position += run;
                state = State::Unquoted;
            }
            State::Closing => {
                *fault = Some("text follows the closing quote of a field");
                state = State::Unquoted;
            }
        }
    }
    if state != State::Quoted {
        ends.push((values.len(), quoted));
    }
    state
}

/// Writes one field so that [`Records`] reads the same: `None` is an unquoted empty field.
pub(super) fn write_field(to: &mut Vec<u8>, value: Option<&str>) {
    let Some(value) = value else { return };
    if value.is_empty()
        || value.contains(['"', ',', '\n', '\r'])
        || value.starts_with(' ')
        || value.ends_with(' ')
        || value.starts_with('\u{feff}')
    {
        to.push(b'"');
        for byte in value.bytes() {
            if byte == b'"' {
                to.push(b'"');
            }
            to.push(byte);
        }
        to.push(b'"');
    } else {
        to.extend_from_slice(value.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = Result<Vec<Option<String>>, (&'static str, u64)>;

    fn read(text: &[u8]) -> Vec<Row> {
        let mut records = Records::new(text, b',');
        let mut record = Record::default();
        let mut rows = Vec::new();
        while records.next(&mut record).unwrap() {
            rows.push(match record.fault {
                Some(fault) => Err((fault, record.line)),
                None => Ok((0..record.len())
                    .map(|index| {
                        let (bytes, quoted) = record.field(index).unwrap();
                        (quoted || !bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
                    })
                    .collect()),
            });
        }
        rows
    }

    #[expect(clippy::unnecessary_wraps, reason = "rows are compared as results")]
    fn row(fields: &[Option<&str>]) -> Row {
        Ok(fields.iter().map(|field| field.map(str::to_owned)).collect())
    }

    #[test]
    fn null_and_empty_text_stay_apart_and_quotes_span_lines() {
        assert_eq!(
            read(b"\xEF\xBB\xBFa,,\"\"\r\n\"x\r\n\"\"y\"\"\",2,3"),
            [row(&[Some("a"), None, Some("")]), row(&[Some("x\r\n\"y\""), Some("2"), Some("3")])]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_line_only() {
        let rows = read(b"1,a\n2,\"b\n3,c\n4,d\n");
        assert_eq!(
            rows,
            [
                row(&[Some("1"), Some("a")]),
                Err(("a quote is opened and never closed", 2)),
                row(&[Some("3"), Some("c")]),
                row(&[Some("4"), Some("d")])
            ]
        );
    }

    #[test]
    fn text_after_a_closing_quote_is_told_with_its_line() {
        assert_eq!(
            read(b"1\n\"a\"b\n2\n"),
            [row(&[Some("1")]), Err(("text follows the closing quote of a field", 2)), row(&[Some("2")])]
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(rows in prop::collection::vec(prop::collection::vec(prop::option::of("(?s).{0,6}|[\",\r\n a]{0,6}"), 3), 0..20)) {
            let mut text = Vec::new();
            for row in &rows {
                for (index, field) in row.iter().enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    write_field(&mut text, field.as_deref());
                }
                text.push(b'\n');
            }
            prop_assert_eq!(read(&text), rows.into_iter().map(Ok).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic_or_lose_a_line(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\xFF".to_vec()), 0..200)) {
            let mut records = Records::new(bytes.as_slice(), b',');
            let mut record = Record::default();
            let mut total = 0;
            while records.next(&mut record).unwrap() {
                total += record.raw.len();
            }
            prop_assert_eq!(total, bytes.len());
        }
    }
}
