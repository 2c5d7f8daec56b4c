//! What a masked column carries instead of its values. NULL stays NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BinaryArray, StringArray, new_null_array};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::failure::Failure;
use crate::connectors::{ErrorKind, LogicalType};
use crate::plan::spec::MaskSpec;
use crate::workspace::keys::SigningKey;

const REDACTED: &str = "[redacted]";

/// Masks a column. Everything but [`MaskSpec::Null`] is text afterwards.
pub(super) fn mask(array: &ArrayRef, how: MaskSpec, key: &SigningKey) -> Result<ArrayRef, Failure> {
    match how {
        MaskSpec::Null => Ok(new_null_array(array.data_type(), array.len())),
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
fn texts(array: &ArrayRef, form: impl Fn(&str) -> String) -> Result<ArrayRef, Failure> {
    if let Some(strings) = array.as_string_opt::<i32>() {
        return Ok(Arc::new(strings.iter().map(|text| text.map(&form)).collect::<StringArray>()));
    }
    if *array.data_type() == DataType::Binary {
        let values: &BinaryArray = array.as_binary();
        return Ok(Arc::new(values.iter().map(|bytes| bytes.map(|b| form(&hex::encode(b)))).collect::<StringArray>()));
    }
    let options = FormatOptions::default().with_display_error(true);
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options).map_err(|error| {
        let mut failure = Failure::new(ErrorKind::Bug, "A column of this type cannot be masked.");
        failure.error = failure.error.because(error);
        failure
    })?;
    let masked = (0..array.len())
        .map(|row| array.is_valid(row).then(|| form(&formatter.value(row).to_string())))
        .collect::<StringArray>();
    Ok(Arc::new(masked))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    fn masked_texts(array: ArrayRef, how: MaskSpec) -> Vec<Option<String>> {
        let masked = mask(&array, how, &SigningKey::new([7; 32])).unwrap();
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
    fn redact_and_null_leave_nothing() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("secret"), None]));
        assert_eq!(masked_texts(Arc::clone(&names), MaskSpec::Redact), [Some(REDACTED.to_owned()), None]);
        assert_eq!(masked_texts(names, MaskSpec::Null), [None, None]);
    }
}
