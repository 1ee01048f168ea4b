//! Client tokens: a repeated request gets the answer of the first and makes nothing new.
//!
//! Follows the developer guide's page on idempotency. Only requests that succeeded are remembered.

use std::fmt::{Debug, Write};

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::ApiError;
use crate::resource::ClientToken;
use crate::state::{Key, Tables};
use crate::transaction::Transaction;

/// The longest token, in bytes.
pub const MAX_TOKEN_LEN: usize = 64;

/// How long a token is remembered at least, in milliseconds: a day, after which no client still repeats a call.
pub const LIFETIME_MS: i64 = 86_400_000;

/// How many old tokens are looked at, and forgotten if they are too old, whenever one is remembered.
const SWEEP: usize = 8;

/// A digest of a request, to tell whether a repeat asks for the same. Parameters that do not count (the token itself
/// need not be removed) must be taken out beforehand.
pub fn digest(request: &impl Debug) -> String {
    Sha256::digest(format!("{request:?}")).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the first request with this token led to, or `None` if this is the first.
///
/// `scope` is where tokens of the action must differ: a region's own, or a zone. An empty token is none.
///
/// # Errors
/// `InvalidParameterValue` for a token that is too long or not ASCII, `IdempotentParameterMismatch` where the first
/// request had other parameters.
pub fn check(
    context: &Context,
    tables: &Tables,
    action: &str,
    scope: &str,
    token: &str,
    parameters: &str,
) -> Result<Option<String>, ApiError> {
    let invalid = |why| ApiError::invalid_value(format!("Value ({token}) for parameter clientToken is invalid. {why}"));
    if token.len() > MAX_TOKEN_LEN {
        return Err(invalid("Length exceeds maximum of 64."));
    }
    if !token.is_ascii() {
        return Err(invalid("Character sets beyond ASCII are not supported."));
    }
    match tables.client_tokens.get(key(action, scope, token).as_str()) {
        Some(used) if !token.is_empty() && !is_old(context, used) => {
            if used.parameters == parameters {
                Ok(Some(used.result.clone()))
            } else {
                Err(ApiError::new(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
                ))
            }
        }
        _ => Ok(None),
    }
}

/// Remembers what a request with a token led to: `result` is what [`check`] gives to a repeat. An empty token is none.
pub fn remember(
    context: &Context,
    tx: &mut Transaction,
    action: &str,
    scope: &str,
    token: &str,
    parameters: String,
    result: String,
) {
    if token.is_empty() {
        return;
    }
    sweep(context, tx, action, scope);
    tx.put(ClientToken { key: key(action, scope, token).into(), parameters, result, created: context.now });
}

/// Makes what a request asks for, unless an earlier one with its token did: gives the id of what was made, then or now.
///
/// # Errors
/// As [`check`], and what `make` gives.
pub fn once(
    context: &Context,
    tx: &mut Transaction,
    action: &str,
    token: Option<&str>,
    request: &impl Debug,
    make: impl FnOnce(&mut Transaction) -> Result<String, ApiError>,
) -> Result<String, ApiError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return make(tx) };
    let parameters = digest(request);
    if let Some(earlier) = check(context, tx, action, "", token, &parameters)? {
        return Ok(earlier);
    }
    let made = make(tx)?;
    remember(context, tx, action, "", token, parameters, made.clone());
    Ok(made)
}

fn key(action: &str, scope: &str, token: &str) -> String {
    format!("{action}/{scope}/{token}")
}

fn is_old(context: &Context, token: &ClientToken) -> bool {
    token.created.plus_ms(LIFETIME_MS) < context.now
}

