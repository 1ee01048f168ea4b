//! Pages: `MaxResults` in, `NextToken` in and out.
//!
//! A token names the last item of its page, so that a listing goes on where it was even when other items came or
//! went in between.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ApiError;

/// What `MaxResults` may be for an action.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// The smallest page that may be asked for.
    pub min: i32,
    /// The largest; a larger wish is an error.
    pub max: i32,
}

impl PageLimits {
    /// 5 to 1000, as most describing actions have.
    pub const USUAL: Self = Self { min: 5, max: 1000 };
}

/// The version letter of our tokens, so that a token of another form is recognised.
const TOKEN_PREFIX: &str = "d1:";

/// One page of `items`, which are in the order of `key`, and the token of the next page.
///
/// Without `max_results` and token everything is returned, as on AWS.
///
/// # Errors
/// `InvalidParameterValue` for a page size out of bounds, `InvalidNextToken` for a token that is not ours,
/// `InvalidParameterCombination` where ids (the parameter `ids_name` on the wire) come with a page size.
pub fn page<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    limits: PageLimits,
    max_results: Option<i32>,
    next_token: Option<&str>,
    ids_name: Option<&str>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    if let Some(max) = max_results {
        if let Some(ids_name) = ids_name {
            return Err(ApiError::invalid_combination(format!(
                "The parameter {ids_name} cannot be used with the parameter maxResults"
            )));
        }
        check_size(max, limits)?;
    }
    let after = next_token.filter(|t| !t.is_empty()).map(read_token).transpose()?;
    let mut rest = items.skip_while(|item| after.as_ref().is_some_and(|after| key(item) <= *after));
    let Some(max) = max_results else {
        return Ok((rest.collect(), None));
    };
    let size = usize::try_from(max).unwrap_or(0);
    let page: Vec<T> = rest.by_ref().take(size).collect();
    let token = match (rest.next(), page.last()) {
        (Some(_), Some(last)) => Some(write_token(&key(last))),
        _ => None,
    };
    Ok((page, token))
}

fn check_size(max: i32, limits: PageLimits) -> Result<(), ApiError> {
    let bound = if max < limits.min {
        format!("greater than {}", limits.min)
    } else if max > limits.max {
        format!("less than {}", limits.max)
    } else {
        return Ok(());
    };
    Err(ApiError::invalid_value(format!(
        "Value ( {max} ) for parameter maxResults is invalid. Expecting a value {bound}."
    )))
}

fn write_token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{key}"))
}

fn read_token(token: &str) -> Result<String, ApiError> {
    let bad = || ApiError::new("InvalidNextToken", format!("The token '{token}' is invalid"));
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    text.strip_prefix(TOKEN_PREFIX).map(str::to_owned).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(max: Option<i32>, token: Option<&str>) -> Result<(Vec<u32>, Option<String>), ApiError> {
        page(100..112, ToString::to_string, PageLimits::USUAL, max, token, None)
    }

    #[test]
    fn pages_cover_everything_once() {
        let mut seen = Vec::new();
        let mut token = None;
        for _ in 0..10 {
            let (items, next) = all(Some(5), token.as_deref()).unwrap();
            seen.extend(items);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, (100..112).collect::<Vec<_>>());
        assert_eq!(all(Some(12), None).unwrap().1, None);
        assert_eq!(all(None, None).unwrap().0.len(), 12);
    }

    #[test]
    fn bad_sizes_and_tokens_are_refused() {
        assert_eq!(all(Some(4), None).unwrap_err().code, "InvalidParameterValue");
        assert_eq!(all(Some(1001), None).unwrap_err().code, "InvalidParameterValue");
        for token in ["x", "!!", "AAAA"] {
            assert_eq!(all(None, Some(token)).unwrap_err().code, "InvalidNextToken", "{token}");
        }
        let with_ids = page(0..9, u32::to_string, PageLimits::USUAL, Some(5), None, Some("instancesSet"));
        assert_eq!(with_ids.unwrap_err().code, "InvalidParameterCombination");
    }
}
