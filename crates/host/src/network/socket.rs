//! Listening sockets inside a VPC.

use std::net::{SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::{SocketSpec, Transport, VpcSocket};
use crate::{HostError, Result};

/// How many connections may wait to be taken.
const BACKLOG: i32 = 128;

/// Opens the socket in the namespace of the calling thread. A socket stays in the namespace it was opened in.
pub(super) fn open(spec: SocketSpec) -> Result<VpcSocket> {
    let socket = match (spec.transport, spec.address) {
        (Transport::Tcp, SocketAddr::V4(address)) => TcpListener::bind(address).map(VpcSocket::Tcp),
        (Transport::Udp, SocketAddr::V4(address)) => UdpSocket::bind(address).map(VpcSocket::Udp),
        (Transport::Tcp, SocketAddr::V6(address)) => {
            open_ipv6(SocketType::STREAM, address).map(|socket| VpcSocket::Tcp(socket.into()))
        }
        (Transport::Udp, SocketAddr::V6(address)) => {
            open_ipv6(SocketType::DGRAM, address).map(|socket| VpcSocket::Udp(socket.into()))
        }
    };
    socket.map_err(|e| HostError::system(format!("listening on {}", spec.address), e))
}

/// A socket of IPv6, at an address that need not be there yet: a VPC may get its IPv6 block later.
fn open_ipv6(kind: SocketType, address: SocketAddrV6) -> std::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET6, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_ipv6_v6only(&socket, true)?;
    sockopt::set_ipv6_freebind(&socket, true)?;
    if kind == SocketType::STREAM {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &address)?;
    if kind == SocketType::STREAM {
        listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

/// Limits how far what is sent by a connection gets: the TTL of IPv4, the hop limit of IPv6.
///
/// # Errors
/// If the kernel refuses.
pub fn limit_hops(stream: &TcpStream, hops: u8) -> Result<()> {
    let limit = || match stream.local_addr()? {
        SocketAddr::V4(_) => stream.set_ttl(hops.into()),
        SocketAddr::V6(_) => Ok(sockopt::set_ipv6_unicast_hops(stream, Some(hops))?),
    };
    limit().map_err(|e| HostError::system("limiting how far packets get", e))
}
