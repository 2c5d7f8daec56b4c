//! Rows that pass from server to server as they are: their values are never looked at, only where each row ends.

use bytes::{Bytes, BytesMut};

use super::FAMILY;
use super::catalog::PgColumn;
use super::codec::HEADER;
use super::connect::Session;
use super::data_type::PgType;
use super::failure::{broke_off, failure};
use super::land::is_built_in;
use super::read::{Outlet, Reading, Stop};
use super::table::Lane;
use crate::connectors::{Column, ConnectorError, ErrorKind, RawColumn, RawForm, RawPiece, RawRows};

/// Numbers below this are of types that every server has under the same number.
const FIRST_OF_USERS: u32 = 16_384;
const TEXT: u32 = 25;
/// Smaller chunks of a COPY are gathered into pieces of about this size.
const PIECE: usize = 256 * 1024;
/// Bytes that are handed on at once.
const ITEM: usize = 4 * 1024 * 1024;

/// What a writer's columns take.
pub(super) fn form<'a>(lanes: impl Iterator<Item = &'a Lane>) -> RawForm {
    let columns = lanes.map(|lane| RawColumn {
        type_number: lane.standing.oid,
        modifier: lane.standing.modifier,
        spelled: lane.standing.spelled.clone(),
    });
    RawForm { family: FAMILY.to_owned(), columns: columns.collect() }
}

/// Whether the form holds every value of these columns as it stands.
pub(super) fn fits(columns: &[Column], catalog: &[PgColumn], form: &RawForm) -> bool {
    form.family == FAMILY
        && columns.len() == form.columns.len()
        && columns.iter().zip(&form.columns).all(|(column, taken)| {
            let found = catalog.iter().find(|found| found.name == column.name);
            found.is_some_and(|found| is_same(&found.data_type, taken))
        })
}

fn is_same(from: &PgType, taken: &RawColumn) -> bool {
    if from.form == 'e' {
        // On the wire an enum is its label.
        return taken.type_number == TEXT && taken.modifier == -1
            || taken.type_number >= FIRST_OF_USERS && taken.spelled == from.spelled;
    }
    // An amount of money has as many digits as its server's locale says, and xml says which encoding it came in.
    let own_meaning = from.spelled.starts_with("money") || from.spelled.starts_with("xml");
    from.oid < FIRST_OF_USERS
        && is_built_in(&from.spelled)
        && !own_meaning
        && taken.type_number == from.oid
        && (taken.modifier == from.modifier || taken.modifier == -1)
}

/// The bytes are not what the form says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// How long the row is that `data` begins with; `None` when not all of it is there.
pub(super) fn row_length(data: &[u8], fields: usize) -> Result<Option<usize>, Malformed> {
    let Some((count, _)) = data.split_first_chunk::<2>() else { return Ok(None) };
    if usize::try_from(i16::from_be_bytes(*count)).ok() != Some(fields) {
        return Err(Malformed);
    }
    let mut offset = 2;
    for _ in 0..fields {
        let Some((length, _)) = data.get(offset..).and_then(|rest| rest.split_first_chunk::<4>()) else {
            return Ok(None);
        };
        offset += 4;
        match i32::from_be_bytes(*length) {
            -1 => {}
            length => offset += usize::try_from(length).map_err(|_| Malformed)?,
        }
    }
    Ok((offset <= data.len()).then_some(offset))
}

/// Follows the framing of one COPY.
struct Framing {
    fields: usize,
    begun: bool,
    ended: bool,
}

/// What a look at some bytes came to: rows between `from` and `to`; what stands behind `rest` is not whole yet.
struct Walked {
    from: usize,
    to: usize,
    rows: u64,
    rest: usize,
}

impl Framing {
    fn walk(&mut self, data: &[u8]) -> Result<Walked, Malformed> {
        let mut from = 0;
        if !self.begun {
            let Some(head) = data.get(..HEADER.len()) else { return Ok(Walked { from: 0, to: 0, rows: 0, rest: 0 }) };
            if head != HEADER {
                return Err(Malformed);
            }
            self.begun = true;
            from = HEADER.len();
        }
        if self.ended && data.len() > from {
            return Err(Malformed);
        }
        let (mut to, mut rows) = (from, 0);
        loop {
            let left = data.get(to..).unwrap_or_default();
            if left.first_chunk::<2>() == Some(&super::codec::TRAILER) {
                self.ended = true;
                return if left.len() == 2 { Ok(Walked { from, to, rows, rest: to + 2 }) } else { Err(Malformed) };
            }
            match row_length(left, self.fields)? {
                Some(length) => {
                    to += length;
                    rows += 1;
                }
                None => return Ok(Walked { from, to, rows, rest: to }),
            }
        }
    }
}

/// Gathers pieces until there are enough to hand on.
#[derive(Default)]
struct Gathering {
    rows: RawRows,
    bytes: usize,
    small: BytesMut,
    small_rows: u64,
}

