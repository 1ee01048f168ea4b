//! The routed point-to-point link between a machine and its VPC.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use types::MacAddress;

use super::NicSpec;
use super::rtnl::{Message, RouteSocket, inside, open_namespace};
use crate::{HostError, Result};

/// `VETH_INFO_PEER` of the kernel's `linux/veth.h`, which libc lacks.
const VETH_INFO_PEER: u16 = 1;

/// `RTNH_F_ONLINK` of the kernel's `linux/rtnetlink.h`, which libc lacks.
const RTNH_F_ONLINK: u32 = 4;

/// Connects one interface of a machine that has not run yet: makes the link with both ends in place, addresses and
/// routes the machine's end, and makes the host's end lead to it.
///
/// What an earlier boot left of the link is removed first. `guest` is the machine's network namespace.
pub(super) fn connect(nic: &NicSpec, guest: &OwnedFd, is_first: bool) -> Result<()> {
    let host = open_namespace(&nic.netns)?;
    inside(&host, || {
        let socket = RouteSocket::open()?;
        delete(&socket, nic)?;
        create(&socket, nic, guest)?;
        tune_host_end(nic)?;
        let index = socket.index_of(&nic.host_ifname)?;
        add_neighbour(&socket, nic, index)?;
        add_route(&socket, index, Some(nic.address), None)
    })?;
    inside(guest, || {
        let socket = RouteSocket::open()?;
        let index = socket.index_of(&nic.guest_ifname)?;
        bring_up(&socket, nic, index)?;
        add_address(&socket, nic, index)?;
        add_route(&socket, index, Some(nic.gateway), None)?;
        if is_first { add_route(&socket, index, None, Some(nic.gateway)) } else { Ok(()) }
    })
}

/// Removes a machine's link if it is there. The kernel does that by itself some time after the machine is off.
pub(super) fn remove(nic: &NicSpec) -> Result<()> {
    let host = match open_namespace(&nic.netns) {
        Ok(host) => host,
        // Without the namespace there is no link.
        Err(HostError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    inside(&host, || delete(&RouteSocket::open()?, nic))
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

/// Both ends in one request: each is born in its namespace with its address. The kernel brings only the host's up, since
/// the machine's is made first and has no other end yet.
fn create(socket: &RouteSocket, nic: &NicSpec, guest: &OwnedFd) -> Result<()> {
    let mut message = Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &link_header(0, true));
    message
        .text(libc::IFLA_IFNAME, &nic.host_ifname)
        .attribute(libc::IFLA_ADDRESS, &host_mac(nic).0)
        .attribute(libc::IFLA_MTU, &nic.mtu.to_ne_bytes())
        .nest(libc::IFLA_LINKINFO, |info| {
            info.attribute(libc::IFLA_INFO_KIND, b"veth").nest(libc::IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    peer.raw(&link_header(0, false));
                    peer.text(libc::IFLA_IFNAME, &nic.guest_ifname)
                        .attribute(libc::IFLA_ADDRESS, &nic.mac.0)
                        .attribute(libc::IFLA_MTU, &nic.mtu.to_ne_bytes())
                        .attribute(libc::IFLA_NET_NS_FD, &guest.as_raw_fd().to_ne_bytes());
                });
            });
        });
    socket.request(message).map_err(|e| refused("making", nic, &e))
}

/// The kernel answers ARP on behalf of everything behind it, at once, and to nobody but the machine's own address.
fn tune_host_end(nic: &NicSpec) -> Result<()> {
    let interface = &nic.host_ifname;
    let own = [("ipv4/conf", "forwarding", "1"), ("ipv4/neigh", "proxy_delay", "0")];
    let settings = policy::eni_link_sysctls(nic.source_dest_check)
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

/// The machine's hardware address is known, so the host never asks for it and nobody can claim to be it.
fn add_neighbour(socket: &RouteSocket, nic: &NicSpec, index: u32) -> Result<()> {
    let mut fixed = vec![libc::AF_INET as u8, 0, 0, 0];
    fixed.extend(index.to_ne_bytes());
    fixed.extend(libc::NUD_PERMANENT.to_ne_bytes());
    fixed.extend([0, 0]);
    let mut message = Message::new(libc::RTM_NEWNEIGH, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &fixed);
    message.attribute(libc::NDA_DST, &nic.address.octets()).attribute(libc::NDA_LLADDR, &nic.mac.0);
    socket.request(message).map_err(|e| refused("adding the neighbour on", nic, &e))
}

fn add_address(socket: &RouteSocket, nic: &NicSpec, index: u32) -> Result<()> {
    let mut fixed = vec![libc::AF_INET as u8, 32, 0, libc::RT_SCOPE_UNIVERSE];
    fixed.extend(index.to_ne_bytes());
    let mut message = Message::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &fixed);
    message.attribute(libc::IFA_LOCAL, &nic.address.octets()).attribute(libc::IFA_ADDRESS, &nic.address.octets());
    socket.request(message).map_err(|e| refused("adding the address behind", nic, &e))
}

/// A route on a link to one address, or by way of a gateway to everywhere.
fn add_route(
    socket: &RouteSocket,
    index: u32,
    destination: Option<std::net::Ipv4Addr>,
    gateway: Option<std::net::Ipv4Addr>,
) -> Result<()> {
    let length = if destination.is_some() { 32 } else { 0 };
    let scope = if gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
    let mut fixed = vec![libc::AF_INET as u8, length, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_STATIC];
    fixed.extend([scope, libc::RTN_UNICAST]);
    let flags = if gateway.is_some() { RTNH_F_ONLINK } else { 0 };
    fixed.extend(flags.to_ne_bytes());
    let mut message = Message::new(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &fixed);
    if let Some(destination) = destination {
        message.attribute(libc::RTA_DST, &destination.octets());
    }
    if let Some(gateway) = gateway {
        message.attribute(libc::RTA_GATEWAY, &gateway.octets());
    }
    message.attribute(libc::RTA_OIF, &index.to_ne_bytes());
    socket
        .request(message)
        .map_err(|e| HostError::Netlink(format!("adding the route to {destination:?} by {gateway:?}: {e}")))
}

/// Brings an interface up. It has its address by now: the machine's udev takes one that has none for its own to choose.
fn bring_up(socket: &RouteSocket, nic: &NicSpec, index: u32) -> Result<()> {
    let message = Message::new(libc::RTM_NEWLINK, 0, &link_header(index, true));
    socket.request(message).map_err(|e| refused("bringing up the interface behind", nic, &e))
}

/// `struct ifinfomsg`: any family and type; a number or none; up, or without a word on flags.
fn link_header(index: u32, up: bool) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    if up {
        header[8..12].copy_from_slice(&(libc::IFF_UP as u32).to_ne_bytes());
        header[12..16].copy_from_slice(&(libc::IFF_UP as u32).to_ne_bytes());
    }
    header
}
