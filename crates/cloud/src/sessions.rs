//! Who asks, and the temporary credentials of those who are not the owner of the account.
//!
//! Temporary credentials need no table. Everything they say is in the session token, under a code (HMAC-SHA256) that
//! only the cloud's own key can make; the secret access key is made from the same claims with the same key. So they
//! are good until they expire, also after a restart of the daemon, and nobody can make or change any.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use types::{AccountId, Timestamp};

use crate::state::State;

/// What keeps codes made for different purposes apart.
const DERIVE: &[u8] = b"daemun temporary credentials\0";
const TOKEN: &[u8] = b"daemun session token\0";
const SECRET: &[u8] = b"daemun session secret\0";
const ACCESS_KEY_ID: &[u8] = b"daemun session access key id\0";

/// How many bytes the code at the beginning of a token has.
const CODE_LEN: usize = 32;
/// The longest token that is looked at: names are bounded, so ours are far below.
const MAX_TOKEN_LEN: usize = 4096;
/// The letters of access key ids and of IAM's unique ids.
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whose permissions a session has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// The root user's, by `GetSessionToken`.
    Root,
    /// A role's.
    Role {
        /// The name of the role.
        name: Arc<str>,
        /// Its unique id: a role that was deleted and made again is another.
        id: String,
    },
}

/// What temporary credentials stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The access key id, `ASIA…`.
    pub access_key_id: String,
    /// Whose permissions it has.
    pub holder: Holder,
    /// The name that whoever asked for it gave it; for an instance's credentials the instance id.
    pub name: String,
    /// Since when it is good.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Caller {
    /// The owner of the account, with the root access key; also the daemon itself.
    #[default]
    Root,
    /// Whoever holds temporary credentials.
    Session(Session),
}

impl Caller {
    /// The Amazon resource name that `GetCallerIdentity` answers.
    pub fn arn(&self, account: &AccountId) -> String {
        match self.role() {
            Some((role, _, session)) => format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
            None => format!("arn:aws:iam::{account}:root"),
        }
    }

    /// The unique id that `GetCallerIdentity` answers.
    pub fn user_id(&self, account: &AccountId) -> String {
        match self.role() {
            Some((_, id, session)) => format!("{id}:{session}"),
            None => account.to_string(),
        }
    }

    /// The role's name and unique id, and the session's name, where a role asks.
    pub fn role(&self) -> Option<(&Arc<str>, &str, &str)> {
        match self {
            Self::Session(Session { holder: Holder::Role { name, id }, name: session, .. }) => {
                Some((name, id, session))
            }
            _ => None,
        }
    }
}

/// The three parts of temporary credentials, and until when they are good.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What must go with every request.
    pub session_token: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Shows no secret, so that none reaches a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What temporary credentials are made and checked with. Never shown.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl SessionKey {
    /// The key of a cloud with this secret.
    pub fn derive(secret: &[u8; 32]) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(&Self(*secret).code(DERIVE, &[]).finalize().into_bytes());
        Self(key)
    }

    /// The credentials of a session.
    pub fn credentials(&self, session: &Session) -> Credentials {
        let claims = serde_json::to_vec(session).expect("text and numbers can always be written as JSON");
        let code = self.code(TOKEN, &claims).finalize().into_bytes();
        Credentials {
            access_key_id: session.access_key_id.clone(),
            secret_access_key: self.secret(&claims),
            session_token: STANDARD.encode([&code, claims.as_slice()].concat()),
            expires: session.expires,
        }
    }

    /// The session that a token was made for, and the secret that goes with it; `None` for a token that was not made
    /// with this key or for another access key. Whether the session has expired is not looked at.
    pub fn read(&self, access_key_id: &str, token: &str) -> Option<(Session, String)> {
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (code, claims) = bytes.split_at_checked(CODE_LEN)?;
        // Compares in constant time.
        self.code(TOKEN, claims).verify_slice(code).ok()?;
        let session: Session = serde_json::from_slice(claims).ok()?;
        (session.access_key_id == access_key_id).then(|| (session, self.secret(claims)))
    }

    /// An access key id that is the same whenever it is asked for with the same text.
    pub fn access_key_id(&self, text: &str) -> String {
        let code = self.code(ACCESS_KEY_ID, text.as_bytes()).finalize().into_bytes();
        let mut bytes = code.iter();
        unique_id("ASIA", 16, || u64::from(bytes.next().copied().unwrap_or(0)))
    }

    fn secret(&self, claims: &[u8]) -> String {
        // Thirty bytes are forty letters, as AWS's secrets have.
        STANDARD.encode(&self.code(SECRET, claims).finalize().into_bytes()[..30])
    }

    fn code(&self, purpose: &[u8], data: &[u8]) -> Hmac<Sha256> {
        let mut code = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        code.update(purpose);
        code.update(data);
        code
    }
}

/// A prefix and so many letters and digits, each from the low bits of a number.
pub(crate) fn unique_id(prefix: &str, len: usize, mut random: impl FnMut() -> u64) -> String {
    let letters = (0..len).map(|_| char::from(ID_LETTERS[(random() % ID_LETTERS.len() as u64) as usize]));
    prefix.chars().chain(letters).collect()
}

/// Whether a session stands for somebody who is still there: a role that was deleted has no sessions.
pub fn is_current(state: &State, session: &Session) -> bool {
    match &session.holder {
        Holder::Root => true,
        Holder::Role { name, id } => state.shared.roles.get(name).is_some_and(|role| role.id == *id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            access_key_id: "ASIAAAAAAAAAAAAAAAAA".to_owned(),
            holder: Holder::Role { name: "web".into(), id: "AROAAAAAAAAAAAAAAAAAA".to_owned() },
            name: "alice".to_owned(),
            issued: Timestamp::from_unix_ms(1_000),
            expires: Timestamp::from_unix_ms(901_000),
        }
    }

    #[test]
    fn a_token_says_who_and_gives_the_same_secret() {
        let key = SessionKey::derive(&[7; 32]);
        let made = key.credentials(&session());
        assert_eq!(made.secret_access_key.len(), 40);
        let (read, secret) = key.read(&made.access_key_id, &made.session_token).unwrap();
        assert_eq!((read, secret), (session(), made.secret_access_key.clone()));
        let again = SessionKey::derive(&[7; 32]);
        assert_eq!(again.credentials(&session()), made, "after a restart");
        assert!(!format!("{made:?}{key:?}").contains(&made.secret_access_key));
    }

    #[test]
    fn no_other_token_is_good() {
        let key = SessionKey::derive(&[7; 32]);
        let made = key.credentials(&session());
        assert_eq!(key.read("ASIABBBBBBBBBBBBBBBB", &made.session_token), None, "another access key");
        assert_eq!(SessionKey::derive(&[8; 32]).read(&made.access_key_id, &made.session_token), None);
        let bytes = STANDARD.decode(&made.session_token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(key.read(&made.access_key_id, &STANDARD.encode(changed)), None, "byte {at}");
        }
        for token in ["", "x", "====", &made.session_token[..40], &"A".repeat(5_000)] {
            assert_eq!(key.read(&made.access_key_id, token), None, "{token}");
        }
    }

    #[test]
    fn ids_of_sessions_differ_and_have_their_form() {
        let key = SessionKey::derive(&[7; 32]);
        let id = key.access_key_id("a");
        assert!(id.starts_with("ASIA") && id.len() == 20, "{id}");
        assert_eq!(id, key.access_key_id("a"));
        assert_ne!(id, key.access_key_id("b"));
    }
}
