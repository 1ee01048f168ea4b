//! What is found inside a running machine, as plain data: who looks and who explains share nothing else.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a look into a running machine found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// The sockets that wait for callers.
    pub sockets: Vec<ListeningSocket>,
    /// The machine's own packet filter as `nft -j list ruleset` tells it; empty where it has none.
    pub ruleset: String,
    /// The login that was asked about; `None` where none was.
    pub login: Option<Login>,
}

/// A socket that waits for callers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListeningSocket {
    /// The IP protocol: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// The address it takes calls on; `None` for every address of both families.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// The name of the program behind it, where it is known.
    pub program: Option<String>,
    /// Its process, as numbered inside the machine.
    pub pid: Option<u32>,
}

impl ListeningSocket {
    /// Whether it takes calls on this address.
    pub fn takes(&self, address: IpAddr) -> bool {
        match self.address {
            None => true,
            Some(own) if own.is_unspecified() => own.is_ipv4() == address.is_ipv4(),
            Some(own) => own == address,
        }
    }

    /// Whether nobody but the machine itself can call it.
    pub fn is_loopback(&self) -> bool {
        self.address.is_some_and(|own| own.is_loopback())
    }
}

/// What decides whether a user may log in by SSH.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user that was asked about.
    pub user: String,
    /// Whether the machine knows that user.
    pub exists: bool,
    /// The users that have a key of their own, in order.
    pub others: Vec<String>,
    /// The lines of the user's `authorized_keys`, without comments.
    pub keys: Vec<String>,
    /// What of the way to that file others than the user may write to, so that the server does not trust it.
    pub untrusted: Option<String>,
}
