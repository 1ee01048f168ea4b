//! The resolver of a VPC.
//!
//! Every VPC has one, at the base of its primary block plus two, at 169.254.169.253 and, where it has IPv6, at
//! fd00:ec2::253, on sockets inside the VPC's own namespace. It knows the names of the VPC by itself (`zone`) and asks the host's resolvers for everything else
//! (`forward`). Where the VPC's `enableDnsSupport` is off it stays silent, as on AWS.
//!
//! Guests are not trusted. Only addresses that an interface of the VPC holds are answered, and the host drops packets
//! that carry an address that is not the sender's. An interface may send 1,024 packets a second, AWS's own limit; it
//! has few questions under way outside and few connections at a time, so that it cannot take the resolver from its
//! neighbours. What cannot be read is answered with FORMERR, and answers are never answered.
//!
//! Source: VPC guide, "Amazon DNS server" and "DNS attributes for your VPC"; RFC 1035, 2308, 6891, 7766.

mod forward;
mod message;
#[cfg(test)]
mod tests;
mod zone;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloud::Config;
use hickory_proto::op::ResponseCode;
use store::Ledger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;
use types::{NetworkInterfaceId, Region, VpcId};

use crate::quota::{Rate, Slot, Slots};
use forward::Forwarder;
use message::{Parsed, Request, Transport, parse};
use zone::{Found, Zones};

/// Where the host says who its resolvers are.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The largest query taken; one question and its options are far smaller.
const QUERY_BYTES: usize = 4096;
/// How many packets an interface may send a second (VPC guide, "DNS quotas"), and at once.
const PACKETS: (u32, u32) = (1024, 1024);
/// How many questions of one interface may be under way outside, and of all of a VPC together.
const FORWARDED: (usize, usize) = (32, 128);
/// How many streams one interface may have, and all of a VPC together.
const STREAMS: (usize, usize) = (8, 128);
/// How many questions one stream may carry.
const QUERIES_PER_STREAM: usize = 100;
/// How long a stream may be idle, and how long an answer may take to leave.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait after a socket failed, most likely for want of memory or file descriptors.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// The resolver of one VPC.
pub struct Resolver {
    /// Where the State is.
    pub ledger: Ledger,
    /// What is the same for the whole cloud.
    pub config: Arc<Config>,
    /// The region of the VPC.
    pub region: Region,
    /// The VPC.
    pub vpc: VpcId,
}

impl Resolver {
    /// Answers on these sockets for as long as the future is polled; dropping it ends everything that goes on.
    ///
    /// Must be polled in the daemon's own network namespace: from there other resolvers are asked. Returns only if no
    /// socket can be used; that is logged.
    pub async fn serve(self, udp: Vec<std::net::UdpSocket>, tcp: Vec<std::net::TcpListener>) {
        self.serve_with(Forwarder::from_file(PathBuf::from(RESOLV_CONF)), udp, tcp).await;
    }

    async fn serve_with(self, forwarder: Forwarder, udp: Vec<std::net::UdpSocket>, tcp: Vec<std::net::TcpListener>) {
        let desk = Desk::new(self, forwarder);
        let mut sockets = JoinSet::new();
        for socket in udp {
            match socket.set_nonblocking(true).and_then(|()| UdpSocket::from_std(socket)) {
                Ok(socket) => drop(sockets.spawn(Arc::clone(&desk).serve_datagrams(socket))),
                Err(error) => tracing::error!(vpc = %desk.own.vpc, %error, "the resolver lacks a socket"),
            }
        }
        for listener in tcp {
            match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
                Ok(listener) => drop(sockets.spawn(Arc::clone(&desk).serve_streams(listener))),
                Err(error) => tracing::error!(vpc = %desk.own.vpc, %error, "the resolver lacks a listener"),
            }
        }
        while sockets.join_next().await.is_some() {}
    }
}

/// What is to be done about a packet.
enum Verdict {
    /// Send this back.
    Answer(Vec<u8>),
    /// Ask outside, then send that back. The place is held until then.
    Forward(Request, Slot<NetworkInterfaceId>),
    /// Say nothing.
    Silence,
}

/// Where all questions of a VPC come together.
struct Desk {
    own: Resolver,
    forwarder: Forwarder,
    packets: Rate<NetworkInterfaceId>,
    forwarded: Arc<Slots<NetworkInterfaceId>>,
    streams: Arc<Slots<NetworkInterfaceId>>,
}

impl Desk {
    fn new(own: Resolver, forwarder: Forwarder) -> Arc<Self> {
        Arc::new(Self {
            own,
            forwarder,
            packets: Rate::new(PACKETS.0, PACKETS.1),
            forwarded: Slots::new(FORWARDED.0, FORWARDED.1),
            streams: Slots::new(STREAMS.0, STREAMS.1),
        })
    }

