//! Public keys in the formats that ImportKeyPair takes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use ssh_key::public::KeyData;

use super::{colon_hex, sha256_fingerprint};
use crate::error::ApiError;
use crate::resource::KeyType;

/// The lengths of RSA keys that may be imported, in bits.
const RSA_LENGTHS: [usize; 3] = [1024, 2048, 4096];
/// No key of these kinds takes more bytes than this in any of the formats.
const MAX_MATERIAL_LEN: usize = 16_384;

const RFC4716_BEGIN: &str = "---- BEGIN SSH2 PUBLIC KEY ----";
const RFC4716_END: &str = "---- END SSH2 PUBLIC KEY ----";

/// A public key that may be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm.
    pub key_type: KeyType,
    /// As a line of `authorized_keys`, without a comment.
    pub openssh: String,
    /// As EC2 shows it for imported keys.
    pub fingerprint: String,
}

/// Reads a public key: a line of OpenSSH's, base64 of DER (SubjectPublicKeyInfo, RSA only), or RFC 4716.
///
/// # Errors
/// `InvalidKey.Format` for anything else, for other algorithms, and for RSA keys not of 1024, 2048 or 4096 bits.
pub fn parse_public(material: &[u8]) -> Result<PublicKey, ApiError> {
    let text = Some(material)
        .filter(|material| material.len() <= MAX_MATERIAL_LEN)
        .and_then(|material| std::str::from_utf8(material).ok())
        .map(str::trim)
        .ok_or_else(not_a_key)?;
    let key = if text.starts_with(RFC4716_BEGIN) {
        ssh_key::PublicKey::from_bytes(&rfc4716_body(text)?).map_err(|_| not_a_key())?
    } else if text.contains(' ') {
        ssh_key::PublicKey::from_openssh(text).map_err(|_| not_a_key())?
    } else {
        from_der(&decode_base64(text)?)?
    };
    describe(&key)
}

fn not_a_key() -> ApiError {
    ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

fn describe(key: &ssh_key::PublicKey) -> Result<PublicKey, ApiError> {
    let (key_type, fingerprint) = match key.key_data() {
        KeyData::Rsa(numbers) => {
            let number = |mpint: &ssh_key::Mpint| mpint.as_positive_bytes().map(BigUint::from_bytes_be);
            let (n, e) = number(&numbers.n).zip(number(&numbers.e)).ok_or_else(not_a_key)?;
            (KeyType::Rsa, rsa_fingerprint(&RsaPublicKey::new(n, e).map_err(|_| not_a_key())?)?)
        }
        KeyData::Ed25519(_) => (KeyType::Ed25519, sha256_fingerprint(key)),
        _ => return Err(not_a_key()),
    };
    let bare = ssh_key::PublicKey::new(key.key_data().clone(), "");
    let openssh = bare.to_openssh().map_err(|_| not_a_key())?.trim_end().to_owned();
    Ok(PublicKey { key_type, openssh, fingerprint })
}

fn rsa_fingerprint(key: &RsaPublicKey) -> Result<String, ApiError> {
    if !RSA_LENGTHS.contains(&key.n().bits()) {
        return Err(ApiError::new("InvalidKey.Format", "The length of an RSA key must be 1024, 2048 or 4096 bits"));
    }
    let der = key.to_public_key_der().map_err(|_| not_a_key())?;
    Ok(colon_hex(&Md5::digest(der.as_bytes())))
}

fn from_der(der: &[u8]) -> Result<ssh_key::PublicKey, ApiError> {
    let key = RsaPublicKey::from_public_key_der(der).map_err(|_| not_a_key())?;
    let key = ssh_key::public::RsaPublicKey::try_from(key).map_err(|_| not_a_key())?;
    Ok(ssh_key::PublicKey::new(KeyData::Rsa(key), ""))
}

/// The key inside the armour of RFC 4716; its headers, each possibly continued by a backslash, are skipped.
fn rfc4716_body(text: &str) -> Result<Vec<u8>, ApiError> {
    let inner = text.strip_prefix(RFC4716_BEGIN).and_then(|rest| rest.strip_suffix(RFC4716_END));
    let mut body = String::new();
    let mut in_header = false;
    for line in inner.ok_or_else(not_a_key)?.lines() {
        if in_header || line.contains(':') {
            in_header = line.ends_with('\\');
        } else {
            body.push_str(line.trim());
        }
    }
    decode_base64(&body)
}

fn decode_base64(text: &str) -> Result<Vec<u8>, ApiError> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| not_a_key())
}

#[cfg(test)]
mod tests {
    use super::super::tests::rsa_key;
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKud0C0XVIlzBcqH6I22AFnBlHyWysOpBbLl8zoAV5up";

    fn rsa_line() -> String {
        let key = ssh_key::public::RsaPublicKey::try_from(rsa_key().to_public_key()).unwrap();
        ssh_key::PublicKey::new(KeyData::Rsa(key), "").to_openssh().unwrap().trim().to_owned()
    }

    #[test]
    fn an_imported_rsa_key_is_known_by_its_public_half_in_every_format() {
        let line = rsa_line();
        let der = rsa_key().to_public_key().to_public_key_der().unwrap();
        let body = line.split(' ').nth(1).unwrap();
        let wrapped = body.as_bytes().chunks(70).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>();
        let rfc4716 = format!(
            "{RFC4716_BEGIN}\r\nSubject: me\r\nComment: \"long, \\\r\n  with colon: and: more\"\r\n{}\r\n{RFC4716_END}\r\n",
            wrapped.join("\r\n")
        );
        for material in [line.clone(), format!("{line} me@example\n"), STANDARD.encode(der.as_bytes()), rfc4716] {
            let key = parse_public(material.as_bytes()).unwrap();
            assert_eq!(key.key_type, KeyType::Rsa);
            assert_eq!(key.openssh, line);
            assert_eq!(key.fingerprint, "e4:b3:5f:ba:6d:f5:a0:ae:55:e4:df:bd:67:a7:af:91");
        }
    }

    #[test]
    fn an_imported_ed25519_key_is_known_by_openssh_s_fingerprint() {
        let key = parse_public(format!("  {ED25519} someone@somewhere\n").as_bytes()).unwrap();
        assert_eq!(key.key_type, KeyType::Ed25519);
        assert_eq!(key.openssh, ED25519);
        assert_eq!(key.fingerprint, "51vYYKUrTQlTwlKZyyIrBYZwEOc3A0+uMJxzHCPADB8=");
    }

    #[test]
    fn other_keys_are_refused() {
        let short = {
            let number = |bits: usize| (BigUint::from(1u8) << (bits - 1)) + BigUint::from(1u8);
            let key = RsaPublicKey::new(number(1536), BigUint::from(65_537u32)).unwrap();
            STANDARD.encode(key.to_public_key_der().unwrap().as_bytes())
        };
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        let truncated = &ED25519[..ED25519.len() - 4];
        let two = format!("{ED25519}\n{ED25519}");
        for material in ["", "ssh-ed25519", "not a key", "AAAA", &short, ecdsa, truncated, RFC4716_BEGIN, &two] {
            assert_eq!(parse_public(material.as_bytes()).unwrap_err().code, "InvalidKey.Format", "{material:?}");
        }
        assert!(parse_public(&[0xff, 0xfe]).is_err());
        assert!(parse_public(" ".repeat(MAX_MATERIAL_LEN + 1).as_bytes()).is_err());
    }
}
