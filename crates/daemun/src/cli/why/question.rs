//! `[FROM ->] TARGET[:PORT][/PROTO]`, and the key that a login is to be tried with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, bail};
use explain::{Asked, KeyFile, LoginQuestion, Question};

use crate::cli::{Session, args};
use crate::text::text;

/// What the command line asks.
pub fn read(session: &Session, why: &args::Why) -> anyhow::Result<Question> {
    let words = why.question.join(" ");
    let (from, target) = match words.split_once("->") {
        Some((from, target)) => (Some(from.trim().to_owned()), target.trim()),
        None => (None, words.trim()),
    };
    let from = why.from.clone().or(from).filter(|from| !from.is_empty());
    let Some((target, port, protocol)) = split(target) else {
        bail!(text!(session.texts, "why-bad-question", question = words));
    };
    let key = why.identity.as_deref().map(|path| key_file(session, path)).transpose()?;
    let login = (key.is_some() || why.user.is_some() || port.is_none_or(|port| port == 22))
        .then(|| LoginQuestion { user: why.user.clone(), key });
    Ok(Question { from, target, port, protocol, login })
}

/// The target, the port and the protocol; `None` where they make no sense.
fn split(text: &str) -> Option<(String, Option<u16>, Asked)> {
    let (text, protocol) = match text.rsplit_once('/') {
        Some((text, protocol)) => (text, protocol.to_ascii_lowercase()),
        None => (text, "tcp".to_owned()),
    };
    let protocol = match protocol.as_str() {
        "tcp" => Asked::Tcp,
        "udp" => Asked::Udp,
        "icmp" | "ping" => Asked::Icmp,
        _ => return None,
    };
    let number = |port: &str| port.parse().ok().filter(|port| *port != 0);
    let (target, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        (address, rest.strip_prefix(':').map(number))
    } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        text.rsplit_once(':').map_or((text, None), |(target, port)| (target, Some(number(port))))
    };
    let port = match port {
        Some(None) => return None,
        other => other.flatten(),
    };
    (!target.is_empty()).then(|| (target.to_owned(), port, protocol))
}

/// What SSH's client looks at before it offers a key.
fn key_file(session: &Session, path: &Path) -> anyhow::Result<KeyFile> {
    let shown = path.display().to_string();
    let complaint = || text!(session.texts, "why-bad-key", path = shown);
    let about = fs::metadata(path).with_context(complaint)?;
    let text = fs::read_to_string(path).with_context(complaint)?;
    let public = cloud::keys::public_half(&text).with_context(complaint)?;
    Ok(KeyFile { public, mode: about.permissions().mode() & 0o7777, path: shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_ports_and_protocols_are_told_apart() {
        let read = split;
        let wanted = |target: &str, port, protocol| Some((target.to_owned(), port, protocol));
        assert_eq!(read("web"), wanted("web", None, Asked::Tcp));
        assert_eq!(read("web:3005"), wanted("web", Some(3005), Asked::Tcp));
        assert_eq!(read("10.0.0.5:53/udp"), wanted("10.0.0.5", Some(53), Asked::Udp));
        assert_eq!(read("fd00::5"), wanted("fd00::5", None, Asked::Tcp));
        assert_eq!(read("[fd00::5]:80"), wanted("fd00::5", Some(80), Asked::Tcp));
        assert_eq!(read("web/icmp"), wanted("web", None, Asked::Icmp));
        for wrong in ["", "web:0", "web:70000", "web:http", ":80", "web/gre"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
