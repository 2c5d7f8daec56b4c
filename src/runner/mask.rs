//! What a masked column carries instead of its values. NULL stays NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, StringArray, new_null_array};

use crate::connectors::LogicalType;
use crate::connectors::spelling::spell;
use crate::plan::spec::MaskSpec;
use crate::workspace::keys::SigningKey;

const REDACTED: &str = "[redacted]";

/// Masks a column. Everything but [`MaskSpec::Null`] is text afterwards.
pub(super) fn mask(array: &ArrayRef, how: MaskSpec, key: &SigningKey) -> ArrayRef {
    match how {
        MaskSpec::Null => new_null_array(array.data_type(), array.len()),
        MaskSpec::Redact => texts(array, |_| REDACTED.to_owned()),
        MaskSpec::Hash => texts(array, |text| key.sign(text.as_bytes())),
        MaskSpec::Partial => texts(array, partial),
    }
}

/// The logical type of a column after its mask.
pub(super) fn masked(from: &LogicalType, how: Option<MaskSpec>) -> LogicalType {
    match how {
        None | Some(MaskSpec::Null) => from.clone(),
        Some(MaskSpec::Hash | MaskSpec::Redact | MaskSpec::Partial) => LogicalType::Text,
    }
}

/// First character and length; a single character would show everything.
fn partial(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.count()) {
        (None, _) => String::new(),
        (Some(_), 0) => "*".to_owned(),
        (Some(first), rest) => std::iter::once(first).chain(std::iter::repeat_n('*', rest)).collect(),
    }
}

/// Turns each value into a text by its own text form.
fn texts(array: &ArrayRef, form: impl Fn(&str) -> String) -> ArrayRef {
    if let Some(strings) = array.as_string_opt::<i32>() {
        return Arc::new(strings.iter().map(|text| text.map(&form)).collect::<StringArray>());
    }
    let masked = (0..array.len())
        .map(|row| array.is_valid(row).then(|| form(&spell(array, row).unwrap_or_default())))
        .collect::<StringArray>();
    Arc::new(masked)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    fn masked_texts(array: ArrayRef, how: MaskSpec) -> Vec<Option<String>> {
        let masked = mask(&array, how, &SigningKey::new([7; 32]));
        masked.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn equal_values_hash_alike_whatever_their_type_and_the_value_is_gone() {
        let text = masked_texts(Arc::new(StringArray::from(vec![Some("42"), None, Some("42")])), MaskSpec::Hash);
        let number = masked_texts(Arc::new(Int64Array::from(vec![42])), MaskSpec::Hash);
        assert_eq!(text[0], text[2]);
        assert_eq!(text[0], number[0]);
        assert_eq!(text[1], None);
        assert_eq!(text[0].as_ref().unwrap().len(), 64);
    }

    #[test]
    fn a_partial_mask_keeps_first_character_and_length() {
        let names = StringArray::from(vec![Some("Zoë"), Some("x"), Some(""), Some("日本語"), None]);
        let masked = masked_texts(Arc::new(names), MaskSpec::Partial);
        let expected = [Some("Z**"), Some("*"), Some(""), Some("日**"), None];
        assert_eq!(masked.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_instant_can_be_masked() {
        let at = arrow::array::TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
        assert_eq!(masked_texts(Arc::new(at), MaskSpec::Partial)[0].as_deref().unwrap().chars().next(), Some('1'));
    }

    #[test]
    fn redact_and_null_leave_nothing() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("secret"), None]));
        assert_eq!(masked_texts(Arc::clone(&names), MaskSpec::Redact), [Some(REDACTED.to_owned()), None]);
        assert_eq!(masked_texts(names, MaskSpec::Null), [None, None]);
    }
}
