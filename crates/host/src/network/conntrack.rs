//! Reading and forgetting tracked connections, through the kernel's `ctnetlink` interface.
//!
//! The layout of the messages is that of `linux/netfilter/nfnetlink_conntrack.h`. Those of one public address the kernel
//! itself picks (Linux 5.8 and later); for others all are read, and one by one forgotten.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use policy::{Connection, Tuple, UntrackedFlows};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, netlink, recv, sendmsg_addr,
    socket_with, sockopt,
};

use crate::{HostError, Result};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`.
const GET_CONNECTIONS: u16 = 1 << 8 | 1;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`.
const CONNECTION: u16 = 1 << 8;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE_CONNECTIONS: u16 = 1 << 8 | 2;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST_WITH_ANSWER: u16 = 1 | 4;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_FOR_ALL: u16 = 1 | 0x300;
const NLA_F_NESTED: u16 = 1 << 15;
/// What of an attribute's kind is no flag.
const NLA_TYPE_MASK: u16 = 0x3fff;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// struct nlmsghdr, and struct nfgenmsg behind it.
const HEADER: usize = 16;
const FAMILY: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TIMEOUT: u16 = 7;
const CTA_ID: u16 = 12;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_FILTER: u16 = 25;
const CTA_FILTER_ORIG_FLAGS: u16 = 1;
const CTA_FILTER_REPLY_FLAGS: u16 = 2;
/// Which of a tuple's fields a filter looks at: the destination address.
const FILTER_BY_DESTINATION: u32 = 1 << 1;

/// Which way of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Original,
    Reply,
}

/// Forgets the connections of the calling thread's namespace that came in by the public address, and those that went
/// out by it, but for those of the private address that it leads to now: these began since then, and whoever opened them
/// would never hear of them again.
pub(super) fn forget(public: Ipv4Addr, now: Option<Ipv4Addr>) -> Result<()> {
    if let Some(now) = now {
        return forget_those(|it| leads_elsewhere(it, public.into(), now.into())).map(|_| ());
    }
    let socket = Socket::open()?;
    for way in [Way::Original, Way::Reply] {
        socket.delete(&delete_message(way, public))?;
    }
    Ok(())
}

/// Forgets the connections of the calling thread's namespace that end with their rules; says whether there were any.
pub(super) fn forget_untracked(flows: &UntrackedFlows) -> Result<bool> {
    forget_those(|connection| flows.ends(connection))
}

/// Whether a connection came in or went out by the public address, and not from or to this private one.
fn leads_elsewhere(connection: &Connection, public: IpAddr, private: IpAddr) -> bool {
    let Connection { original, reply, .. } = connection;
    (original.destination == public && reply.source != private)
        || (reply.destination == public && original.source != private)
}

fn forget_those(ends: impl Fn(&Connection) -> bool) -> Result<bool> {
    let mut ended = Vec::new();
    Socket::open()?.each(|entry| {
        if read_tracked(entry).is_some_and(|tracked| ends(&tracked.connection)) {
            ended.push(delete_one(entry));
        }
    })?;
    let socket = Socket::open()?;
    ended.iter().try_for_each(|message| socket.delete(message))?;
    Ok(!ended.is_empty())
}

/// What the kernel remembers of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// The connection.
    pub connection: Connection,
    /// For how long it is remembered without another packet, from now on.
    pub timeout: Duration,
}

/// The connections that the calling thread's namespace tracks.
///
/// # Errors
/// If the kernel does not tell.
pub fn tracked_connections() -> Result<Vec<Tracked>> {
    let mut all = Vec::new();
    Socket::open()?.each(|entry| all.extend(read_tracked(entry)))?;
    Ok(all)
}

/// The attributes in a buffer: kind, content.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & NLA_TYPE_MASK;
        let content = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(other, _)| *other == kind).map(|(_, content)| content)
}

/// The attributes of an entry: its family, then they.
fn attributes_of(entry: &[u8]) -> Option<&[u8]> {
    entry.get(FAMILY..)
}

fn read_tracked(entry: &[u8]) -> Option<Tracked> {
    let all = attributes_of(entry)?;
    let (original, reply) = (find(all, CTA_TUPLE_ORIG)?, find(all, CTA_TUPLE_REPLY)?);
    let protocol = *find(find(original, CTA_TUPLE_PROTO)?, CTA_PROTO_NUM)?.first()?;
    let connection = Connection { protocol, original: read_tuple(original)?, reply: read_tuple(reply)? };
    // One that is just being removed has none.
    let seconds = find(all, CTA_TIMEOUT).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
    Some(Tracked { connection, timeout: Duration::from_secs(seconds.into()) })
}

fn read_tuple(tuple: &[u8]) -> Option<Tuple> {
    let (addresses, protocol) = (find(tuple, CTA_TUPLE_IP)?, find(tuple, CTA_TUPLE_PROTO)?);
    let address = |ipv4, ipv6| -> Option<IpAddr> {
        if let Some(bytes) = find(addresses, ipv4) {
            return Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into());
        }
        Some(Ipv6Addr::from(<[u8; 16]>::try_from(find(addresses, ipv6)?).ok()?).into())
    };
    let port = |kind| find(protocol, kind).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes);
    Some(Tuple {
        source: address(CTA_IP_V4_SRC, CTA_IP_V6_SRC)?,
        destination: address(CTA_IP_V4_DST, CTA_IP_V6_DST)?,
        source_port: port(CTA_PROTO_SRC_PORT),
        destination_port: port(CTA_PROTO_DST_PORT),
    })
}