/// Forgets some of the tokens that are too old. Every call starts at another place of the alphabet, so that in time all
/// are seen although no call looks at many.
fn sweep(context: &Context, tx: &mut Transaction, action: &str, scope: &str) {
    let draw = context.random();
    let first = char::from(b' ' + (draw % 95) as u8);
    let from: std::sync::Arc<str> = key(action, scope, &format!("{first}{draw:016x}")).into();
    let old: Vec<_> = tx
        .client_tokens
        .range(from..)
        .take(SWEEP)
        .filter(|(_, token)| is_old(context, token))
        .map(|(key, _)| Key::ClientToken(key.clone()))
        .collect();
    for key in old {
        tx.delete(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{context_at, seeded};

    #[test]
    fn a_repeat_gets_the_first_answer_and_other_parameters_none() {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let ask = |tx: &Transaction, scope: &str, token: &str, parameters: &str| {
            check(&context, tx, "RunInstances", scope, token, parameters).map_err(|error| error.code)
        };
        assert_eq!(ask(&tx, "", "once", "a"), Ok(None));
        remember(&context, &mut tx, "RunInstances", "", "once", "a".to_owned(), "r-1".to_owned());
        assert_eq!(ask(&tx, "", "once", "a"), Ok(Some("r-1".to_owned())));
        assert_eq!(ask(&tx, "", "once", "b"), Err("IdempotentParameterMismatch"));
        assert_eq!(ask(&tx, "", "Once", "b"), Ok(None), "tokens are case-sensitive");
        assert_eq!(ask(&tx, "us-east-1a", "once", "b"), Ok(None), "another scope");
        remember(&context, &mut tx, "RunInstances", "", "", "a".to_owned(), "r-2".to_owned());
        assert_eq!(ask(&tx, "", "", "a"), Ok(None), "an empty token is none");
        assert_eq!(ask(&tx, "", &"x".repeat(65), "a"), Err("InvalidParameterValue"));
        assert_eq!(ask(&tx, "", "é", "a"), Err("InvalidParameterValue"));
    }

    #[test]
    fn what_a_token_asks_for_is_made_once() {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let mut made = 0;
        for (token, expected) in [(Some("t"), "1"), (Some("t"), "1"), (None, "2"), (Some(""), "3"), (Some("u"), "4")] {
            let make = |_: &mut Transaction| {
                made += 1;
                Ok(made.to_string())
            };
            assert_eq!(once(&context, &mut tx, "A", token, &"request", make).unwrap(), expected, "{token:?}");
        }
        let refuse = |_: &mut Transaction| Err(ApiError::internal());
        assert!(once(&context, &mut tx, "A", Some("v"), &"request", refuse).is_err());
        assert_eq!(once(&context, &mut tx, "A", Some("v"), &"request", |_| Ok("5".to_owned())).unwrap(), "5");
        let other = once(&context, &mut tx, "A", Some("t"), &"another request", |_| Ok("6".to_owned()));
        assert_eq!(other.unwrap_err().code, "IdempotentParameterMismatch");
    }

    #[test]
    fn old_tokens_are_forgotten_and_their_room_given_back() {
        let (context, state) = seeded();
        let mut tx = Transaction::new(&state, context.region.clone());
        let late = context_at(context.now.plus_ms(LIFETIME_MS + 1));
        for i in 0..300 {
            remember(&context, &mut tx, "A", "", &format!("{:x}", i * 7919), "a".to_owned(), "r-1".to_owned());
        }
        assert_eq!(check(&late, &tx, "A", "", "0", "other"), Ok(None));
        for i in 0..1_000 {
            remember(&late, &mut tx, "A", "", &format!("new-{}", i % 5), "a".to_owned(), "r-1".to_owned());
        }
        let old = tx.client_tokens.values().filter(|token| token.created == context.now).count();
        assert!(old < 30, "{old} of 300 old tokens are still there");
    }

    #[test]
    fn a_digest_tells_requests_apart() {
        use ec2_shapes::RunInstancesRequest;
        let one = RunInstancesRequest { min_count: 1, ..RunInstancesRequest::default() };
        let two = RunInstancesRequest { min_count: 2, ..RunInstancesRequest::default() };
        assert_eq!(digest(&one), digest(&one.clone()));
        assert_ne!(digest(&one), digest(&two));
    }
}
