//! The machine's own part: its packet filter, and whether a program waits on the port.

use std::net::IpAddr;

use types::{Inside, ListeningSocket};

use crate::firewall::{Call, Fate, fate};
use crate::message::{Message, say};
use crate::why::ClientError;

/// What was found at one of the machine's own stages.
pub(crate) struct Found {
    pub(crate) message: Message,
    /// What the client sees of it, with its code; `None` where the call goes on.
    pub(crate) obstacle: Option<(ClientError, &'static str)>,
    pub(crate) remedy: Option<String>,
}

impl Found {
    pub(crate) fn passes(message: Message) -> Self {
        Self { message, obstacle: None, remedy: None }
    }

    pub(crate) fn stops(client: ClientError, code: &'static str, message: Message, remedy: Option<String>) -> Self {
        Self { message, obstacle: Some((client, code)), remedy }
    }
}

/// What the machine's own packet filter does with the call; `None` where it has none to speak of.
pub(crate) fn firewall(inside: &Inside, call: Call) -> Option<Found> {
    let port = call.port;
    let (fate, chain) = fate(&inside.ruleset, call);
    let client = match fate {
        Fate::Passes => return inside.ruleset.contains("\"hook\"").then(|| Found::passes(say!("why-filter-passes"))),
        Fate::Dropped => ClientError::TimedOut,
        Fate::Rejected => ClientError::Refused,
    };
    let chain = chain.unwrap_or_default();
    let protocol = if call.protocol == 17 { "udp" } else { "tcp" };
    // In front of whatever the chain says.
    let remedy = format!("sudo nft insert rule {chain} {protocol} dport {port} accept");
    let message = match fate {
        Fate::Rejected => say!("why-filter-rejects", chain = chain, port = port),
        _ => say!("why-filter-drops", chain = chain, port = port),
    };
    Some(Found::stops(client, "GUEST_FIREWALL", message, Some(remedy)))
}

/// Whether a program waits for calls on the port, and on which address.
pub(crate) fn listener(inside: &Inside, call: Call) -> (Found, Option<&ListeningSocket>) {
    let on_port: Vec<&ListeningSocket> =
        inside.sockets.iter().filter(|s| s.protocol == call.protocol && s.port == call.port).collect();
    let name = |socket: &ListeningSocket| match (&socket.program, socket.pid) {
        (Some(program), Some(pid)) => format!("{program} (pid {pid})"),
        (Some(program), None) => program.clone(),
        _ => "?".to_owned(),
    };
    let shown = |address: Option<IpAddr>| address.map_or_else(|| "*".to_owned(), |address| address.to_string());
    if let Some(socket) = on_port.iter().find(|socket| socket.takes(call.destination)) {
        let message = say!("why-listens", program = name(socket), address = shown(socket.address), port = call.port);
        return (Found::passes(message), Some(socket));
    }
    let refused = |code, message| Found::stops(ClientError::Refused, code, message, None);
    let found = match on_port.first() {
        None => refused("NOTHING_LISTENS", say!("why-nothing-listens", port = call.port)),
        Some(socket) if on_port.iter().all(|socket| socket.is_loopback()) => refused(
            "LISTENS_ON_LOOPBACK_ONLY",
            say!("why-loopback-only", program = name(socket), address = shown(socket.address), port = call.port),
        ),
        Some(socket) => refused(
            "LISTENS_ELSEWHERE",
            say!(
                "why-listens-elsewhere",
                program = name(socket),
                address = shown(socket.address),
                port = call.port,
                wanted = call.destination
            ),
        ),
    };
    (found, None)
}
