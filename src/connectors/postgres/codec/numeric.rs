//! `numeric` on the wire: base-10000 digits, a weight, a sign and the number of decimal digits to show.

use std::fmt::Write;

use arrow::datatypes::i256;
use bytes::{BufMut as _, BytesMut};

use super::Refusal;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Most digits before the point that the server keeps; and behind it.
const MOST_WHOLE: i64 = 131_072;
const MOST_FRACTION: i64 = 16_383;

/// A number as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Numeric<'a> {
    sign: u16,
    /// Power of 10000 of the first digit.
    weight: i32,
    /// Decimal digits behind the point to show.
    scale: usize,
    /// Two bytes each.
    digits: &'a [u8],
}

/// Integers that a decimal is gathered in.
pub(in super::super) trait Gather: Copy {
    const ZERO: Self;
    /// `self * factor + addend`, unless it overflows.
    fn gather(self, factor: u16, addend: u16) -> Option<Self>;
    fn negate(self) -> Self;
}

impl Gather for i128 {
    const ZERO: Self = 0;

    fn gather(self, factor: u16, addend: u16) -> Option<Self> {
        self.checked_mul(Self::from(factor))?.checked_add(Self::from(addend))
    }

    fn negate(self) -> Self {
        -self
    }
}

impl Gather for i256 {
    const ZERO: Self = Self::ZERO;

    fn gather(self, factor: u16, addend: u16) -> Option<Self> {
        self.checked_mul(Self::from_i128(i128::from(factor)))?.checked_add(Self::from_i128(i128::from(addend)))
    }

    fn negate(self) -> Self {
        self.wrapping_neg()
    }
}

impl<'a> Numeric<'a> {
    pub(in super::super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, digits) = bytes.split_first_chunk::<8>()?;
        let [n1, n2, w1, w2, s1, s2, d1, d2] = *head;
        let count = usize::from(u16::from_be_bytes([n1, n2]));
        let sign = u16::from_be_bytes([s1, s2]);
        let known = matches!(sign, POSITIVE | NEGATIVE | NAN | INFINITY | NEGATIVE_INFINITY);
        (known && digits.len() == count * 2).then(|| Self {
            sign,
            weight: i32::from(i16::from_be_bytes([w1, w2])),
            scale: usize::from(u16::from_be_bytes([d1, d2])),
            digits,
        })
    }

    fn digits(&self) -> impl Iterator<Item = u16> + '_ {
        self.digits.chunks_exact(2).map(|pair| match pair {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        })
    }

    /// The number times ten to the `scale`, exactly or not at all.
    pub(in super::super) fn unscaled<N: Gather>(&self, scale: i32) -> Result<N, Refusal> {
        if !matches!(self.sign, POSITIVE | NEGATIVE) {
            return Err(Refusal::NOT_A_NUMBER);
        }
        let mut number = N::ZERO;
        // Power of ten that the digit read last still lacks.
        let mut lacking = 0;
        for (place, digit) in (0_i32..).zip(self.digits()) {
            let power = 4 * (self.weight - place) + scale;
            let (factor, addend) = match power {
                0.. => (10_000, digit),
                -4..0 => {
                    let cut = ten_to(power.unsigned_abs());
                    if digit % cut != 0 {
                        return Err(Refusal::ROUNDED);
                    }
                    (10_000 / cut, digit / cut)
                }
                _ if digit == 0 => (1, 0),
                _ => return Err(Refusal::ROUNDED),
            };
            number = number.gather(factor, addend).ok_or(Refusal::OVERFLOW)?;
            lacking = power.max(0);
        }
        while lacking > 0 && !self.digits.is_empty() {
            let step = lacking.min(4);
            number = number.gather(ten_to(step.unsigned_abs()), 0).ok_or(Refusal::OVERFLOW)?;
            lacking -= step;
        }
        Ok(if self.sign == NEGATIVE { number.negate() } else { number })
    }

    /// As the server would write it.
    pub(in super::super) fn write(&self, out: &mut impl Write) -> std::fmt::Result {
        match self.sign {
            NAN => return out.write_str("NaN"),
            INFINITY => return out.write_str("Infinity"),
            NEGATIVE_INFINITY => return out.write_str("-Infinity"),
            NEGATIVE => out.write_char('-')?,
            _ => {}
        }
        if self.weight < 0 {
            out.write_char('0')?;
        }
        for place in 0..=self.weight {
            if place == 0 { write!(out, "{}", self.digit(0))? } else { write!(out, "{:04}", self.digit(place))? }
        }
        if self.scale == 0 {
            return Ok(());
        }
        out.write_char('.')?;
        let mut left = self.scale;
        let mut place = self.weight + 1;
        while left > 0 {
            let shown = left.min(4);
            let digit = self.digit(place) / ten_to(u32::try_from(4 - shown).unwrap_or(0));
            write!(out, "{digit:0shown$}")?;
            left -= shown;
            place += 1;
        }
        Ok(())
    }

    /// The digit at a place, zero where none is sent.
    fn digit(&self, place: i32) -> u16 {
        usize::try_from(place)
            .ok()
            .and_then(|place| self.digits.get(place * 2..place * 2 + 2))
            .and_then(|pair| pair.try_into().ok())
            .map_or(0, u16::from_be_bytes)
    }
}

