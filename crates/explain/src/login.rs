//! The lock behind port 22: whether a user's key opens a login.

use types::Login;

use crate::machine::Found;
use crate::message::say;
use crate::why::{ClientError, KeyFile};

/// What SSH makes of a login with this key, and of one without where none is named.
pub(crate) fn judge(login: &Login, key: Option<&KeyFile>) -> Found {
    let user = &login.user;
    let denied = |code, message, remedy| Found::stops(ClientError::PermissionDenied, code, message, remedy);
    let others = || if login.others.is_empty() { "-".to_owned() } else { login.others.join(", ") };
    // The client looks at its own file before it connects.
    if let Some(key) = key.filter(|key| key.mode & 0o077 != 0) {
        let message = say!("why-key-too-open", path = key.path, mode = format!("{:04o}", key.mode & 0o7777));
        return denied("KEY_FILE_TOO_OPEN", message, Some(format!("chmod 400 {}", key.path)));
    }
    if !login.exists {
        return denied("NO_SUCH_USER", say!("why-no-such-user", user = user, others = others()), None);
    }
    if let Some(path) = &login.untrusted {
        let message = say!("why-untrusted-keys", path = path, user = user);
        return denied("KEYS_WRITABLE_BY_OTHERS", message, Some(format!("chmod go-w {path}")));
    }
    let Some(key) = key else {
        return match login.keys.len() {
            0 => denied("KEY_NOT_AUTHORIZED", say!("why-no-keys", user = user, others = others()), None),
            count => Found::passes(say!("why-keys", user = user, count = count)),
        };
    };
    if login.keys.iter().any(|line| is_key(line, &key.public)) {
        return Found::passes(say!("why-key-accepted", path = key.path, user = user));
    }
    denied("KEY_NOT_AUTHORIZED", say!("why-key-not-authorized", path = key.path, user = user), None)
}

/// Whether a line of `authorized_keys`, which may begin with options, is for this public key, `TYPE BASE64`.
fn is_key(line: &str, public: &str) -> bool {
    let mut wanted = public.split_whitespace();
    let (Some(kind), Some(data)) = (wanted.next(), wanted.next()) else { return false };
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).any(|pair| pair == [kind, data])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login {
            user: "admin".to_owned(),
            exists: true,
            others: vec!["admin".to_owned()],
            keys: vec!["no-pty ssh-ed25519 AAAAC3 me@here".to_owned()],
            untrusted: None,
        }
    }

    fn key(public: &str, mode: u32) -> KeyFile {
        KeyFile { path: "me.pem".to_owned(), public: public.to_owned(), mode }
    }

    fn code(login: &Login, key: Option<&KeyFile>) -> Option<&'static str> {
        judge(login, key).obstacle.map(|(client, code)| {
            assert_eq!(client, ClientError::PermissionDenied);
            code
        })
    }

    #[test]
    fn each_part_of_the_lock_is_told_apart() {
        let right = key("ssh-ed25519 AAAAC3", 0o400);
        assert_eq!(code(&login(), Some(&right)), None);
        assert_eq!(code(&login(), None), None);
        assert_eq!(code(&login(), Some(&key("ssh-ed25519 AAAAC4", 0o400))), Some("KEY_NOT_AUTHORIZED"));
        assert_eq!(code(&login(), Some(&key("ssh-ed25519 AAAAC3", 0o644))), Some("KEY_FILE_TOO_OPEN"));
        let nobody = Login { exists: false, ..login() };
        assert_eq!(code(&nobody, Some(&right)), Some("NO_SUCH_USER"));
        let open = Login { untrusted: Some("/home/admin".to_owned()), ..login() };
        assert_eq!(code(&open, Some(&right)), Some("KEYS_WRITABLE_BY_OTHERS"));
        let bare = Login { keys: Vec::new(), ..login() };
        assert_eq!(code(&bare, None), Some("KEY_NOT_AUTHORIZED"));
    }
}
