//! Just enough of rtnetlink to connect a machine before its init runs.
//!
//! The hook that uses this is on the path from RunInstances to a machine that answers, so it sends a few messages
//! instead of starting programs.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use types::{Cidr, MacAddress};

use super::ends::{RULE_PREFERENCE, Route};
use crate::{HostError, Result};

/// `RTNH_F_ONLINK` of the kernel's `linux/rtnetlink.h`, which libc lacks.
const RTNH_F_ONLINK: u32 = 4;
/// `FRA_SRC`, `FRA_PRIORITY`, `FRA_TABLE` and `FR_ACT_TO_TBL` of the kernel's `linux/fib_rules.h`, which libc lacks.
const FRA_SRC: u16 = 2;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FR_ACT_TO_TBL: u8 = 1;

/// The file system that namespaces opened as files are on.
const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;

/// Opens a network namespace by the path that stands for it.
///
/// A namespace named after this process's mount namespace was made may not be mounted in it; the host's first
/// process has it then.
pub(super) fn open_namespace(path: &Path) -> Result<OwnedFd> {
    let here = match File::open(path) {
        Ok(file) if is_namespace(&file) => return Ok(file.into()),
        Ok(_) => HostError::Other(format!("{} is no namespace", path.display())),
        Err(error) => HostError::io("opening the namespace", path, error),
    };
    match File::open(format!("/proc/1/root{}", path.display())) {
        Ok(file) if is_namespace(&file) => Ok(file.into()),
        _ => Err(here),
    }
}

fn is_namespace(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type == NSFS_MAGIC)
}