impl Gathering {
    fn push(&mut self, bytes: Bytes, rows: u64) {
        self.bytes += bytes.len();
        if bytes.len() < PIECE / 4 {
            self.small.extend_from_slice(&bytes);
            self.small_rows += rows;
            if self.small.len() >= PIECE {
                self.close_small();
            }
        } else {
            self.close_small();
            self.rows.pieces.push(RawPiece { bytes, rows });
        }
    }

    fn close_small(&mut self) {
        if self.small_rows > 0 {
            let piece = RawPiece { bytes: self.small.split().freeze(), rows: std::mem::take(&mut self.small_rows) };
            self.rows.pieces.push(piece);
            self.small.reserve(PIECE + PIECE / 4);
        }
    }

    fn take(&mut self) -> RawRows {
        self.close_small();
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// Runs one COPY to its end, and hands its rows on.
pub(super) async fn copy_out(session: &Session, reading: &Reading, sql: &str, outlet: &Outlet) -> Result<(), Stop> {
    let failed = |error| failure(reading.doing(), error);
    let malformed = |Malformed| {
        let message = format!("Reading `{}`: the server's bytes were not understood.", reading.stream);
        ConnectorError::new(ErrorKind::Bug, message)
    };
    let mut copy = session.copy_rows(sql).await.map_err(failed)?;
    let mut framing = Framing { fields: reading.columns.len(), begun: false, ended: false };
    let mut gathering = Gathering::default();
    let mut pending = BytesMut::new();
    while let Some(chunk) = session.watched(copy.next()).await {
        let chunk = chunk.map_err(failed)?;
        let data = if pending.is_empty() {
            chunk
        } else {
            pending.extend_from_slice(&chunk);
            pending.split().freeze()
        };
        let walked = framing.walk(&data).map_err(malformed)?;
        if walked.rows > 0 {
            gathering.push(data.slice(walked.from..walked.to), walked.rows);
        }
        pending.extend_from_slice(data.get(walked.rest..).unwrap_or_default());
        if gathering.bytes >= ITEM {
            outlet.send_raw(gathering.take()).await?;
        }
    }
    // The driver ends the stream on the server's word alone; the trailer is the data's own word.
    if !framing.ended || !pending.is_empty() {
        return Err(broke_off(reading.doing()).into());
    }
    let last = gathering.take();
    if last.rows() > 0 {
        outlet.send_raw(last).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::postgres::codec::TRAILER;

    const ROW: &[u8] = &[0, 2, 0, 0, 0, 3, b'a', b'b', b'c', 255, 255, 255, 255];

    #[test]
    fn rows_are_counted_wherever_the_bytes_are_cut() {
        let whole = [HEADER, ROW, ROW, ROW, &TRAILER].concat();
        for cut in 0..whole.len() {
            let mut framing = Framing { fields: 2, begun: false, ended: false };
            let (head, tail) = whole.split_at(cut);
            let first = framing.walk(head).unwrap();
            let rest = [&head[first.rest..], tail].concat();
            let second = framing.walk(&rest).unwrap();
            assert_eq!(first.rows + second.rows, 3, "cut at {cut}");
            let rows = [&head[first.from..first.to], &rest[second.from..second.to]].concat();
            assert_eq!(rows, [ROW, ROW, ROW].concat());
            assert!(framing.ended);
        }
    }

    #[test]
    fn bytes_that_are_no_rows_are_found_out() {
        let walk = |data: &[u8]| Framing { fields: 2, begun: false, ended: false }.walk(data).map(|walked| walked.rows);
        assert_eq!(walk(&[HEADER, &[0, 3]].concat()), Err(Malformed));
        assert_eq!(walk(&[HEADER, &[0, 2, 255, 255, 255, 254]].concat()), Err(Malformed));
        assert_eq!(walk(&[HEADER, &TRAILER, ROW].concat()), Err(Malformed));
        assert_eq!(walk(b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0"), Err(Malformed));
    }

    #[test]
    fn only_types_that_mean_the_same_everywhere_pass_as_they_are() {
        let from = |oid, spelled: &str, form| PgType {
            oid,
            modifier: -1,
            form,
            category: 'X',
            spelled: spelled.to_owned(),
            bare: spelled.to_owned(),
            own_text_cast: false,
        };
        let taken = |type_number, modifier| RawColumn { type_number, modifier, spelled: "public.mood".to_owned() };
        assert!(is_same(&from(869, "inet", 'b'), &taken(869, -1)));
        assert!(is_same(&from(1009, "text[]", 'b'), &taken(1009, -1)));
        assert!(is_same(&from(20_000, "public.mood", 'e'), &taken(25, -1)));
        assert!(is_same(&from(20_000, "public.mood", 'e'), &taken(30_000, -1)));
        assert!(!is_same(&from(1700, "numeric", 'b'), &taken(1700, 786_438)));
        assert!(!is_same(&from(23, "integer", 'b'), &taken(20, -1)));
        assert!(!is_same(&from(790, "money", 'b'), &taken(790, -1)));
        assert!(!is_same(&from(20_001, "public.pair", 'c'), &taken(20_001, -1)));
    }
}
