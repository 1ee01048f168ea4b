//! Looking resources up by the ids a request names.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use imbl::OrdMap;

use crate::error::ApiError;
use crate::kind::Resource;
use crate::state::Tables;

/// The id in `text`.
///
/// # Errors
/// `malformed_code` (such as `InvalidInstanceID.Malformed`) with EC2's text where it is not an id of this kind.
pub fn parse_id<K: FromStr>(text: &str, prefix: &str, malformed_code: &'static str) -> Result<K, ApiError> {
    text.parse()
        .map_err(|_| ApiError::new(malformed_code, format!("Invalid id: \"{text}\" (expecting \"{prefix}-...\")")))
}

/// The error for ids that name nothing, in EC2's words; `noun` is how it calls one of them, such as `vpc ID`.
pub fn not_found(code: &'static str, noun: &str, missing: &[String]) -> ApiError {
    let ids = missing.join(", ");
    ApiError::new(
        code,
        match missing {
            [_, _, ..] => format!("The {noun}s '{ids}' do not exist"),
            _ => format!("The {noun} '{ids}' does not exist"),
        },
    )
}

/// The resources with these ids, in the order of the ids; all of the table where no id is named.
///
/// # Errors
/// What `parse` gives for a malformed id; `not_found(missing ids)` where one or more do not exist.
pub fn find_all<'a, K: Ord + Clone, T>(
    table: &'a OrdMap<K, Arc<T>>,
    ids: &[String],
    parse: impl Fn(&str) -> Result<K, ApiError>,
    not_found: impl Fn(&[String]) -> ApiError,
) -> Result<Vec<&'a Arc<T>>, ApiError> {
    if ids.is_empty() {
        return Ok(table.values().collect());
    }
    // By key, so that an id named twice is found once; with the text that was given, which an error repeats as it is.
    let keys = ids.iter().map(|id| Ok((parse(id)?, id))).collect::<Result<BTreeMap<_, _>, ApiError>>()?;
    let missing: Vec<String> =
        keys.iter().filter(|(key, _)| !table.contains_key(*key)).map(|(_, id)| (*id).clone()).collect();
    if missing.is_empty() {
        Ok(keys.keys().filter_map(|key| table.get(key)).collect())
    } else {
        Err(not_found(&missing))
    }
}

/// A resource with its id, where it lies.
pub type Found<'a, R> = (&'a <R as Resource>::Id, &'a Arc<R>);

/// The resources of a kind with these ids, by id; all of them where none is named.
///
/// # Errors
/// The kind's own for a malformed id, or for those that do not exist.
pub fn find<'a, R: Resource>(tables: &'a Tables, ids: &[String]) -> Result<Vec<Found<'a, R>>, ApiError> {
    let table = R::table(tables);
    if ids.is_empty() {
        return Ok(table.iter().collect());
    }
    let parse = |text: &String| text.parse::<R::Id>().map_err(|_| R::KIND.malformed(text));
    // By key, so that an id named twice is found once; with the text that was given, which an error repeats as it is.
    let keys = ids.iter().map(|text| Ok((parse(text)?, text))).collect::<Result<BTreeMap<_, _>, ApiError>>()?;
    let missing: Vec<&String> =
        keys.iter().filter(|(key, _)| !table.contains_key(*key)).map(|(_, text)| *text).collect();
    if !missing.is_empty() {
        return Err(R::KIND.not_found(&missing));
    }
    Ok(keys.keys().filter_map(|key| table.get_key_value(key)).collect())
}
