//! Listening sockets inside a VPC.

use std::net::{TcpListener, UdpSocket};

use super::{SocketSpec, Transport, VpcSocket};
use crate::{HostError, Result};

/// Opens the socket in the namespace of the calling thread. A socket stays in the namespace it was opened in.
pub(super) fn open(spec: SocketSpec) -> Result<VpcSocket> {
    let socket = match spec.transport {
        Transport::Tcp => TcpListener::bind(spec.address).map(VpcSocket::Tcp),
        Transport::Udp => UdpSocket::bind(spec.address).map(VpcSocket::Udp),
    };
    socket.map_err(|e| HostError::system(format!("listening on {}", spec.address), e))
}
