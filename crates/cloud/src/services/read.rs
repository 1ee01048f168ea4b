//! Members of requests as they travel: the query protocol has texts only, and an empty text for an empty list.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole number, written as one or as text.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    match Option::<Value>::deserialize(from)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            number.as_i64().map(Some).ok_or_else(|| Error::custom(format!("{number} is not a whole number")))
        }
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| Error::custom("a text is given where a whole number belongs"))
        }
        Some(_) => Err(Error::custom("something else is given where a whole number belongs")),
    }
}

/// A list, or the empty text.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        value => serde_json::from_value(value).map_err(Error::custom),
    }
}
