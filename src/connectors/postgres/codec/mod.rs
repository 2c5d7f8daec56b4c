//! The binary COPY format, to and from Arrow, without an allocation per value.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod numeric;
pub(super) mod scalar;

/// What a binary COPY begins with: signature, flags, length of the header's extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in place of a row's number of fields.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Days between 1970-01-01 and the server's epoch, 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds between the same.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// Why a value cannot be carried: a stable code, and a clause that names no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) what: &'static str,
}

impl Refusal {
    pub(super) const OVERFLOW: Self = Self { code: "numeric_overflow", what: "a number does not fit its type" };
    pub(super) const NOT_A_NUMBER: Self =
        Self { code: "not_a_number", what: "NaN or an infinity has no place in a decimal" };
    pub(super) const ROUNDED: Self =
        Self { code: "precision_lost", what: "a value has more digits than its column keeps" };
    pub(super) const TIME_RANGE: Self =
        Self { code: "time_out_of_range", what: "a date or time is outside of what its column holds" };
    pub(super) const ENCODING: Self = Self { code: "invalid_encoding", what: "a text holds NUL or is not valid UTF-8" };
    pub(super) const TOO_LONG: Self = Self { code: "text_too_long", what: "a text is longer than its column allows" };
    pub(super) const TOO_BIG: Self = Self { code: "value_too_big", what: "a value is larger than 1 GB" };
    pub(super) const INVALID: Self =
        Self { code: "invalid_value", what: "a value does not have the form of its column's type" };
    /// The bytes are not what the form says; the fault is not the row's.
    pub(super) const MALFORMED: Self = Self { code: "malformed", what: "the server's bytes were not understood" };
}
