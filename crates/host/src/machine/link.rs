//! The routed point-to-point links between a machine and its VPCs.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use types::{InstanceId, MacAddress};

use super::NicSpec;
use super::ends::{End, guest_end, host_end};
use super::rtnl::{LinkSeen, Message, RouteSocket, inside, link_header, open_namespace};
use crate::{HostError, Result};

/// `VETH_INFO_PEER` of the kernel's `linux/veth.h`, which libc lacks.
const VETH_INFO_PEER: u16 = 1;

/// Whose link it is: a machine, and which boot of it. Written on the host's end (`ip link` shows it as `alias`), so that
/// nobody takes a link for their own that has gone to another machine meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The machine.
    pub(super) machine: InstanceId,
    /// Its process 1 on the host.
    pub(super) init_pid: u32,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.machine, self.init_pid)
    }
}

/// Connects a machine that has not run yet: makes each link with both ends in place, addresses and routes the machine's
/// end, and makes the host's end lead to it.
///
/// What an earlier boot left of a link is removed first. `guest` is the machine's network namespace.
pub(super) fn connect(nics: &[NicSpec], guest: &OwnedFd, owner: Owner) -> Result<()> {
    let ends = nics.iter().map(|nic| Ok(GuestLink::of(nic, nics, make(nic, guest, owner)?)));
    let ends = ends.collect::<Result<Vec<_>>>()?;
    inside(guest, || {
        let socket = RouteSocket::open()?;
        ends.iter().try_for_each(|end| end.set_up(&socket, &End::default()))
    })
}

/// Brings the links of a machine that runs from `old` to `new`: takes away those that are in `new` no more, makes those
/// that are not there, and sets up what else is not as it shall be. Connections over the others do not notice.
///
/// What is asked for twice is there already. Without `guest`, its namespace, the machine is between two boots: what it
/// shall lose goes, and what it shall have the next boot brings.
pub(super) fn reconnect(old: &[NicSpec], new: &[NicSpec], guest: Option<&OwnedFd>, owner: Owner) -> Result<()> {
    let is_same = |one: &NicSpec, other: &NicSpec| one.host_ifname == other.host_ifname && one.netns == other.netns;
    for gone in old.iter().filter(|nic| !new.iter().any(|other| is_same(nic, other))) {
        remove(gone, owner.machine)?;
    }
    let Some(guest) = guest else { return Ok(()) };
    let mut links = Vec::new();
    for nic in new {
        let before = old.iter().find(|other| is_same(nic, other));
        let peer = match find_own(nic, guest, owner)? {
            Some(peer) => {
                let was = before.map(host_end).unwrap_or_default();
                set_up_host_end(nic, &was)?;
                peer
            }
            None => make(nic, guest, owner)?,
        };
        let was = before.map(|before| guest_end(before, old)).unwrap_or_default();
        links.push((GuestLink::of(nic, new, peer), was));
    }
    let rules_gone: Vec<_> = old
        .iter()
        .filter(|nic| !new.iter().any(|other| is_same(nic, other)))
        .flat_map(|nic| guest_end(nic, old).rules)
        .collect();
    inside(guest, || {
        let socket = RouteSocket::open()?;
        for (source, table) in rules_gone {
            socket.remove_rule(source, table)?;
        }
        links.iter().try_for_each(|(link, was)| link.set_up(&socket, was))
    })
}