/// Runs `work` on a thread inside a network namespace.
pub(super) fn inside<T: Send>(namespace: &OwnedFd, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            move_into_link_name_space(rustix::fd::AsFd::as_fd(namespace), Some(LinkNameSpaceType::Network))
                .map_err(|e| HostError::system("entering a network namespace", e))?;
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A routing socket; it stays in the network namespace it was opened in.
#[derive(Debug)]
pub(super) struct RouteSocket(OwnedFd);

impl RouteSocket {
    /// Opens one in this thread's network namespace.
    pub(super) fn open() -> Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map_err(|e| HostError::system("opening a netlink socket", e))?;
        Ok(Self(socket))
    }

    /// The number of an interface.
    pub(super) fn index_of(&self, name: &str) -> Result<u32> {
        rustix::net::netdevice::name_to_index(&self.0, name)
            .map_err(|e| HostError::Netlink(format!("looking for {name}: {e}")))
    }

    /// Sends a request and waits for the kernel's word on it; its errors are returned as they are.
    pub(super) fn request(&self, message: Message) -> io::Result<()> {
        send(&self.0, &message.finish(), SendFlags::empty())?;
        match read_answer(&self.receive()?)? {
            None => Ok(()),
            Some(_) => Err(io::Error::other("an answer that is no acknowledgement")),
        }
    }

    /// Sends a request that is answered with one message, and gives its fixed part and attributes.
    fn ask(&self, message: Message) -> io::Result<Vec<u8>> {
        send(&self.0, &message.finish(), SendFlags::empty())?;
        let answer = read_answer(&self.receive()?)?;
        let answer = answer.ok_or_else(|| io::Error::other("an acknowledgement without an answer"))?;
        // The acknowledgement follows.
        read_answer(&self.receive()?)?;
        Ok(answer)
    }

    fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0u8; 16 * 1024];
        let (received, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
        buffer.truncate(received);
        Ok(buffer)
    }

    /// The link of this name, if there is one.
    pub(super) fn link_named(&self, name: &str) -> Result<Option<LinkSeen>> {
        let mut message = Message::new(libc::RTM_GETLINK, 0, &link_header(0, false));
        message.text(libc::IFLA_IFNAME, name);
        self.link(message)
    }

    /// The link of this number, if there is one.
    pub(super) fn link_numbered(&self, index: u32) -> Result<Option<LinkSeen>> {
        self.link(Message::new(libc::RTM_GETLINK, 0, &link_header(index, false)))
    }

    fn link(&self, message: Message) -> Result<Option<LinkSeen>> {
        match self.ask(message) {
            Ok(answer) => Ok(LinkSeen::read(&answer)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(HostError::Netlink(format!("looking at a link: {error}"))),
        }
    }

    /// Sends a request whose subject may be gone already, or be there already: these errors mean success.
    fn settle(&self, message: Message, fine: &[i32], what: impl FnOnce() -> String) -> Result<()> {
        match self.request(message) {
            Err(error) if error.raw_os_error().is_some_and(|code| fine.contains(&code)) => Ok(()),
            result => result.map_err(|e| HostError::Netlink(format!("{}: {e}", what()))),
        }
    }

    /// Adds a route by way of a link, or replaces the one for the same destination.
    pub(super) fn add_route(&self, index: u32, route: &Route) -> Result<()> {
        let message = route_message(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, index, route);
        self.settle(message, &[], || format!("adding {route:?}"))
    }

    /// Removes a route by way of a link; one that is not there is fine.
    pub(super) fn remove_route(&self, index: u32, route: &Route) -> Result<()> {
        let message = route_message(libc::RTM_DELROUTE, 0, index, route);
        self.settle(message, &[libc::ESRCH, libc::ENODEV], || format!("removing {route:?}"))
    }

    /// Gives a link an address, as /32 or /128.
    pub(super) fn add_address(&self, index: u32, address: IpAddr) -> Result<()> {
        let message = address_message(
            libc::RTM_NEWADDR,
            libc::NLM_F_CREATE | libc::NLM_F_REPLACE,
            index,
            address,
            host_length(address),
        );
        self.settle(message, &[], || format!("adding the address {address}"))
    }

    /// Gives a link the address of the VPC's router for IPv6, which routes itself nothing.
    pub(super) fn add_router_address(&self, index: u32) -> Result<()> {
        let address = IpAddr::V6(policy::ROUTER_IPV6_ADDRESS);
        let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
        let message = address_message(libc::RTM_NEWADDR, flags, index, address, 64);
        self.settle(message, &[], || format!("adding the router's address {address}"))
    }

    /// Takes an address away from a link; one that is not there is fine.
    pub(super) fn remove_address(&self, index: u32, address: IpAddr) -> Result<()> {
        let message = address_message(libc::RTM_DELADDR, 0, index, address, host_length(address));
        self.settle(message, &[libc::EADDRNOTAVAIL], || format!("removing the address {address}"))
    }

    /// Makes the hardware address of a neighbour known for good.
    pub(super) fn add_neighbour(&self, index: u32, address: IpAddr, mac: MacAddress) -> Result<()> {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
        let mut message = Message::new(libc::RTM_NEWNEIGH, flags, &neighbour_header(index, address));
        message.attribute(libc::NDA_DST, &octets(address)).attribute(libc::NDA_LLADDR, &mac.0);
        self.settle(message, &[], || format!("adding the neighbour {address}"))
    }

    /// Forgets a neighbour; one that is not known is fine.
    pub(super) fn remove_neighbour(&self, index: u32, address: IpAddr) -> Result<()> {
        let mut message = Message::new(libc::RTM_DELNEIGH, 0, &neighbour_header(index, address));
        message.attribute(libc::NDA_DST, &octets(address));
        self.settle(message, &[libc::ENOENT], || format!("forgetting the neighbour {address}"))
    }

    /// Makes a table decide about what is sent from an address.
    pub(super) fn add_rule(&self, source: IpAddr, table: u32) -> Result<()> {
        let message = rule_message(libc::RTM_NEWRULE, libc::NLM_F_CREATE | libc::NLM_F_EXCL, source, table);
        self.settle(message, &[libc::EEXIST], || format!("adding the rule for {source}"))
    }

    /// Undoes [`Self::add_rule`]; a rule that is not there is fine.
    pub(super) fn remove_rule(&self, source: IpAddr, table: u32) -> Result<()> {
        let message = rule_message(libc::RTM_DELRULE, 0, source, table);
        self.settle(message, &[libc::ENOENT], || format!("removing the rule for {source}"))
    }
}

