//! PostgreSQL's types: what a column's values mean, and in which form they cross the wire.

use super::NumericColumns;
use crate::connectors::{LogicalType, Unit};

/// The type of a column as the catalog has it, domains already resolved to what they are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PgType {
    pub(super) oid: u32,
    /// −1 when the type has no modifier.
    pub(super) modifier: i32,
    /// `pg_type.typtype`: `b` base, `e` enum, `c` composite, `r` range, …
    pub(super) form: char,
    /// `pg_type.typcategory`: `A` array, `S` string, …
    pub(super) category: char,
    /// With modifier: `numeric(12,2)`.
    pub(super) spelled: String,
    /// Without modifier, as a cast names it: `numeric`, `"bit"`.
    pub(super) bare: String,
    /// A cast to text that is a function, whose result can differ from the type's output form (`inet`).
    pub(super) own_text_cast: bool,
}

/// A form in which values cross in binary COPY. Types without one cross as [`Wire::Text`], in their output form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Declared precision and scale.
    Numeric(Option<(i32, i32)>),
    /// Longest length in characters.
    Text(Option<usize>),
    Bytea,
    Uuid,
    Json,
    Jsonb,
    Date,
    /// Digits of a second that the column keeps, 6 at most.
    Time(u8),
    Timestamp {
        zoned: bool,
        digits: u8,
    },
}

impl PgType {
    /// The binary form, for types that have one here.
    pub(super) fn wire(&self) -> Option<Wire> {
        let digits = u8::try_from(self.modifier).ok().filter(|digits| *digits < 6).unwrap_or(6);
        let length = usize::try_from(self.modifier - 4).ok();
        Some(match self.oid {
            16 => Wire::Bool,
            21 => Wire::Int2,
            23 => Wire::Int4,
            20 => Wire::Int8,
            700 => Wire::Float4,
            701 => Wire::Float8,
            1700 => Wire::Numeric(numeric_bounds(self.modifier)),
            25 => Wire::Text(None),
            1042 | 1043 => Wire::Text(length),
            17 => Wire::Bytea,
            2950 => Wire::Uuid,
            114 => Wire::Json,
            3802 => Wire::Jsonb,
            1082 => Wire::Date,
            1083 => Wire::Time(digits),
            1114 => Wire::Timestamp { zoned: false, digits },
            1184 => Wire::Timestamp { zoned: true, digits },
            // An enum's binary form is its label.
            _ if self.form == 'e' => Wire::Text(None),
            _ => return None,
        })
    }

    /// What the values mean.
    pub(super) fn logical(&self, numeric: NumericColumns) -> LogicalType {
        match self.wire() {
            Some(Wire::Bool) => LogicalType::Boolean,
            Some(Wire::Int2) => LogicalType::Int16,
            Some(Wire::Int4) => LogicalType::Int32,
            Some(Wire::Int8) => LogicalType::Int64,
            Some(Wire::Float4) => LogicalType::Float32,
            Some(Wire::Float8) => LogicalType::Float64,
            Some(Wire::Numeric(bounds)) => bounds
                .filter(|_| numeric == NumericColumns::Decimal)
                .and_then(|(precision, scale)| decimal(precision, scale))
                .unwrap_or(LogicalType::Numeric),
            Some(Wire::Text(_)) if self.form == 'e' => LogicalType::Enum,
            Some(Wire::Text(_)) => LogicalType::Text,
            Some(Wire::Bytea) => LogicalType::Binary,
            Some(Wire::Uuid) => LogicalType::Uuid,
            Some(Wire::Json | Wire::Jsonb) => LogicalType::Json,
            Some(Wire::Date) => LogicalType::Date,
            Some(Wire::Time(_)) => LogicalType::Time,
            Some(Wire::Timestamp { zoned, .. }) => LogicalType::Timestamp { unit: Unit::Microsecond, zoned },
            None => match (self.oid, self.category) {
                (1186, _) => LogicalType::Interval,
                // `name` and `citext`, but not `"char"` and other internal ones.
                (19, _) => LogicalType::Text,
                (_, 'S') if self.spelled.ends_with("citext") => LogicalType::Text,
                (_, 'A') => LogicalType::Array,
                _ => LogicalType::Other,
            },
        }
    }
}

/// Arrow's decimals have at most 76 digits, and no more of them behind the point than in all.
fn decimal(precision: i32, scale: i32) -> Option<LogicalType> {
    let precision = u8::try_from(precision).ok().filter(|digits| *digits <= 76)?;
    let scale = i8::try_from(scale).ok().filter(|scale| *scale >= 0 && scale.unsigned_abs() <= precision)?;
    Some(LogicalType::Decimal { precision, scale })
}

/// Precision and scale in a modifier; the scale is 11 bits with sign.
fn numeric_bounds(modifier: i32) -> Option<(i32, i32)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some(((packed >> 16) & 0xffff, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in super::super) fn of(oid: u32, modifier: i32) -> PgType {
        PgType {
            oid,
            modifier,
            form: 'b',
            category: 'X',
            spelled: "x".to_owned(),
            bare: "x".to_owned(),
            own_text_cast: false,
        }
    }

    #[test]
    fn bounded_numerics_are_decimals_and_the_rest_is_exact_text() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        let logical = |precision, scale| of(1700, modifier(precision, scale)).logical(NumericColumns::Decimal);
        assert_eq!(logical(12, 2), LogicalType::Decimal { precision: 12, scale: 2 });
        assert_eq!(logical(76, 76), LogicalType::Decimal { precision: 76, scale: 76 });
        assert_eq!(logical(77, 0), LogicalType::Numeric);
        assert_eq!(logical(2, -3), LogicalType::Numeric);
        assert_eq!(logical(3, 5), LogicalType::Numeric);
        assert_eq!(of(1700, -1).logical(NumericColumns::Decimal), LogicalType::Numeric);
        assert_eq!(of(1700, modifier(12, 2)).logical(NumericColumns::Text), LogicalType::Numeric);
    }

    #[test]
    fn a_time_keeps_as_many_digits_as_its_modifier_says() {
        assert_eq!(of(1083, 3).wire(), Some(Wire::Time(3)));
        assert_eq!(of(1083, -1).wire(), Some(Wire::Time(6)));
        assert_eq!(of(1114, 0).wire(), Some(Wire::Timestamp { zoned: false, digits: 0 }));
        assert_eq!(of(1043, 9).wire(), Some(Wire::Text(Some(5))));
        assert_eq!(of(1043, -1).wire(), Some(Wire::Text(None)));
    }
}
