//! Dates, times of day and timestamps as ISO 8601 text, exact to the unit. Years run from 0000 to 9999; beyond stand only
//! the infinities.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use super::Unit;

const INFINITY: &str = "infinity";
const MINUS_INFINITY: &str = "-infinity";

/// Ticks of a unit in one second.
pub(crate) fn per_second(unit: Unit) -> i64 {
    match unit {
        Unit::Second => 1,
        Unit::Millisecond => 1_000,
        Unit::Microsecond => 1_000_000,
        Unit::Nanosecond => 1_000_000_000,
    }
}

fn digits(unit: Unit) -> usize {
    match unit {
        Unit::Second => 0,
        Unit::Millisecond => 3,
        Unit::Microsecond => 6,
        Unit::Nanosecond => 9,
    }
}

/// `2026-01-31`; `None` beyond the years that text can hold in order.
pub(crate) fn date_text(days: i32) -> Option<String> {
    match days {
        i32::MAX => return Some(INFINITY.to_owned()),
        i32::MIN => return Some(MINUS_INFINITY.to_owned()),
        _ => {}
    }
    let date = NaiveDate::from_epoch_days(days)?;
    (0..=9999).contains(&date.year()).then(|| date.format("%Y-%m-%d").to_string())
}

/// `2026-01-31 12:00:00.000000`, always as many digits as the unit has, with `+00:00` for an instant.
pub(crate) fn timestamp_text(ticks: i64, unit: Unit, zoned: bool) -> Option<String> {
    match ticks {
        i64::MAX => return Some(INFINITY.to_owned()),
        i64::MIN => return Some(MINUS_INFINITY.to_owned()),
        _ => {}
    }
    let per_second = per_second(unit);
    let part = ticks.rem_euclid(per_second);
    let at = DateTime::from_timestamp(ticks.div_euclid(per_second), 0)?;
    if !(0..=9999).contains(&at.year()) {
        return None;
    }
    let mut text = at.format("%Y-%m-%d %H:%M:%S").to_string();
    let width = digits(unit);
    if width > 0 {
        text = format!("{text}.{part:0>width$}");
    }
    if zoned {
        text.push_str("+00:00");
    }
    Some(text)
}

/// `12:00:00.000000`.
pub(crate) fn time_text(micros: i64) -> Option<String> {
    let seconds = u32::try_from(micros.div_euclid(1_000_000)).ok()?;
    let nanos = u32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1_000;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos).map(|time| time.format("%H:%M:%S%.6f").to_string())
}

/// Days since 1970-01-01. A time of day is taken only when it is midnight.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    match text {
        INFINITY => return Some(i32::MAX),
        MINUS_INFINITY => return Some(i32::MIN),
        _ => {}
    }
    let (date, rest) = split_date(text)?;
    if !rest.is_empty() {
        let (time, offset) = parse_clock(rest.get(1..)?)?;
        if !matches!(rest.as_bytes().first(), Some(b' ' | b'T')) || offset.is_some() || time != NaiveTime::MIN {
            return None;
        }
    }
    Some(date.to_epoch_days())
}

/// Ticks since 1970-01-01 in `unit`. A text with an offset is turned to UTC, one without is taken as it stands.
/// `None` when it is no timestamp or finer than the unit.
pub(crate) fn parse_timestamp(text: &str, unit: Unit) -> Option<i64> {
    match text {
        INFINITY => return Some(i64::MAX),
        MINUS_INFINITY => return Some(i64::MIN),
        _ => {}
    }
    let (date, rest) = split_date(text)?;
    let (time, offset) = match rest.as_bytes().first() {
        None => (NaiveTime::MIN, None),
        Some(b' ' | b'T' | b't') => parse_clock(rest.get(1..)?)?,
        Some(_) => return None,
    };
    let at: NaiveDateTime = date.and_time(time);
    let seconds = at.and_utc().timestamp().checked_sub(offset.unwrap_or_default())?;
    let nanos = i64::from(time.nanosecond());
    let per_tick = 1_000_000_000 / per_second(unit);
    if nanos % per_tick != 0 {
        return None;
    }
    let ticks = i128::from(seconds) * i128::from(per_second(unit)) + i128::from(nanos / per_tick);
    i64::try_from(ticks).ok().filter(|ticks| *ticks != i64::MAX && *ticks != i64::MIN)
}

/// Microseconds since midnight.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let (time, offset) = parse_clock(text)?;
    if offset.is_some() || time.nanosecond() % 1_000 != 0 {
        return None;
    }
    Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000))
}

fn split_date(text: &str) -> Option<(NaiveDate, &str)> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    Some((NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?, rest))
}

fn number(text: &str, width: usize) -> Option<u32> {
    if text.len() != width || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A time of day and, where it has one, its offset in seconds.
fn parse_clock(text: &str) -> Option<(NaiveTime, Option<i64>)> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, None),
        Some(at) => {
            let (clock, zone) = (text.get(..at)?, text.get(at..)?);
            (clock.trim_end_matches(' '), Some(parse_offset(zone)?))
        }
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if clock.ends_with('.') || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = whole.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, offset))
}

fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (number(digits, 2)?, 0),
        4 => (number(digits.get(..2)?, 2)?, number(digits.get(2..)?, 2)?),
        5 => (number(digits.get(..2)?, 2)?, number(digits.get(2..)?.strip_prefix(':')?, 2)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        let micros = |text| parse_timestamp(text, Unit::Microsecond);
        assert_eq!(micros("1970-01-01 00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01T00:00:00.000001Z"), Some(1));
        assert_eq!(micros("1970-01-01 02:00:00+02:00"), Some(0));
        assert_eq!(micros("1970-01-01 00:00"), Some(0));
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("1970-01-01 00:00:00.0000001"), None);
        assert_eq!(parse_timestamp("1970-01-01 00:00:00.000000001", Unit::Nanosecond), Some(1));
        assert_eq!(micros("infinity"), Some(i64::MAX));
        for wrong in [
            "",
            "yesterday",
            "1970-13-01",
            "1970-01-01 25:00",
            "1970-1-1",
            "1970-01-01x00:00",
            "0",
            "1970-01-01 00:00:00.",
        ] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("1970-01-02 00:00:00"), Some(1));
        assert_eq!(parse_date("1970-01-02 00:00:01"), None);
        assert_eq!(parse_time("23:59:59.999999"), Some(86_399_999_999));
        assert_eq!(date_text(2_932_897), None);
    }

    proptest! {
        #[test]
        fn timestamps_come_back(ticks in -62_000_000_000_000_000_i64..250_000_000_000_000_000, zoned in any::<bool>()) {
            let text = timestamp_text(ticks, Unit::Microsecond, zoned).unwrap();
            prop_assert_eq!(parse_timestamp(&text, Unit::Microsecond), Some(ticks));
        }

        #[test]
        fn dates_come_back(days in -719_162_i32..2_932_896) {
            prop_assert_eq!(parse_date(&date_text(days).unwrap()), Some(days));
        }

        #[test]
        fn times_come_back(micros in 0_i64..86_400_000_000) {
            prop_assert_eq!(parse_time(&time_text(micros).unwrap()), Some(micros));
        }

        #[test]
        fn foreign_text_never_panics(text in ".{0,40}") {
            let _ = (parse_timestamp(&text, Unit::Nanosecond), parse_date(&text), parse_time(&text));
        }
    }
}
