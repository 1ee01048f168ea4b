//! Forgetting tracked connections, through the kernel's `ctnetlink` interface.
//!
//! The layout of the messages is that of `linux/netfilter/nfnetlink_conntrack.h`. The kernel itself picks the
//! connections (Linux 5.8 and later), so nothing is read first.

use std::io::IoSlice;
use std::net::Ipv4Addr;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, netlink, recv, sendmsg_addr,
    socket_with, sockopt,
};

use crate::{HostError, Result};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE_CONNECTIONS: u16 = 1 << 8 | 2;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST_WITH_ANSWER: u16 = 1 | 4;
const NLA_F_NESTED: u16 = 1 << 15;
const NLMSG_ERROR: u16 = 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
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
/// out by it.
pub(super) fn forget(public: Ipv4Addr) -> Result<()> {
    for way in [Way::Original, Way::Reply] {
        request(&delete_message(way, public))?;
    }
    Ok(())
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
    // struct nlmsghdr: length, type, flags, sequence number, port.
    let mut message = Vec::with_capacity(body.len() + 16);
    message.extend(u32::try_from(body.len() + 16).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(DELETE_CONNECTIONS.to_ne_bytes());
    message.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    message.extend(0u32.to_ne_bytes());
    message.extend(body);
    message
}

/// Sends one request and waits for the kernel's answer.
fn request(message: &[u8]) -> Result<()> {
    let failed = |what: &str, e: rustix::io::Errno| HostError::system(format!("{what} connection tracking"), e);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::NETFILTER))
        .map_err(|e| failed("opening", e))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(std::time::Duration::from_secs(5)))
        .map_err(|e| failed("preparing", e))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    let mut nothing = SendAncillaryBuffer::default();
    sendmsg_addr(&socket, &kernel, &[IoSlice::new(message)], &mut nothing, SendFlags::empty())
        .map_err(|e| failed("asking", e))?;
    let mut answer = [0u8; 4096];
    let (length, _) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty()).map_err(|e| failed("hearing", e))?;
    let answer = &answer[..length];
    let kind = answer.get(4..6).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) if code == -libc::ENOENT => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => {
            Err(HostError::Netlink(format!("forgetting connections: {}", std::io::Error::from_raw_os_error(-code))))
        }
        _ => Err(HostError::Netlink("forgetting connections: an answer that makes no sense".to_owned())),
    }
}
