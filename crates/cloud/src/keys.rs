//! Key pairs: making them, reading public keys in the formats EC2 takes, fingerprints.
//!
//! Follows the EC2 User Guide's pages on creating key pairs and on their fingerprints. A created RSA key is known by
//! its private half (SHA-1 of PKCS#8), an imported one by its public half (MD5 of SubjectPublicKeyInfo), an Ed25519
//! key always by OpenSSH's SHA-256.

mod ppk;
mod public;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use sha1::{Digest, Sha1};
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{HashAlg, PrivateKey};

use crate::resource::{GeneratedKey, KeyFormat, KeyType};

pub use public::{PublicKey, parse_public};
/// The operating system's randomness, for [`generate`].
pub use ssh_key::rand_core::OsRng;
pub use ssh_key::rand_core::{CryptoRngCore, Error as RandomError};

/// The length of RSA keys made here, in bits.
pub const RSA_BITS: usize = 2048;

/// Why a key could not be made. None of these has to do with what the caller asked for.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// No RSA key was found.
    #[error("no RSA key could be generated")]
    Rsa(#[source] rsa::Error),
    /// The private half could not be written as PKCS#1.
    #[error("the RSA key could not be encoded as PKCS#1")]
    Pkcs1(#[source] rsa::pkcs1::Error),
    /// The private half could not be written as PKCS#8.
    #[error("the RSA key could not be encoded as PKCS#8")]
    Pkcs8(#[source] rsa::pkcs8::Error),
    /// The key could not be written in a format of SSH's.
    #[error("the key could not be encoded for SSH")]
    Ssh(#[source] ssh_key::Error),
}

impl From<ssh_key::Error> for GenerateError {
    fn from(error: ssh_key::Error) -> Self {
        Self::Ssh(error)
    }
}

/// Makes a key pair. An RSA key takes a good part of a second, so this is done before the writer is asked.
///
/// PEM means PKCS#1 for RSA and OpenSSH's own format for Ed25519; PPK is version 2, which every program that reads
/// PuTTY's keys understands. Neither is encrypted.
///
/// # Errors
/// Only where the key could not be made or encoded, never because of the wish.
pub fn generate(
    key_type: KeyType,
    format: KeyFormat,
    rng: &mut impl CryptoRngCore,
) -> Result<GeneratedKey, GenerateError> {
    match key_type {
        KeyType::Rsa => from_rsa(&RsaPrivateKey::new(rng, RSA_BITS).map_err(GenerateError::Rsa)?, format),
        KeyType::Ed25519 => from_ed25519(Ed25519Keypair::random(rng), format),
    }
}

fn from_rsa(key: &RsaPrivateKey, format: KeyFormat) -> Result<GeneratedKey, GenerateError> {
    let pkcs8 = key.to_pkcs8_der().map_err(GenerateError::Pkcs8)?;
    let fingerprint = colon_hex(&Sha1::digest(pkcs8.as_bytes()));
    let pkcs1 = key.to_pkcs1_pem(LineEnding::LF).map_err(GenerateError::Pkcs1)?;
    let private = PrivateKey::new(KeypairData::Rsa(RsaKeypair::try_from(key)?), "")?;
    finish(&private, KeyType::Rsa, format, pkcs1.to_string(), fingerprint)
}

fn from_ed25519(key: Ed25519Keypair, format: KeyFormat) -> Result<GeneratedKey, GenerateError> {
    let private = PrivateKey::new(KeypairData::Ed25519(key), "")?;
    let pem = private.to_openssh(LineEnding::LF)?.to_string();
    let fingerprint = sha256_fingerprint(private.public_key());
    finish(&private, KeyType::Ed25519, format, pem, fingerprint)
}

/// The public half of a private key, as a line of `authorized_keys` without a comment; `None` where the text is none of
/// the forms that `ssh` takes for one. A passphrase does not hide it in OpenSSH's own form.
pub fn public_half(private: &str) -> Option<String> {
    let public = match PrivateKey::from_openssh(private) {
        Ok(key) => key.public_key().clone(),
        Err(_) => {
            let key =
                RsaPrivateKey::from_pkcs1_pem(private).or_else(|_| RsaPrivateKey::from_pkcs8_pem(private)).ok()?;
            PrivateKey::new(KeypairData::Rsa(RsaKeypair::try_from(&key).ok()?), "").ok()?.public_key().clone()
        }
    };
    let line = public.to_openssh().ok()?;
    Some(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn finish(
    private: &PrivateKey,
    key_type: KeyType,
    format: KeyFormat,
    pem: String,
    fingerprint: String,
) -> Result<GeneratedKey, GenerateError> {
    let private_material = match format {
        KeyFormat::Pem => pem,
        KeyFormat::Ppk => ppk::encode(private)?,
    };
    let public_openssh = private.public_key().to_openssh()?.trim_end().to_owned();
    Ok(GeneratedKey { key_type, private_material, public_openssh, fingerprint })
}

/// As EC2 shows it: the digest that OpenSSH prints, in base64 with its padding and without the prefix.
fn sha256_fingerprint(key: &ssh_key::PublicKey) -> String {
    STANDARD.encode(key.fingerprint(HashAlg::Sha256).as_bytes())
}

fn colon_hex(bytes: &[u8]) -> String {
    bytes.iter().enumerate().fold(String::new(), |mut text, (i, byte)| {
        let _ = write!(text, "{}{byte:02x}", if i == 0 { "" } else { ":" });
        text
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rsa::BigUint;

    /// A 1024-bit RSA key that OpenSSL made for this test; the expectations come from OpenSSL and
    /// PuTTYgen 0.78.
    pub(crate) fn rsa_key() -> RsaPrivateKey {
        let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap();
        let p = number(
            "fa24e8362012434956eb9222a173fc4083d69330acf7734b4aec3451dae3c95c\
             cf09b6619d70c88cb008439abc69f6de3a7a7f9bdc382e9d283e12681d343679",
        );
        let q = number(
            "c5f157925674f89c4d8bdbb380f223146ac2196010a91e0d758611f18a31cc10\
             3b756295f0b9bcc35c397eea9554b128e8c54ba666ab0eb46e9a6ab5bfb3f3bd",
        );
        let d = number(
            "61248cc54d4d6852b706cb7d6a6eda4a74ab2786f5706bfefb83bcba2e149479\
             bc01c4305273a99a3fdb68c624b6031bd594598fd4f1c5401c38c0b784bbf361\
             ddd2f0f5a55802a51bce7ac47fec0e0656fbbf26427d0c1834be4bdcaa4970db\
             fcfe6223ae7efde90a694141a386bf3da864a5cec2f99e516f6c8aa13a913281",
        );
        RsaPrivateKey::from_components(&p * &q, BigUint::from(65_537u32), d, vec![p, q]).unwrap()
    }

    #[test]
    fn a_created_rsa_key_is_known_by_its_private_half() {
        let made = from_rsa(&rsa_key(), KeyFormat::Pem).unwrap();
        assert_eq!(made.fingerprint, "83:76:5e:a2:e0:a8:60:92:79:17:3a:eb:99:ac:36:2d:ce:4a:0c:67");
        assert!(made.private_material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert!(made.private_material.ends_with("-----END RSA PRIVATE KEY-----\n"));
    }

    #[test]
    fn what_is_made_reads_back() {
        for key_type in [KeyType::Rsa, KeyType::Ed25519] {
            let made = generate(key_type, KeyFormat::Pem, &mut OsRng).unwrap();
            let public = parse_public(made.public_openssh.as_bytes()).unwrap();
            assert_eq!((public.key_type, &public.openssh), (key_type, &made.public_openssh));
            let half = public_half(&made.private_material).unwrap();
            assert!(made.public_openssh.starts_with(&half) && half.split(' ').count() == 2, "{half}");
            assert_eq!(public_half("-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n"), None);
            match key_type {
                KeyType::Rsa => {
                    use rsa::traits::PublicKeyParts;
                    let private = RsaPrivateKey::from_pkcs1_pem(&made.private_material).unwrap();
                    assert_eq!(private.n().bits(), 2048);
                    assert_eq!(made.fingerprint.len(), 59);
                }
                KeyType::Ed25519 => {
                    let private = PrivateKey::from_openssh(&made.private_material).unwrap();
                    assert_eq!(private.public_key().to_openssh().unwrap().trim(), made.public_openssh);
                    assert_eq!(made.fingerprint, public.fingerprint);
                    let printed = private.fingerprint(HashAlg::Sha256).to_string();
                    assert_eq!(printed, format!("SHA256:{}", made.fingerprint.trim_end_matches('=')));
                }
            }
        }
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let made = generate(KeyType::Ed25519, KeyFormat::Pem, &mut OsRng).unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
