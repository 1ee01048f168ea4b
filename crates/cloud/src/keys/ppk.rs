//! PuTTY's private key format, version 2, unencrypted, as the appendix of PuTTY's manual describes it.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use ssh_key::PrivateKey;
use ssh_key::private::KeypairData;

/// What PuTTY derives the key of the file's checksum from, together with the passphrase, which is empty here.
const MAC_SEED: &[u8] = b"putty-private-key-file-mac-key";
/// How many characters of base64 stand on a line.
const LINE: usize = 64;

/// The key with its comment, as text.
///
/// # Errors
/// For keys that are neither RSA nor Ed25519, and for numbers that cannot be encoded.
pub(super) fn encode(key: &PrivateKey) -> Result<String, ssh_key::Error> {
    let algorithm = key.algorithm();
    let public = key.public_key().to_bytes()?;
    let mut private = Vec::new();
    match key.key_data() {
        KeypairData::Rsa(pair) => {
            for number in [&pair.private.d, &pair.private.p, &pair.private.q, &pair.private.iqmp] {
                put_string(&mut private, number.as_bytes());
            }
        }
        KeypairData::Ed25519(pair) => put_string(&mut private, &pair.private.to_bytes()),
        _ => return Err(ssh_key::Error::AlgorithmUnknown),
    }
    let mut checked = Vec::new();
    for part in [algorithm.as_str().as_bytes(), b"none", key.comment().as_bytes(), &public, &private] {
        put_string(&mut checked, part);
    }
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = Hmac::<Sha1>::new_from_slice(&Sha1::digest(MAC_SEED)).map_err(|_| ssh_key::Error::Crypto)?;
    mac.update(&checked);

    let mut text =
        format!("PuTTY-User-Key-File-2: {}\nEncryption: none\nComment: {}\n", algorithm.as_str(), key.comment());
    put_lines(&mut text, "Public", &public);
    put_lines(&mut text, "Private", &private);
    text.push_str("Private-MAC: ");
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}

/// A string as SSH writes it: its length in four bytes, then itself.
fn put_string(to: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing here comes near 4 GiB.
    to.extend((bytes.len() as u32).to_be_bytes());
    to.extend(bytes);
}

fn put_lines(to: &mut String, name: &str, bytes: &[u8]) {
    let text = STANDARD.encode(bytes);
    let _ = writeln!(to, "{name}-Lines: {}", text.len().div_ceil(LINE));
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        to.push_str(line);
        to.push('\n');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{from_ed25519, from_rsa, tests::rsa_key};
    use crate::resource::KeyFormat;
    use ssh_key::private::Ed25519Keypair;

    #[test]
    fn rsa_as_puttygen_writes_it() {
        let made = from_rsa(&rsa_key(), KeyFormat::Ppk).unwrap();
        let lines: Vec<&str> = made.private_material.lines().collect();
        assert_eq!(lines[..4], ["PuTTY-User-Key-File-2: ssh-rsa", "Encryption: none", "Comment: ", "Public-Lines: 4"]);
        assert_eq!(lines[4], "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDBajkByhPEZSm6xRSMFo9c2o6DnA1/J9i8");
        assert_eq!((lines[8], lines[16]), ("Private-Lines: 8", "X7W3"));
        // The checksum covers everything above.
        assert_eq!(lines[17], "Private-MAC: 5a4eb21a24e13be3e71d3ed54004b6d67aed1cf7");
        assert_eq!(lines.len(), 18);
    }

    #[test]
    fn ed25519_as_puttygen_writes_it() {
        let pair = Ed25519Keypair::from_seed(&[0x9f; 32]);
        let made = from_ed25519(pair, KeyFormat::Ppk).unwrap();
        assert_eq!(made.private_material, ED25519_BY_PUTTYGEN);
    }

    /// What PuTTYgen 0.78 makes of the key whose seed is 32 bytes of 0x9f.
    const ED25519_BY_PUTTYGEN: &str = "\
PuTTY-User-Key-File-2: ssh-ed25519\n\
Encryption: none\n\
Comment: \n\
Public-Lines: 2\n\
AAAAC3NzaC1lZDI1NTE5AAAAIOvBmLi4v653IyeMOzFinynecoKXl8zIwszObZQ2\n\
pM/y\n\
Private-Lines: 1\n\
AAAAIJ+fn5+fn5+fn5+fn5+fn5+fn5+fn5+fn5+fn5+fn5+f\n\
Private-MAC: e5ebbed1858464cb104ddb4aeebf91c6f5076252\n";
}
