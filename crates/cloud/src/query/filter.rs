//! Filters, as the EC2 User Guide's page on filtering describes them.
//!
//! Names and values are case-sensitive. The values of a filter are alternatives, the filters must all match. `*`
//! stands for any number of characters, `?` for one or none, and a backslash takes both literally. `tag:KEY` looks
//! at the value of a tag, `tag-key` at the keys.

use ec2_shapes::Filter;

use crate::error::ApiError;
use crate::resource::Tags;

/// The most values one filter may have.
const MAX_VALUES: usize = 200;

/// A resource that filters can look at.
pub trait Filterable {
    /// The filters this kind of resource knows, beside `tag:KEY` and `tag-key`.
    const NAMES: &'static [&'static str];

    /// Hands each value the resource has under a filter of [`Self::NAMES`] to `found`.
    fn values(&self, name: &str, found: &mut dyn FnMut(&str));

    /// Its tags; `None` for kinds that cannot be tagged.
    fn tags(&self) -> Option<&Tags>;
}

/// Filters whose names were checked.
#[derive(Debug)]
pub struct Filters<'a> {
    filters: Vec<(&'a str, &'a [String])>,
}

impl<'a> Filters<'a> {
    /// The filters of a request for resources of kind `T`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a name the kind does not know, `FilterLimitExceeded` for too many values.
    pub fn new<T: Filterable>(filters: &'a [Filter]) -> Result<Self, ApiError> {
        let checked = filters.iter().map(|filter| {
            let name = filter.name.as_deref().ok_or_else(|| ApiError::missing("Filter.Name"))?;
            if !(T::NAMES.contains(&name) || name == "tag-key" || name.starts_with("tag:")) {
                return Err(ApiError::invalid_value(format!("The filter '{name}' is invalid")));
            }
            if filter.values.is_empty() {
                return Err(ApiError::invalid_value(format!("The filter '{name}' must have at least one value")));
            }
            if filter.values.len() > MAX_VALUES {
                let message = format!("The maximum number of filter values specified on a single call is {MAX_VALUES}");
                return Err(ApiError::new("FilterLimitExceeded", message));
            }
            Ok((name, filter.values.as_slice()))
        });
        Ok(Self { filters: checked.collect::<Result<_, _>>()? })
    }

    /// Whether the resource passes all filters.
    pub fn matches<T: Filterable>(&self, resource: &T) -> bool {
        self.filters.iter().all(|(name, patterns)| {
            let any = |value: &str| patterns.iter().any(|pattern| wildcard_matches(pattern, value));
            if let Some(key) = name.strip_prefix("tag:") {
                return resource.tags().and_then(|tags| tags.get(key)).is_some_and(|value| any(value));
            }
            if *name == "tag-key" {
                return resource.tags().is_some_and(|tags| tags.keys().any(|key| any(key)));
            }
            let mut matched = false;
            resource.values(name, &mut |value| matched = matched || any(value));
            matched
        })
    }
}

/// Whether the whole of `text` matches `pattern`, in time proportional to the product of their lengths.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == text;
    }
    #[derive(PartialEq)]
    enum Part {
        Any,
        AtMostOne,
        Exactly(char),
    }
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' if parts.last() == Some(&Part::Any) => {}
            '*' => parts.push(Part::Any),
            '?' => parts.push(Part::AtMostOne),
            '\\' => parts.push(Part::Exactly(chars.next().unwrap_or('\\'))),
            other => parts.push(Part::Exactly(other)),
        }
    }
    // reach[i]: the first i parts match the text read so far.
    let mut reach = vec![false; parts.len() + 1];
    reach[0] = true;
    let skip_optional = |reach: &mut [bool]| {
        for (i, part) in parts.iter().enumerate() {
            if reach[i] && matches!(part, Part::Any | Part::AtMostOne) {
                reach[i + 1] = true;
            }
        }
    };
    skip_optional(&mut reach);
    for c in text.chars() {
        let mut next = vec![false; parts.len() + 1];
        for (i, part) in parts.iter().enumerate() {
            match part {
                Part::Any if reach[i] => next[i] = true,
                Part::AtMostOne if reach[i] => next[i + 1] = true,
                Part::Exactly(wanted) if reach[i] && *wanted == c => next[i + 1] = true,
                _ => {}
            }
        }
        skip_optional(&mut next);
        reach = next;
    }
    reach[parts.len()]
}

#[cfg(test)]
mod tests {
    use super::wildcard_matches as m;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("web", "web", true),
            ("web", "Web", false),
            ("web*", "web-1", true),
            ("*", "", true),
            ("w?b", "wb", true),
            ("w?b", "web", true),
            ("w?b", "weeb", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            (r"\*amazon\?\\", r"*amazon?\", true),
            (r"\*", "x", false),
            ("", "", true),
            ("", "a", false),
            ("?", "", true),
            ("debian-*-x86_64", "debian-12-x86_64", true),
        ] {
            assert_eq!(m(pattern, text), expected, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn hostile_patterns_stay_cheap() {
        let pattern = "*a".repeat(500);
        assert!(!m(&pattern, &"b".repeat(5_000)));
    }
}