    /// The interface of the VPC that holds this address.
    fn interface(&self, source: SocketAddr) -> Option<NetworkInterfaceId> {
        let state = self.own.ledger.state();
        state.regions.get(&self.own.region)?.holder_of(self.own.vpc, source.ip())
    }

    /// Decides about a packet. Never waits.
    fn decide(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Verdict {
        let Some(interface) = self.interface(source) else { return Verdict::Silence };
        if !self.packets.take(interface, Instant::now()) {
            return Verdict::Silence;
        }
        let state = self.own.ledger.state();
        let zones = Zones::of(&self.own.config, &self.own.region, &state, self.own.vpc);
        let Some(zones) = zones.filter(|zones| zones.answers()) else { return Verdict::Silence };
        let request = match parse(packet, transport) {
            Parsed::Query(request) => request,
            Parsed::Refused(answer) => return Verdict::Answer(answer),
            Parsed::Nothing => return Verdict::Silence,
        };
        let found: Found = zones.find(request.query.name(), request.query.query_type());
        if let Some(answer) = request.answer(found) {
            return Verdict::Answer(answer);
        }
        if !request.wants_recursion() {
            return Verdict::Answer(request.failure(ResponseCode::Refused));
        }
        match self.forwarded.take(interface) {
            Some(slot) => Verdict::Forward(request, slot),
            None => Verdict::Answer(request.failure(ResponseCode::ServFail)),
        }
    }

    /// Asks outside.
    async fn forward(&self, request: Request, _slot: Slot<NetworkInterfaceId>) -> Vec<u8> {
        let answer = self.forwarder.ask(&request).await;
        answer.unwrap_or_else(|| request.failure(ResponseCode::ServFail))
    }

    async fn serve_datagrams(self: Arc<Self>, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut under_way = JoinSet::new();
        let mut buffer = vec![0; QUERY_BYTES];
        loop {
            tokio::select! {
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => match self.decide(&buffer[..length], source, Transport::Udp) {
                        Verdict::Silence => {}
                        Verdict::Answer(answer) => send(&socket, &answer, source).await,
                        Verdict::Forward(request, slot) => {
                            let (desk, socket) = (Arc::clone(&self), Arc::clone(&socket));
                            under_way.spawn(async move {
                                let answer = desk.forward(request, slot).await;
                                send(&socket, &answer, source).await;
                            });
                        }
                    },
                    Err(error) => {
                        tracing::warn!(vpc = %self.own.vpc, %error, "the resolver cannot receive");
                        tokio::time::sleep(FAILURE_PAUSE).await;
                    }
                },
                Some(_) = under_way.join_next() => {}
            }
        }
    }

    async fn serve_streams(self: Arc<Self>, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, source)) => {
                        if let Some(slot) = self.interface(source).and_then(|interface| self.streams.take(interface)) {
                            open.spawn(Arc::clone(&self).serve_stream(stream, source, slot));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(vpc = %self.own.vpc, %error, "the resolver cannot accept a connection");
                        tokio::time::sleep(FAILURE_PAUSE).await;
                    }
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// Takes one question after another until the guest hangs up, is silent for too long, or misbehaves.
    async fn serve_stream(self: Arc<Self>, mut stream: TcpStream, source: SocketAddr, _slot: Slot<NetworkInterfaceId>) {
        for _ in 0..QUERIES_PER_STREAM {
            let Ok(Some(packet)) = timeout(STREAM_PATIENCE, read_query(&mut stream)).await else { return };
            let answer = match self.decide(&packet, source, Transport::Tcp) {
                Verdict::Answer(answer) => answer,
                Verdict::Forward(request, slot) => self.forward(request, slot).await,
                Verdict::Silence => return,
            };
            let Ok(length) = u16::try_from(answer.len()) else { return };
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            if !matches!(timeout(STREAM_PATIENCE, stream.write_all(&framed)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// One query with its length before it; `None` at the end, and for one that no honest guest sends.
async fn read_query(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = usize::from(stream.read_u16().await.ok()?);
    if length > QUERY_BYTES {
        return None;
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await.ok()?;
    Some(packet)
}

/// Sends an answer. One that cannot be sent is as good as lost on the way; the guest asks again.
async fn send(socket: &UdpSocket, answer: &[u8], destination: SocketAddr) {
    if let Err(error) = socket.send_to(answer, destination).await {
        tracing::debug!(%destination, %error, "a DNS answer could not be sent");
    }
}
