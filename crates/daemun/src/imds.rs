//! The instance metadata service.
//!
//! Every VPC has one, on 169.254.169.254 and fd00:ec2::254, port 80, of the VPC's own namespace. Which instance asks is
//! told by the source address alone: the host drops packets of an instance that do not carry its address, so nobody can
//! ask in another's name. A source that belongs to no instance is hung up on, and so is one of IPv6 whose instance has not
//! asked for that (`HttpProtocolIpv6`).
//!
//! Both versions are spoken. Version 2 wants a session token that a PUT has fetched before; version 1 is the same
//! without, unless the instance was launched with `HttpTokens=required`. The answer to the PUT is sent with the
//! instance's hop limit as that of its packets, so that it gets no further than the owner of the instance wants. What there is to
//! read is in `metadata`, as a function of the State at the time of the request: a new public address or a new tag is
//! there at once.
//!
//! Guests are not trusted. A connection is good for one request, as it is on EC2; it has little time, little memory,
//! and an instance has few of them at a time, so that it cannot take the service from its neighbours.
//!
//! Source: EC2 User Guide, "Instance metadata and user data" and the pages below it.

#[cfg(test)]
pub(crate) mod fixture;
mod metadata;
mod protocol;
#[cfg(test)]
mod tests;
mod token;
mod tree;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloud::sessions::SessionKey;
use cloud::{Config, State};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use store::Ledger;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use types::{InstanceId, NetworkInterfaceId, Region, Timestamp, VpcId};

use crate::quota::{Rate, Slot, Slots};
use metadata::Subject;
use protocol::Answer;
use token::Tokens;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take altogether.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// How many header fields a request may have.
const MAX_HEADER_FIELDS: usize = 64;
/// How many bytes of a connection are held, in each direction.
const BUFFER_BYTES: usize = 16 * 1024;
/// How many connections one interface may have at a time, and all of a VPC together.
const CONNECTIONS: (usize, usize) = (16, 512);
/// How many requests an instance may make a second, and at once. EC2 throttles, too, and keeps its figures to itself.
const REQUESTS: (u32, u32) = (500, 1_000);
/// How long to wait after the listener failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The metadata service of one VPC.
pub struct Imds {
    /// Where the State is.
    pub ledger: Ledger,
    /// What is the same for the whole cloud.
    pub config: Arc<Config>,
    /// The region of the VPC.
    pub region: Region,
    /// The VPC.
    pub vpc: VpcId,
    /// What session tokens and the credentials of roles are made with. They are good for as long as this stays the same.
    pub token_secret: [u8; 32],
}

impl Imds {
    /// Answers on these listeners for as long as the future is polled; dropping it hangs up on everyone.
    ///
    /// Returns only if no listener can be used at all; that is logged.
    pub async fn serve(self, listeners: Vec<std::net::TcpListener>) {
        let service = Service::new(self);
        let mut open = JoinSet::new();
        for listener in listeners {
            match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
                Ok(listener) => drop(open.spawn(Arc::clone(&service).accept_all(listener))),
                Err(error) => tracing::error!(vpc = %service.imds.vpc, %error, "the metadata service lacks a listener"),
            }
        }
        while open.join_next().await.is_some() {}
    }
}

struct Service {
    imds: Imds,
    tokens: Tokens,
    session_key: SessionKey,
    requests: Rate<InstanceId>,
    connections: Arc<Slots<NetworkInterfaceId>>,
}

impl Service {
    fn new(imds: Imds) -> Arc<Self> {
        let tokens = Tokens::new(imds.token_secret);
        let session_key = SessionKey::derive(&imds.token_secret);
        let requests = Rate::new(REQUESTS.0, REQUESTS.1);
        Arc::new(Self { imds, tokens, session_key, requests, connections: Slots::new(CONNECTIONS.0, CONNECTIONS.1) })
    }

    async fn accept_all(self: Arc<Self>, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Some((source, slot)) = self.admit(peer) {
                            open.spawn(Arc::clone(&self).converse(stream, source, slot));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(vpc = %self.imds.vpc, %error, "the metadata service cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// Whether to talk to this peer at all: an interface of the VPC that has not too many connections already.
    fn admit(&self, peer: SocketAddr) -> Option<(IpAddr, Slot<NetworkInterfaceId>)> {
        let (source, state, now) = (peer.ip(), self.imds.ledger.state(), control::now());
        let interface = state.regions.get(&self.imds.region)?.holder_of(self.imds.vpc, source)?;
        let takes_ipv6 = || self.behind(&state, interface, now).is_some_and(|it| it.instance.metadata.ipv6);
        if source.is_ipv6() && !takes_ipv6() {
            return None;
        }
        Some((source, self.connections.take(interface)?))
    }

    /// The instance behind an interface.
    fn behind<'a>(&'a self, state: &'a State, interface: NetworkInterfaceId, now: Timestamp) -> Option<Subject<'a>> {
        let Imds { config, region, .. } = &self.imds;
        Subject::behind(config, region, state, &self.session_key, interface, now)
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, source: IpAddr, _slot: Slot<NetworkInterfaceId>) {
        // A second handle, since the connection belongs to the HTTP machinery once it is served.
        let (stream, socket) = match with_second_handle(stream) {
            Ok(both) => both,
            Err(error) => return tracing::warn!(%source, %error, "a metadata connection was dropped"),
        };
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let mut answer = self.answer(source, request.method(), request.uri().path(), request.headers());
            if let Some(hop_limit) = answer.hop_limit
                && let Err(error) = host::network::limit_hops(&socket, hop_limit)
            {
                tracing::error!(%source, error = &error as &dyn std::error::Error, "cannot limit how far a session token travels");
                answer = Answer::failure(StatusCode::INTERNAL_SERVER_ERROR);
            }
            std::future::ready(Ok::<_, Infallible>(answer.into_response()))
        });
        // One request a connection, so a limited TTL never has to be taken back while a token may still be on its way.
        let connection = http1::Builder::new()
            .keep_alive(false)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADER_FIELDS)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%source, %error, "a metadata request came to nothing"),
            Err(_) => tracing::debug!(%source, "a metadata request took too long"),
        }
    }

    fn answer(&self, source: IpAddr, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
        let Imds { ledger, region, vpc, .. } = &self.imds;
        // Looked up anew at each request: the address may have changed hands since the connection was made.
        let (state, now) = (ledger.state(), control::now());
        let interface = state.regions.get(region).and_then(|tables| tables.holder_of(*vpc, source));
        let Some(subject) = interface.and_then(|id| self.behind(&state, id, now)) else {
            return Answer::failure(StatusCode::NOT_FOUND);
        };
        if !self.requests.take(subject.instance.id, Instant::now()) {
            return Answer::failure(StatusCode::SERVICE_UNAVAILABLE);
        }
        let now_unix_s = u64::try_from(now.unix_seconds()).unwrap_or(0);
        protocol::answer(subject, &self.tokens, method, path, headers, now_unix_s)
    }
}

/// The stream, and another handle on its socket.
fn with_second_handle(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let second = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, second))
}
