//! Values of fixed size: what the server counts from 2000-01-01, we count from 1970-01-01.

use super::{EPOCH_DAYS, EPOCH_MICROSECONDS, Refusal};
use crate::connectors::Unit;

/// An integer of two, four or eight bytes.
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        2 => bytes.try_into().ok().map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        4 => bytes.try_into().ok().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        8 => bytes.try_into().ok().map(i64::from_be_bytes),
        _ => None,
    }
}

/// Days since 1970-01-01 from the server's; infinities are the same numbers on both sides.
pub(super) fn date_in(days: i32) -> Result<i32, Refusal> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        days => days.checked_add(EPOCH_DAYS).filter(|days| *days < i32::MAX).ok_or(Refusal::TIME_RANGE),
    }
}

pub(super) fn date_out(days: i32) -> Result<i32, Refusal> {
    match days {
        i32::MIN | i32::MAX => Ok(days),
        days => {
            days.checked_sub(EPOCH_DAYS).filter(|days| (FIRST_DAY..=LAST_DAY).contains(days)).ok_or(Refusal::TIME_RANGE)
        }
    }
}

/// 4714-11-24 BC and 5874897-12-31, the server's first and last days.
const FIRST_DAY: i32 = -2_451_545;
const LAST_DAY: i32 = 2_145_031_948;
/// The server's first microsecond and the one after its last.
const FIRST_MICROSECOND: i64 = -211_813_488_000_000_000;
const END_MICROSECOND: i64 = 9_223_371_331_200_000_000;

/// A timestamp of the server's in this unit since 1970-01-01.
pub(super) fn timestamp_in(microseconds: i64, unit: Unit) -> Result<i64, Refusal> {
    if matches!(microseconds, i64::MIN | i64::MAX) {
        return Ok(microseconds);
    }
    let ours = microseconds.checked_add(EPOCH_MICROSECONDS).ok_or(Refusal::TIME_RANGE)?;
    let (multiply, divide) = factors(unit);
    if ours % divide != 0 {
        return Err(Refusal::ROUNDED);
    }
    // The extremes stand for the infinities.
    (ours / divide)
        .checked_mul(multiply)
        .filter(|value| !matches!(*value, i64::MIN | i64::MAX))
        .ok_or(Refusal::TIME_RANGE)
}

/// The server's microseconds from a timestamp in this unit. A finer one is cut only if the plan has accepted that.
pub(super) fn timestamp_out(value: i64, unit: Unit, may_round: bool) -> Result<i64, Refusal> {
    if matches!(value, i64::MIN | i64::MAX) {
        return Ok(value);
    }
    let (divide, multiply) = factors(unit);
    if value % divide != 0 && !may_round {
        return Err(Refusal::ROUNDED);
    }
    value
        .div_euclid(divide)
        .checked_mul(multiply)
        .and_then(|microseconds| microseconds.checked_sub(EPOCH_MICROSECONDS))
        .filter(|microseconds| (FIRST_MICROSECOND..END_MICROSECOND).contains(microseconds))
        .ok_or(Refusal::TIME_RANGE)
}

/// How many of the unit make a microsecond, and how many microseconds make the unit.
fn factors(unit: Unit) -> (i64, i64) {
    match unit {
        Unit::Second => (1, 1_000_000),
        Unit::Millisecond => (1, 1_000),
        Unit::Microsecond => (1, 1),
        Unit::Nanosecond => (1_000, 1),
    }
}

/// Whether a count of microseconds has no more digits of a second than these.
pub(super) fn keeps_digits(microseconds: i64, digits: u8) -> bool {
    digits >= 6 || microseconds % 10_i64.pow(6 - u32::from(digits)) == 0
}

/// A UUID as lower-case hyphenated text.
pub(super) fn uuid_text(bytes: &[u8]) -> Option<[u8; 36]> {
    let bytes = uuid::Bytes::try_from(bytes).ok()?;
    let mut text = [0_u8; 36];
    uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut text);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_stay_and_the_year_294276_is_refused() {
        assert_eq!(timestamp_in(i64::MAX, Unit::Nanosecond), Ok(i64::MAX));
        assert_eq!(timestamp_in(END_MICROSECOND - 1, Unit::Microsecond), Err(Refusal::TIME_RANGE));
        assert_eq!(timestamp_out(i64::MIN, Unit::Second, false), Ok(i64::MIN));
        assert_eq!(timestamp_out(i64::MAX - 1, Unit::Second, false), Err(Refusal::TIME_RANGE));
        assert_eq!(date_in(i32::MIN), Ok(i32::MIN));
        assert_eq!(date_out(-3_000_000), Err(Refusal::TIME_RANGE));
    }

    #[test]
    fn nanoseconds_are_not_cut_unasked() {
        assert_eq!(timestamp_out(1_001, Unit::Nanosecond, false), Err(Refusal::ROUNDED));
        assert_eq!(timestamp_out(-1_001, Unit::Nanosecond, true), Ok(-2 - EPOCH_MICROSECONDS));
        assert_eq!(timestamp_out(-1_000, Unit::Nanosecond, false), Ok(-1 - EPOCH_MICROSECONDS));
        assert_eq!(timestamp_in(1 - EPOCH_MICROSECONDS, Unit::Nanosecond), Ok(1_000));
        assert_eq!(timestamp_in(1 - EPOCH_MICROSECONDS, Unit::Second), Err(Refusal::ROUNDED));
    }
}