/// "Delete this entry of a dump": by its addresses, unless another connection has them by now.
fn delete_one(entry: &[u8]) -> Vec<u8> {
    let mut body = entry.get(..FAMILY).unwrap_or_default().to_vec();
    for (kind, flag) in [(CTA_TUPLE_ORIG, NLA_F_NESTED), (CTA_ID, 0)] {
        if let Some(content) = attributes_of(entry).and_then(|all| find(all, kind)) {
            body.extend(attribute(kind | flag, content));
        }
    }
    message(DELETE_CONNECTIONS, REQUEST_WITH_ANSWER, &body)
}

/// A request of this kind.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    // struct nlmsghdr: length, type, flags, sequence number, port.
    let mut message = Vec::with_capacity(body.len() + HEADER);
    message.extend(u32::try_from(body.len() + HEADER).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    message.extend(0u32.to_ne_bytes());
    message.extend(body);
    message
}

/// One attribute, padded to four bytes.
fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    // Contents here are a few dozen bytes; the length field holds 65,535.
    let length = u16::try_from(content.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(content.len() + 7);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// "Delete every IPv4 connection whose destination, this way, is the address."
fn delete_message(way: Way, address: Ipv4Addr) -> Vec<u8> {
    let tuple = match way {
        Way::Original => CTA_TUPLE_ORIG,
        Way::Reply => CTA_TUPLE_REPLY,
    };
    let flags_for = |this: Way| if way == this { FILTER_BY_DESTINATION } else { 0 };
    let filter = [
        attribute(CTA_FILTER_ORIG_FLAGS, &flags_for(Way::Original).to_ne_bytes()),
        attribute(CTA_FILTER_REPLY_FLAGS, &flags_for(Way::Reply).to_ne_bytes()),
    ];
    let destination = attribute(CTA_IP_V4_DST, &address.octets());
    // struct nfgenmsg: family AF_INET, version 0, resource 0.
    let mut body = vec![2, 0, 0, 0];
    body.extend(attribute(tuple | NLA_F_NESTED, &attribute(CTA_TUPLE_IP | NLA_F_NESTED, &destination)));
    body.extend(attribute(CTA_FILTER | NLA_F_NESTED, &filter.concat()));
    message(DELETE_CONNECTIONS, REQUEST_WITH_ANSWER, &body)
}

/// A socket to the kernel's connection tracking in the namespace of the thread that opened it.
struct Socket(OwnedFd);

fn failed(what: &str) -> impl Fn(rustix::io::Errno) -> HostError {
    move |error| HostError::system(format!("{what} connection tracking"), error)
}

impl Socket {
    fn open() -> Result<Self> {
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::NETFILTER))
                .map_err(failed("opening"))?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(5)))
            .map_err(failed("preparing"))?;
        Ok(Self(socket))
    }

    fn send(&self, message: &[u8]) -> Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        let mut nothing = SendAncillaryBuffer::default();
        sendmsg_addr(&self.0, &kernel, &[IoSlice::new(message)], &mut nothing, SendFlags::empty())
            .map_err(failed("asking"))?;
        Ok(())
    }

    /// Sends a request to delete and waits for the kernel's answer.
    fn delete(&self, message: &[u8]) -> Result<()> {
        self.send(message)?;
        let mut answer = [0u8; 4096];
        let (length, _) = recv(&self.0, answer.as_mut_slice(), RecvFlags::empty()).map_err(failed("hearing"))?;
        match messages(&answer[..length]).next() {
            Some((NLMSG_ERROR, content)) => check(content),
            _ => Err(no_sense()),
        }
    }

    /// Calls with each tracked connection, as the kernel writes it.
    fn each(&self, mut call: impl FnMut(&[u8])) -> Result<()> {
        // Of every family.
        self.send(&message(GET_CONNECTIONS, REQUEST_FOR_ALL, &[0; FAMILY]))?;
        let mut answer = vec![0u8; 1 << 16];
        loop {
            let (length, _) = recv(&self.0, answer.as_mut_slice(), RecvFlags::empty()).map_err(failed("hearing"))?;
            for (kind, content) in messages(&answer[..length]) {
                match kind {
                    CONNECTION => call(content),
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return check(content),
                    _ => return Err(no_sense()),
                }
            }
        }
    }
}

/// The messages in what was received: kind, content.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let content = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// What an answer says: that all is well, or that nothing was there, or what went wrong.
fn check(content: &[u8]) -> Result<()> {
    match content.get(..4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes) {
        Some(code) if code == 0 || code == -libc::ENOENT => Ok(()),
        Some(code) => {
            Err(HostError::Netlink(format!("tracked connections: {}", std::io::Error::from_raw_os_error(-code))))
        }
        None => Err(no_sense()),
    }
}

fn no_sense() -> HostError {
    HostError::Netlink("tracked connections: an answer that makes no sense".to_owned())
}

#[cfg(test)]
mod moved_addresses {
    use super::*;

    #[test]
    fn what_began_since_an_address_moved_goes_on() {
        let ip = |last: u8| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
        let tuple = |source, destination| Tuple { source, destination, source_port: 1, destination_port: 2 };
        let (client, public, first, second) = (ip(1), ip(9), ip(10), ip(11));
        let inward = |to| Connection { protocol: 6, original: tuple(client, public), reply: tuple(to, client) };
        let outward = |of| Connection { protocol: 6, original: tuple(of, client), reply: tuple(client, public) };
        for it in [inward(first), outward(first)] {
            assert!(leads_elsewhere(&it, public, second) && !leads_elsewhere(&it, public, first));
            assert!(!leads_elsewhere(&it, ip(8), second));
        }
    }
}
