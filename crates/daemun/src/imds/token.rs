//! Session tokens that need no table.
//!
//! A token is a moment of expiry and an HMAC-SHA256 over that moment and the instance. So a token is good for one
//! instance only, there is no limit on how many there are, and they survive a restart of the daemon as long as the
//! secret does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use types::InstanceId;

/// The longest life of a token, in seconds (EC2 User Guide, "Use IMDSv2").
pub const MAX_TTL_S: u32 = 21_600;

/// Keeps these codes apart from any other that may be made with the same secret.
const PURPOSE: &[u8] = b"daemun imds session token\0";

/// Makes and checks tokens.
pub struct Tokens {
    secret: [u8; 32],
}

impl Tokens {
    /// Tokens made with this secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// A token for the instance that is good until this many seconds since the epoch.
    pub fn issue(&self, instance: InstanceId, expires_unix_s: u64) -> String {
        let code = self.code(instance, expires_unix_s).finalize().into_bytes();
        let mut token = [0; 40];
        token[..8].copy_from_slice(&expires_unix_s.to_be_bytes());
        token[8..].copy_from_slice(&code);
        URL_SAFE.encode(token)
    }

    /// How many seconds the token has left; `None` if it is not one of this instance's or has none.
    pub fn seconds_left(&self, instance: InstanceId, token: &[u8], now_unix_s: u64) -> Option<u64> {
        let mut bytes = [0; 40];
        // The decoder wants room for a whole number of groups; a longer text cannot be a token.
        let mut room = [0; 42];
        let length = URL_SAFE.decode_slice(token, &mut room).ok()?;
        if length != bytes.len() {
            return None;
        }
        bytes.copy_from_slice(&room[..length]);
        let (expires, code) = bytes.split_first_chunk::<8>()?;
        let expires_unix_s = u64::from_be_bytes(*expires);
        // Compares in constant time.
        self.code(instance, expires_unix_s).verify_slice(code).ok()?;
        expires_unix_s.checked_sub(now_unix_s).filter(|left| *left > 0)
    }

    fn code(&self, instance: InstanceId, expires_unix_s: u64) -> Hmac<Sha256> {
        let mut code = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        code.update(PURPOSE);
        code.update(&instance.number().to_be_bytes());
        code.update(&expires_unix_s.to_be_bytes());
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InstanceId = InstanceId::from_number(1);
    const OTHER: InstanceId = InstanceId::from_number(2);

    #[test]
    fn a_token_is_good_for_its_instance_until_it_expires() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.issue(ONE, 1_000);
        assert_eq!(token.len(), 56, "as long as EC2's");
        assert_eq!(tokens.seconds_left(ONE, token.as_bytes(), 400), Some(600));
        assert_eq!(tokens.seconds_left(ONE, token.as_bytes(), 1_000), None);
        assert_eq!(tokens.seconds_left(ONE, token.as_bytes(), u64::MAX), None);
        assert_eq!(tokens.seconds_left(OTHER, token.as_bytes(), 400), None);
        assert_eq!(Tokens::new([8; 32]).seconds_left(ONE, token.as_bytes(), 400), None);
        assert_eq!(Tokens::new([7; 32]).seconds_left(ONE, token.as_bytes(), 400), Some(600));
    }

    #[test]
    fn no_changed_token_is_good() {
        let tokens = Tokens::new([7; 32]);
        let token = tokens.issue(ONE, 1_000).into_bytes();
        for index in 0..token.len() {
            let mut changed = token.clone();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.seconds_left(ONE, &changed, 400), None, "byte {index}");
            assert_eq!(tokens.seconds_left(ONE, &token[..index], 400), None, "cut at {index}");
        }
        for odd in [&b""[..], b"=", b"\xff", &[b'A'; 56], &[b'A'; 5_000]] {
            assert_eq!(tokens.seconds_left(ONE, odd, 400), None);
        }
    }
}