/// Removes a machine's link if it is there and has not become another machine's. The kernel removes it by itself some
/// time after the machine is off.
pub(super) fn remove(nic: &NicSpec, machine: InstanceId) -> Result<()> {
    let host = match open_namespace(&nic.netns) {
        Ok(host) => host,
        // Without the namespace there is no link.
        Err(HostError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    inside(&host, || {
        let socket = RouteSocket::open()?;
        let Some(link) = socket.link_named(&nic.host_ifname)? else { return Ok(()) };
        let whose = link.alias.as_deref().and_then(|alias| alias.split(' ').next());
        if whose.is_some_and(|whose| whose != machine.to_string()) {
            return Ok(());
        }
        delete(&socket, nic)
    })
}

/// The number that a link's other end has inside the machine, if the link is this boot's.
fn find_own(nic: &NicSpec, guest: &OwnedFd, owner: Owner) -> Result<Option<u32>> {
    let host = open_namespace(&nic.netns)?;
    let found = inside(&host, || RouteSocket::open()?.link_named(&nic.host_ifname))?;
    let Some(LinkSeen { peer: Some(peer), alias, .. }) = found else { return Ok(None) };
    match alias {
        Some(alias) => Ok((alias == owner.to_string()).then_some(peer)),
        // One that was made before links said whose they are.
        None => {
            let inner = inside(guest, || RouteSocket::open()?.link_numbered(peer))?;
            Ok(inner.is_some_and(|inner| inner.mac == Some(nic.mac)).then_some(peer))
        }
    }
}

/// Makes a link anew and sets up the host's end; gives the number of the machine's end.
fn make(nic: &NicSpec, guest: &OwnedFd, owner: Owner) -> Result<u32> {
    let host = open_namespace(&nic.netns)?;
    inside(&host, || {
        let socket = RouteSocket::open()?;
        delete(&socket, nic)?;
        create(&socket, nic, guest)?;
        let made = socket.link_named(&nic.host_ifname)?;
        let (index, peer) = made.and_then(|made| Some((made.index, made.peer?))).ok_or_else(|| {
            HostError::Netlink(format!("{} in {} went as soon as it was made", nic.host_ifname, nic.netns.display()))
        })?;
        let mut name = Message::new(libc::RTM_NEWLINK, 0, &link_header(index, false));
        name.attribute(libc::IFLA_IFALIAS, owner.to_string().as_bytes());
        socket.request(name).map_err(|e| refused("naming the owner of", nic, &e))?;
        Ok(peer)
    })
    .and_then(|peer| set_up_host_end(nic, &End::default()).map(|()| peer))
}

/// Settings, neighbours and routes of the host's end; `was` is what it had before.
fn set_up_host_end(nic: &NicSpec, was: &End) -> Result<()> {
    let host = open_namespace(&nic.netns)?;
    let shall = host_end(nic);
    inside(&host, || {
        let socket = RouteSocket::open()?;
        tune_host_end(nic)?;
        let index = socket.index_of(&nic.host_ifname)?;
        if !nic.ipv6.is_empty() {
            socket.add_router_address(index)?;
        }
        for gone in was.routes.iter().filter(|route| !shall.routes.contains(route)) {
            socket.remove_route(index, gone)?;
        }
        for gone in was.addresses.iter().filter(|address| !shall.addresses.contains(address)) {
            socket.remove_neighbour(index, *gone)?;
        }
        // The machine's hardware address is known, so the host never asks for it and nobody can claim to be it.
        for address in &shall.addresses {
            socket.add_neighbour(index, *address, nic.mac)?;
        }
        shall.routes.iter().try_for_each(|route| socket.add_route(index, route))
    })
}

/// A machine's end of a link.
struct GuestLink {
    /// Its number there.
    index: u32,
    shall: End,
}

impl GuestLink {
    fn of(nic: &NicSpec, all: &[NicSpec], index: u32) -> Self {
        Self { index, shall: guest_end(nic, all) }
    }

    /// Brings the end up with all it shall have, and takes away what it had before and shall not have. What the machine
    /// itself added stays.
    fn set_up(&self, socket: &RouteSocket, was: &End) -> Result<()> {
        let Self { index, shall } = self;
        let message = Message::new(libc::RTM_NEWLINK, 0, &link_header(*index, true));
        socket.request(message).map_err(|e| HostError::Netlink(format!("bringing up a machine's interface: {e}")))?;
        for (source, table) in was.rules.difference(&shall.rules) {
            socket.remove_rule(*source, *table)?;
        }
        for gone in was.routes.iter().filter(|route| !shall.routes.contains(route)) {
            socket.remove_route(*index, gone)?;
        }
        for gone in was.addresses.iter().filter(|address| !shall.addresses.contains(address)) {
            socket.remove_address(*index, *gone)?;
        }
        for address in &shall.addresses {
            socket.add_address(*index, *address)?;
        }
        shall.routes.iter().try_for_each(|route| socket.add_route(*index, route))?;
        shall.rules.iter().try_for_each(|(source, table)| socket.add_rule(*source, *table))
    }
}

/// The host end's hardware address: the machine's with another bit set, so that it is the same at every boot and the
/// machine's memory of its gateway never goes stale.
fn host_mac(nic: &NicSpec) -> MacAddress {
    let mut mac = nic.mac;
    mac.0[0] ^= 0x04;
    mac
}

fn refused(what: &str, nic: &NicSpec, error: &io::Error) -> HostError {
    HostError::Netlink(format!("{what} {} in {}: {error}", nic.host_ifname, nic.netns.display()))
}

fn delete(socket: &RouteSocket, nic: &NicSpec) -> Result<()> {
    let mut message = Message::new(libc::RTM_DELLINK, 0, &link_header(0, false));
    message.text(libc::IFLA_IFNAME, &nic.host_ifname);
    match socket.request(message) {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        result => result.map_err(|e| refused("removing", nic, &e)),
    }
}

/// Makes the pair. A machine that runs may have given the name to something of its own; the host's name for the link is
/// then the machine's, too.
fn create(socket: &RouteSocket, nic: &NicSpec, guest: &OwnedFd) -> Result<()> {
    let made = match socket.request(pair(nic, &nic.guest_ifname, guest)) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => socket.request(pair(nic, &nic.host_ifname, guest)),
        result => result,
    };
    made.map_err(|e| refused("making", nic, &e))
}

/// Both ends in one request: each is born in its namespace with its address. The kernel brings only the host's up, since
/// the machine's is made first and has no other end yet.
fn pair(nic: &NicSpec, guest_name: &str, guest: &OwnedFd) -> Message {
    let mut message = Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &link_header(0, true));
    message
        .text(libc::IFLA_IFNAME, &nic.host_ifname)
        .attribute(libc::IFLA_ADDRESS, &host_mac(nic).0)
        .attribute(libc::IFLA_MTU, &nic.mtu.to_ne_bytes())
        .nest(libc::IFLA_LINKINFO, |info| {
            info.attribute(libc::IFLA_INFO_KIND, b"veth").nest(libc::IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    // It has its hardware address from the start: the machine's udev takes one that has none for its
                    // own to choose.
                    peer.raw(&link_header(0, false));
                    peer.text(libc::IFLA_IFNAME, guest_name)
                        .attribute(libc::IFLA_ADDRESS, &nic.mac.0)
                        .attribute(libc::IFLA_MTU, &nic.mtu.to_ne_bytes())
                        .attribute(libc::IFLA_NET_NS_FD, &guest.as_raw_fd().to_ne_bytes());
                });
            });
        });
    message
}

/// The kernel answers ARP on behalf of everything behind it, at once, and to nobody but the machine's own addresses.
fn tune_host_end(nic: &NicSpec) -> Result<()> {
    let interface = &nic.host_ifname;
    let own = [("ipv4/conf", "forwarding", "1"), ("ipv4/neigh", "proxy_delay", "0")];
    let settings = policy::eni_link_sysctls(nic.source_dest_check, !nic.ipv6.is_empty())
        .into_iter()
        .chain(own)
        .map(|(directory, file, value)| (format!("/proc/sys/net/{directory}/{interface}/{file}"), value));
    for (path, value) in settings {
        match fs::write(Path::new(&path), value) {
            // A host without IPv6 has nothing to switch off.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.contains("/ipv6/") => {}
            result => result.map_err(|e| HostError::io("writing", &path, e))?,
        }
    }
    Ok(())
}