/// What the kernel says of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LinkSeen {
    /// Its number.
    pub(super) index: u32,
    /// The number of its other end, in that end's namespace.
    pub(super) peer: Option<u32>,
    /// Its hardware address.
    pub(super) mac: Option<MacAddress>,
    /// What was written on it.
    pub(super) alias: Option<String>,
}

impl LinkSeen {
    /// Reads `struct ifinfomsg` and the attributes behind it.
    fn read(answer: &[u8]) -> Option<Self> {
        let (header, mut attributes) = answer.split_at_checked(16)?;
        let index = u32::from_ne_bytes(header.get(4..8)?.try_into().ok()?);
        let mut seen = Self { index, peer: None, mac: None, alias: None };
        while let Some((length, kind)) = attributes
            .first_chunk::<4>()
            .map(|[a, b, c, d]| (usize::from(u16::from_ne_bytes([*a, *b])), u16::from_ne_bytes([*c, *d])))
        {
            let value = attributes.get(4..length)?;
            match kind {
                libc::IFLA_LINK => seen.peer = value.try_into().ok().map(u32::from_ne_bytes),
                libc::IFLA_ADDRESS => seen.mac = value.try_into().ok().map(MacAddress),
                libc::IFLA_IFALIAS => {
                    let text = value.strip_suffix(&[0]).unwrap_or(value);
                    seen.alias = Some(String::from_utf8_lossy(text).into_owned());
                }
                _ => {}
            }
            attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(seen)
    }
}

/// The first message of an answer without its header; `None` for an acknowledgement.
fn read_answer(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    let kind = bytes.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let length = word(0).and_then(|length| usize::try_from(length).ok());
    match (kind, word(16), length.and_then(|length| bytes.get(16..length))) {
        (Some(kind), Some(0), _) if i32::from(kind) == libc::NLMSG_ERROR => Ok(None),
        (Some(kind), Some(code), _) if i32::from(kind) == libc::NLMSG_ERROR => Err(io::Error::from_raw_os_error(-code)),
        (_, _, Some(payload)) => Ok(Some(payload.to_vec())),
        _ => Err(io::Error::other("an answer that is cut off")),
    }
}

/// `struct ifinfomsg`: any family and type; a number or none; up, or without a word on flags.
pub(super) fn link_header(index: u32, up: bool) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    if up {
        header[8..12].copy_from_slice(&(libc::IFF_UP as u32).to_ne_bytes());
        header[12..16].copy_from_slice(&(libc::IFF_UP as u32).to_ne_bytes());
    }
    header
}

/// The family of an address, as messages have it.
fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

/// An address, as messages have it.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn neighbour_header(index: u32, address: IpAddr) -> Vec<u8> {
    let mut fixed = vec![family(address), 0, 0, 0];
    fixed.extend(index.to_ne_bytes());
    fixed.extend(libc::NUD_PERMANENT.to_ne_bytes());
    fixed.extend([0, 0]);
    fixed
}

/// The length of the prefix of one address.
fn host_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn address_message(kind: u16, flags: i32, index: u32, address: IpAddr, length: u8) -> Message {
    // Nobody else can have an address of IPv6: it is in use at once.
    let no_dad = if address.is_ipv4() { 0 } else { libc::IFA_F_NODAD as u8 };
    let mut fixed = vec![family(address), length, no_dad, libc::RT_SCOPE_UNIVERSE];
    fixed.extend(index.to_ne_bytes());
    let mut message = Message::new(kind, flags, &fixed);
    message.attribute(libc::IFA_LOCAL, &octets(address)).attribute(libc::IFA_ADDRESS, &octets(address));
    message
}

