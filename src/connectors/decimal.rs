//! Exact decimals as text and as scaled integers. Nothing here rounds.

use arrow::datatypes::i256;

/// A decimal number of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without leading zeros; empty for zero.
    digits: String,
    /// Digits after the point; the last one is not 0.
    scale: usize,
}

/// Exponents beyond this are refused rather than spelled out.
const MOST_ZEROS: i64 = 20_000;

impl Decimal {
    /// Reads `-12.50`, `+.5`, `1e-7`. `None` for anything else, blanks and `NaN` included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let mut digits = format!("{whole}{part}");
        let mut scale = i64::try_from(part.len()).ok()?.checked_sub(exponent)?;
        if scale.abs() > MOST_ZEROS {
            return None;
        }
        while scale > 0 && digits.ends_with('0') {
            digits.pop();
            scale -= 1;
        }
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, scale: 0 });
        }
        let zeros = usize::try_from(-scale).unwrap_or_default();
        let digits = format!("{digits}{}", "0".repeat(zeros));
        Some(Self { negative, digits, scale: usize::try_from(scale).unwrap_or_default() })
    }

    /// The number a float's shortest text names; `None` for what is no number.
    pub(crate) fn of_float(value: f64) -> Option<Self> {
        if value.is_finite() { Self::parse(&value.to_string()) } else { None }
    }

    /// As an integer of `10^-scale` parts; `None` when digits would be lost or there are more than `precision`.
    pub(crate) fn unscaled(&self, precision: u8, scale: i8) -> Option<String> {
        let digits = if scale >= 0 {
            let zeros = usize::try_from(scale).ok()?.checked_sub(self.scale)?;
            if self.digits.is_empty() { "0".to_owned() } else { format!("{}{}", self.digits, "0".repeat(zeros)) }
        } else {
            let zeros = usize::from(scale.unsigned_abs());
            if self.digits.is_empty() {
                "0".to_owned()
            } else if self.scale > 0 {
                return None;
            } else {
                self.digits.strip_suffix("0".repeat(zeros).as_str())?.to_owned()
            }
        };
        if digits != "0" && digits.len() > usize::from(precision) {
            return None;
        }
        Some(if self.negative { format!("-{digits}") } else { digits })
    }

    /// The greatest number of this scale that is not greater.
    pub(crate) fn floor(&self, scale: i8) -> Self {
        let scale = usize::try_from(scale).unwrap_or_default();
        let Some(dropped) = self.scale.checked_sub(scale).filter(|dropped| *dropped > 0) else { return self.clone() };
        let kept = self.digits.len().checked_sub(dropped).and_then(|kept| self.digits.get(..kept)).unwrap_or_default();
        let digits = if self.negative { incremented(kept) } else { kept.to_owned() };
        let sign = if self.negative { "-" } else { "" };
        Self::parse(&pointed(sign, &digits, scale)).unwrap_or_else(|| self.clone())
    }

    pub(crate) fn is_less(&self, other: &Self) -> bool {
        let scale = self.scale.max(other.scale);
        let aligned = |number: &Self| format!("{}{}", number.digits, "0".repeat(scale - number.scale));
        let (left, right) = (aligned(self), aligned(other));
        let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
        let smaller = |left: &str, right: &str| (left.len(), left) < (right.len(), right);
        match (self.negative, other.negative) {
            (true, false) => true,
            (false, true) => false,
            (false, false) => smaller(left, right),
            (true, true) => smaller(right, left),
        }
    }

    pub(crate) fn to_i128(&self, precision: u8, scale: i8) -> Option<i128> {
        self.unscaled(precision, scale)?.parse().ok()
    }

    pub(crate) fn to_i256(&self, precision: u8, scale: i8) -> Option<i256> {
        i256::from_string(&self.unscaled(precision, scale)?)
    }

    pub(crate) fn to_i64(&self) -> Option<i64> {
        self.unscaled(20, 0)?.parse().ok()
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        f.write_str(&pointed(sign, &self.digits, self.scale))
    }
}