fn ten_to(power: u32) -> u16 {
    match power {
        0 => 1,
        1 => 10,
        2 => 100,
        3 => 1_000,
        _ => 10_000,
    }
}

/// What a column with declared precision and scale takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Bounds {
    /// Digits in all and digits behind the point.
    pub(in super::super) declared: Option<(i32, i32)>,
    /// Whether the plan has accepted that the server rounds.
    pub(in super::super) may_round: bool,
}

/// Appends an integer divided by ten to the `scale`, with its length before it.
pub(in super::super) fn put_i128(out: &mut BytesMut, value: i128, scale: i32, bounds: Bounds) -> Result<(), Refusal> {
    let mut buffer = [0_u8; 40];
    let mut rest = value.unsigned_abs();
    let mut start = buffer.len();
    while rest > 0 && start > 0 {
        start -= 1;
        if let (Some(slot), Ok(digit)) = (buffer.get_mut(start), u8::try_from(rest % 10)) {
            *slot = b'0' + digit;
        }
        rest /= 10;
    }
    let digits = buffer.get(start..).unwrap_or_default();
    put(out, value < 0, Decimal { digits, more: &[], scale: i64::from(scale) }, bounds)
}

/// As [`put_i128`], for the wider decimals.
pub(in super::super) fn put_i256(out: &mut BytesMut, value: i256, scale: i32, bounds: Bounds) -> Result<(), Refusal> {
    if let Some(value) = value.to_i128() {
        return put_i128(out, value, scale, bounds);
    }
    let text = value.to_string();
    let digits = text.trim_start_matches('-').as_bytes();
    put(out, text.starts_with('-'), Decimal { digits, more: &[], scale: i64::from(scale) }, bounds)
}

/// Appends decimal text: sign, digits, point, exponent; or NaN or an infinity.
pub(in super::super) fn put_text(out: &mut BytesMut, text: &str, bounds: Bounds) -> Result<(), Refusal> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if unsigned.eq_ignore_ascii_case("nan") {
        put_special(out, NAN);
        return Ok(());
    }
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        if bounds.declared.is_some() {
            return Err(Refusal::OVERFLOW);
        }
        put_special(out, if negative { NEGATIVE_INFINITY } else { INFINITY });
        return Ok(());
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| Refusal::INVALID)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (whole, fraction) = (whole.as_bytes(), fraction.as_bytes());
    if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(Refusal::INVALID);
    }
    let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - i64::from(exponent);
    put(out, negative, Decimal { digits: whole, more: fraction, scale }, bounds)
}

fn put_special(out: &mut BytesMut, sign: u16) {
    out.put_i32(8);
    out.put_slice(&[0, 0, 0, 0]);
    out.put_u16(sign);
    out.put_u16(0);
}

/// Decimal digits in two pieces, the last `scale` of them behind the point.
#[derive(Clone, Copy)]
struct Decimal<'a> {
    digits: &'a [u8],
    more: &'a [u8],
    scale: i64,
}

impl Decimal<'_> {
    fn at(&self, place: i64) -> u16 {
        let Ok(place) = usize::try_from(place) else { return 0 };
        let digit = self.digits.get(place).or_else(|| self.more.get(place.checked_sub(self.digits.len())?));
        digit.map_or(0, |digit| u16::from(digit - b'0'))
    }
}

