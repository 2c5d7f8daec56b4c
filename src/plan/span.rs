//! Lengths as people write them: ISO 8601 durations and sizes in bytes.

use super::spec::ByteSize;

/// A length of time. Months are kept apart from seconds: they are not all equally long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub months: u32,
    pub seconds: u64,
}

impl Span {
    pub const fn seconds(seconds: u64) -> Self {
        Self { months: 0, seconds }
    }

    /// Reads an ISO 8601 duration: `PT5M`, `P1DT12H`, `P2W`, `P1M`. Whole numbers only.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix(['P', 'p'])?;
        let (date, time) = match rest.split_once(['T', 't']) {
            Some((_, "")) => return None,
            Some((date, time)) => (date, time),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return None;
        }
        let mut span = Self::default();
        span.take(date, &[('Y', 0, 12), ('M', 0, 1), ('W', 604_800, 0), ('D', 86_400, 0)])?;
        span.take(time, &[('H', 3_600, 0), ('M', 60, 0), ('S', 1, 0)])?;
        Some(span)
    }

    /// Reads numbers with units, each unit at most once and in order: unit, its seconds, its months.
    fn take(&mut self, mut text: &str, units: &[(char, u64, u32)]) -> Option<()> {
        let mut from = 0;
        while !text.is_empty() {
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            let (number, rest) = text.split_at_checked(end)?;
            let number: u64 = number.parse().ok()?;
            let mut letters = rest.chars();
            let unit = letters.next()?.to_ascii_uppercase();
            let place = units.iter().skip(from).position(|(name, ..)| *name == unit)? + from;
            let (_, seconds, months) = units.get(place)?;
            self.seconds = self.seconds.checked_add(number.checked_mul(*seconds)?)?;
            let months = u32::try_from(number.checked_mul(u64::from(*months))?).ok()?;
            self.months = self.months.checked_add(months)?;
            from = place + 1;
            text = letters.as_str();
        }
        Some(())
    }

    /// `5 minutes`, `1 day 12 hours`, `3 months`.
    pub fn words(self) -> String {
        let mut parts = Vec::new();
        let mut push = |number: u64, unit: &str| {
            if number > 0 {
                parts.push(format!("{number} {unit}{}", if number == 1 { "" } else { "s" }));
            }
        };
        push(u64::from(self.months), "month");
        push(self.seconds / 86_400, "day");
        push(self.seconds % 86_400 / 3_600, "hour");
        push(self.seconds % 3_600 / 60, "minute");
        push(self.seconds % 60, "second");
        if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
    }
}

impl ByteSize {
    /// The size in bytes; `None` when the text is no size. `kB`, `MB`, `GB` count by 1,000 and `KiB`, `MiB`, `GiB` by 1,024.
    pub fn bytes(&self) -> Option<u64> {
        let text = match self {
            Self::Bytes(bytes) => return Some(*bytes),
            Self::Text(text) => text.trim(),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" | "bytes" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return None,
        };
        let (whole, tenths) = number.split_once('.').unwrap_or((number, ""));
        let whole: u64 = whole.parse().ok()?;
        let bytes = whole.checked_mul(unit)?;
        if tenths.is_empty() {
            return (!number.ends_with('.')).then_some(bytes);
        }
        if tenths.len() > 6 || unit == 1 {
            return None;
        }
        let scale = 10_u64.pow(u32::try_from(tenths.len()).ok()?);
        bytes.checked_add(tenths.parse::<u64>().ok()?.checked_mul(unit)? / scale)
    }
}

/// `1.2 GB`, `16 kB`, `512 bytes`.
pub(super) fn size_words(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return match tenths % 10 {
                0 => format!("{} {name}", tenths / 10),
                tenth => format!("{}.{tenth} {name}", tenths / 10),
            };
        }
    }
    format!("{bytes} bytes")
}

/// `4,100,000`.
pub(super) fn count_words(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_by_meaning() {
        let span = |text| Span::parse(text);
        assert_eq!(span("PT2H"), span("PT120M"));
        assert_eq!(span("P1W"), Some(Span::seconds(604_800)));
        assert_eq!(span("P1Y2M3DT4H5M6S"), Some(Span { months: 14, seconds: 3 * 86_400 + 4 * 3_600 + 306 }));
        assert_eq!(span("PT5M").map(Span::words).as_deref(), Some("5 minutes"));
        for wrong in
            ["", "P", "PT", "5M", "PT5", "PT5X", "PT5M5M", "PT1.5H", "P1DT", "-PT5M", "PT99999999999999999999S"]
        {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_read_by_meaning() {
        let bytes = |text: &str| ByteSize::Text(text.to_owned()).bytes();
        assert_eq!(bytes("16MiB"), Some(16 << 20));
        assert_eq!(bytes("500kB"), Some(500_000));
        assert_eq!(bytes("1.5 GB"), Some(1_500_000_000));
        assert_eq!(bytes("4096"), Some(4096));
        for wrong in ["", "lots", "5 parsecs", "-1MB", "1.MB", "1.5", "99999999999999999999", "9999999999999GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!(count_words(4_100_000), "4,100,000");
        assert_eq!(count_words(999), "999");
        assert_eq!(size_words(1_250_000_000), "1.2 GB");
        assert_eq!(size_words(16_000), "16 kB");
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,30}") {
            let _ = Span::parse(&text);
            let _ = ByteSize::Text(text).bytes();
        }
    }
}