fn route_message(kind: u16, flags: i32, index: u32, route: &Route) -> Message {
    let scope = if route.gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
    // The table's number is an attribute: it may be larger than a byte.
    let (destination, length) = match route.destination {
        Cidr::Ipv4(block) => (IpAddr::V4(block.first()), block.prefix_len()),
        Cidr::Ipv6(block) => (IpAddr::V6(block.first()), block.prefix_len()),
    };
    let mut fixed = vec![family(destination), length, 0, 0, libc::RT_TABLE_UNSPEC];
    fixed.extend([libc::RTPROT_STATIC, scope, libc::RTN_UNICAST]);
    let on_link = if route.gateway.is_some() { RTNH_F_ONLINK } else { 0 };
    fixed.extend(on_link.to_ne_bytes());
    let mut message = Message::new(kind, flags, &fixed);
    message
        .attribute(libc::RTA_TABLE, &route.table.to_ne_bytes())
        .attribute(libc::RTA_DST, &octets(destination))
        .attribute(libc::RTA_OIF, &index.to_ne_bytes());
    if let Some(gateway) = route.gateway {
        message.attribute(libc::RTA_GATEWAY, &octets(gateway));
    }
    if let Some(source) = route.source {
        message.attribute(libc::RTA_PREFSRC, &octets(source));
    }
    if route.metric > 0 {
        message.attribute(libc::RTA_PRIORITY, &route.metric.to_ne_bytes());
    }
    message
}

fn rule_message(kind: u16, flags: i32, source: IpAddr, table: u32) -> Message {
    // `struct fib_rule_hdr`: family, length of the destination and of the source, TOS, table, two unused, action, flags.
    let mut fixed = vec![family(source), 0, host_length(source), 0, libc::RT_TABLE_UNSPEC, 0, 0, FR_ACT_TO_TBL];
    fixed.extend([0; 4]);
    let mut message = Message::new(kind, flags, &fixed);
    message
        .attribute(FRA_SRC, &octets(source))
        .attribute(FRA_PRIORITY, &RULE_PREFERENCE.to_ne_bytes())
        .attribute(FRA_TABLE, &table.to_ne_bytes());
    message
}

/// A request under construction: netlink header, a fixed part, attributes.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A request of this type; an acknowledgement is always asked for.
    pub(super) fn new(kind: u16, flags: i32, fixed: &[u8]) -> Self {
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        let mut message = Self(bytes);
        message.raw(fixed);
        message
    }

    /// Appends a fixed part, padded.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Appends an attribute.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.nest(kind, |inner| inner.0.extend(value))
    }

    /// Appends a text attribute with its final zero.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.nest(kind, |inner| {
            inner.0.extend(value.as_bytes());
            inner.0.push(0);
        })
    }

    /// Appends an attribute that holds what `fill` appends.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        fill(self);
        // An attribute's length leaves out its padding. Attributes here are some hundred bytes.
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.raw(&[]);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_count_no_padding() {
        let mut message = Message::new(16, 0, &[0; 16]);
        message.nest(18, |inner| {
            inner.text(1, "veth");
        });
        let bytes = message.finish();
        assert_eq!(bytes.len(), 16 + 16 + 4 + 12);
        assert_eq!(bytes[..4], 48u32.to_ne_bytes());
        // The inner attribute: four bytes of header, five of text; then its padding.
        assert_eq!(bytes[36..38], 9u16.to_ne_bytes());
        assert_eq!(bytes[32..34], 16u16.to_ne_bytes());
    }

    #[test]
    fn a_link_is_read_with_what_is_written_on_it() {
        let mut answer = link_header(7, false).to_vec();
        let mut attribute = |kind: u16, value: &[u8]| {
            answer.extend((4 + value.len() as u16).to_ne_bytes());
            answer.extend(kind.to_ne_bytes());
            answer.extend(value);
            answer.resize(answer.len().next_multiple_of(4), 0);
        };
        attribute(libc::IFLA_IFNAME, b"eni1\0");
        attribute(libc::IFLA_IFALIAS, b"i-1 22\0");
        attribute(libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]);
        attribute(libc::IFLA_LINK, &5u32.to_ne_bytes());
        let seen = LinkSeen::read(&answer).unwrap();
        let mac = Some(MacAddress([2, 0, 0, 0, 0, 9]));
        assert_eq!(seen, LinkSeen { index: 7, peer: Some(5), mac, alias: Some("i-1 22".to_owned()) });
        assert_eq!(LinkSeen::read(&answer[..15]), None);
        assert_eq!(LinkSeen::read(&answer[..answer.len() - 1]), None, "an attribute that is cut off");
    }
}