/// One more, digit by digit.
fn incremented(digits: &str) -> String {
    let mut digits: Vec<u8> = digits.bytes().collect();
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return String::from_utf8(digits).unwrap_or_default();
        }
        *digit = b'0';
    }
    format!("1{}", String::from_utf8(digits).unwrap_or_default())
}

/// A scaled integer's text with its point put in and all its decimals: `-5` at scale 2 is `-0.05`.
pub(crate) fn spell(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", unscaled),
    };
    match usize::try_from(scale) {
        Ok(scale) => pointed(sign, digits, scale),
        Err(_) if digits == "0" => "0".to_owned(),
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

fn pointed(sign: &str, digits: &str, scale: usize) -> String {
    if scale == 0 {
        let digits = if digits.is_empty() { "0" } else { digits };
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{part}")
}

/// Whether this is a number, or one of the three names that stand for what is none.
pub(crate) fn is_numeric_text(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity") || Decimal::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms() {
        let text = |text: &str| Decimal::parse(text).map(|decimal| decimal.to_string());
        assert_eq!(text("-0012.500").as_deref(), Some("-12.5"));
        assert_eq!(text("-0.00").as_deref(), Some("0"));
        assert_eq!(text(".5").as_deref(), Some("0.5"));
        assert_eq!(text("1.5e3").as_deref(), Some("1500"));
        assert_eq!(text("15e-4").as_deref(), Some("0.0015"));
        for wrong in ["", "-", ".", "1.2.3", "NaN", " 1", "1 ", "0x1", "1e", "1e999999999999", "--1", "١"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn floors() {
        let floor = |text: &str, scale| Decimal::parse(text).unwrap().floor(scale).to_string();
        assert_eq!(floor("9.989", 2), "9.98");
        assert_eq!(floor("-9.981", 2), "-9.99");
        assert_eq!(floor("-9.999", 2), "-10");
        assert_eq!(floor("0.001", 2), "0");
        assert_eq!(floor("-0.001", 2), "-0.01");
        assert_eq!(floor("-0.5", 0), "-1");
        assert_eq!(floor("12", 2), "12");
    }

    #[test]
    fn bounds() {
        let number = Decimal::parse("-99.95").unwrap();
        assert_eq!(number.to_i128(4, 2), Some(-9995));
        assert_eq!(number.to_i128(3, 2), None);
        assert_eq!(number.to_i128(10, 1), None);
        assert_eq!(Decimal::parse("1200").unwrap().to_i128(2, -2), Some(12));
        assert_eq!(Decimal::parse("1250").unwrap().to_i128(5, -2), None);
        assert_eq!(spell("-5", 2), "-0.05");
        assert_eq!(spell("7", -2), "700");
        assert_eq!(Decimal::of_float(0.1).unwrap().to_string(), "0.1");
        assert_eq!(Decimal::of_float(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn order_and_floor_agree_with_integers(left in -10_000_i64..10_000, right in -10_000_i64..10_000, scale in 0_i8..5) {
            let of = |value: i64| Decimal::parse(&spell(&value.to_string(), scale)).unwrap();
            prop_assert_eq!(of(left).is_less(&of(right)), left < right);
            let floor = left.div_euclid(10_i64.pow(u32::from(scale.unsigned_abs())));
            prop_assert_eq!(of(left).floor(0).to_string(), floor.to_string());
        }

        #[test]
        fn text_and_scaled_integer_agree(value in any::<i128>(), scale in 0_i8..38) {
            let value = value % 10_i128.pow(38);
            let text = spell(&value.to_string(), scale);
            prop_assert_eq!(Decimal::parse(&text).unwrap().to_i128(38, scale), Some(value));
        }

        #[test]
        fn foreign_text_never_panics(text in ".{0,40}") {
            let _ = Decimal::parse(&text).map(|decimal| decimal.to_i128(38, 10));
        }
    }
}