fn put(out: &mut BytesMut, negative: bool, number: Decimal<'_>, bounds: Bounds) -> Result<(), Refusal> {
    let count = i64::try_from(number.digits.len() + number.more.len()).map_err(|_| Refusal::TOO_BIG)?;
    let first = (0..count).find(|place| number.at(*place) != 0).unwrap_or(count);
    let end = (first..count).rev().find(|place| number.at(*place) != 0).map_or(first, |place| place + 1);
    // Digits before the point, counted from the first that is not zero; and those behind it that matter.
    let whole = count - number.scale - first;
    let fraction = (end - (count - number.scale)).max(0);
    let zero = first == count;
    if let Some((precision, scale)) = bounds.declared {
        if !zero && !bounds.may_round && end - (count - number.scale) > i64::from(scale) {
            return Err(Refusal::ROUNDED);
        }
        if !zero && whole > i64::from(precision) - i64::from(scale) {
            return Err(Refusal::OVERFLOW);
        }
    }
    let shown = number.scale.max(0);
    if !zero && whole > MOST_WHOLE || fraction > MOST_FRACTION {
        return Err(Refusal::OVERFLOW);
    }
    let shown = u16::try_from(shown.min(MOST_FRACTION)).unwrap_or(0);
    if zero {
        out.put_i32(8);
        out.put_slice(&[0, 0, 0, 0, 0, 0]);
        out.put_u16(shown);
        return Ok(());
    }
    // The first group holds as many digits as make all others start at a multiple of four from the point.
    let leading = match whole.rem_euclid(4) {
        0 => 4,
        leading => leading,
    };
    let groups = 1 + ((end - first - leading).max(0) + 3) / 4;
    let weight = i16::try_from((whole - leading) / 4).map_err(|_| Refusal::OVERFLOW)?;
    let count = u16::try_from(groups).map_err(|_| Refusal::OVERFLOW)?;
    out.put_i32(8 + 2 * i32::from(count));
    out.put_u16(count);
    out.put_i16(weight);
    out.put_u16(if negative { NEGATIVE } else { POSITIVE });
    out.put_u16(shown);
    let mut place = first + leading - 4;
    for _ in 0..count {
        let digit =
            (place..place + 4).fold(0, |digit, place| digit * 10 + if place < first { 0 } else { number.at(place) });
        out.put_u16(digit);
        place += 4;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FREE: Bounds = Bounds { declared: None, may_round: false };

    fn through(text: &str) -> Result<String, Refusal> {
        let mut out = BytesMut::new();
        put_text(&mut out, text, FREE)?;
        let mut back = String::new();
        Numeric::parse(&out[4..]).unwrap().write(&mut back).unwrap();
        Ok(back)
    }

    #[test]
    fn text_survives_with_every_shown_digit() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "10000",
            "9999.9999",
            "0.0001",
            "0.00001",
            "-0.000000000000000000012300",
            "1.500",
            "123456789012345678901234567890.123456789",
            "NaN",
            "Infinity",
            "-Infinity",
            "10000000000000000",
        ] {
            assert_eq!(through(text).unwrap(), text);
        }
        assert_eq!(through("1e3").unwrap(), "1000");
        assert_eq!(through("12.5e-2").unwrap(), "0.125");
        assert_eq!(through(".5").unwrap(), "0.5");
        assert_eq!(through("007").unwrap(), "7");
        for text in ["", "-", ".", "1x", "1e", "1.2.3", "1e99999999999"] {
            assert_eq!(through(text).unwrap_err().code, "invalid_value", "{text}");
        }
        assert_eq!(through("1e200000").unwrap_err(), Refusal::OVERFLOW);
    }

    #[test]
    fn a_bounded_column_takes_what_fits_and_nothing_is_rounded_unasked() {
        let put = |text, may_round| put_text(&mut BytesMut::new(), text, Bounds { declared: Some((5, 2)), may_round });
        assert_eq!(put("999.99", false), Ok(()));
        assert_eq!(put("999.9900", false), Ok(()));
        assert_eq!(put("1000", false), Err(Refusal::OVERFLOW));
        assert_eq!(put("1.001", false), Err(Refusal::ROUNDED));
        assert_eq!(put("1.001", true), Ok(()));
        assert_eq!(put("NaN", false), Ok(()));
        assert_eq!(put("Infinity", false), Err(Refusal::OVERFLOW));
    }

    #[test]
    fn a_decimal_has_no_place_for_what_is_not_a_number() {
        let mut out = BytesMut::new();
        put_special(&mut out, NAN);
        let numeric = Numeric::parse(&out[4..]).unwrap();
        assert_eq!(numeric.unscaled::<i128>(2), Err(Refusal::NOT_A_NUMBER));
    }

    proptest! {
        #[test]
        fn decimals_survive(value in any::<i128>(), scale in 0..38_i32) {
            let mut out = BytesMut::new();
            put_i128(&mut out, value, scale, FREE).unwrap();
            prop_assert_eq!(Numeric::parse(&out[4..]).unwrap().unscaled::<i128>(scale), Ok(value));
        }

        #[test]
        fn wide_decimals_survive(high in any::<i128>(), low in any::<u128>(), scale in 0..76_i32) {
            let value = i256::from_parts(low, high / 4);
            let mut out = BytesMut::new();
            put_i256(&mut out, value, scale, FREE).unwrap();
            prop_assert_eq!(Numeric::parse(&out[4..]).unwrap().unscaled::<i256>(scale), Ok(value));
        }

        #[test]
        fn foreign_bytes_do_not_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(numeric) = Numeric::parse(&bytes) {
                let _ = numeric.unscaled::<i128>(3);
                let _ = numeric.write(&mut String::new());
            }
        }
    }
}
