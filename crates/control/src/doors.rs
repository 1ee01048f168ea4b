//! The services inside each VPC: metadata and resolver.
//!
//! The controller opens the sockets where packets of the VPC arrive; what answers on them is handed in from outside.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use cloud::State;
use host::network::{Network, SocketSpec, Transport, VpcSocket};
use policy::{METADATA_ADDRESS, METADATA_IPV6_ADDRESS, RESOLVER_ADDRESS, RESOLVER_IPV6_ADDRESS, Topology};
use tokio::task::JoinHandle;
use types::{Region, VpcId};

/// The port of the metadata service (EC2 User Guide, "Access instance metadata").
const METADATA_PORT: u16 = 80;
/// The port of the DNS.
const DNS_PORT: u16 = 53;

/// The sockets of one VPC.
#[derive(Debug)]
pub struct DoorSockets {
    /// The metadata service's.
    pub metadata: Vec<TcpListener>,
    /// The resolver's for datagrams.
    pub resolver_udp: Vec<UdpSocket>,
    /// The resolver's for streams.
    pub resolver_tcp: Vec<TcpListener>,
}

/// What answers inside a VPC.
pub trait VpcDoors: Send + Sync + 'static {
    /// Answers on these sockets until the task is aborted.
    fn open(&self, region: Region, vpc: VpcId, sockets: DoorSockets) -> JoinHandle<()>;
}

/// The doors that are open.
#[derive(Default)]
pub(crate) struct OpenDoors {
    tasks: BTreeMap<VpcId, JoinHandle<()>>,
}

impl OpenDoors {
    /// Opens the doors of every VPC of the topology that has none, and closes those of VPCs that are gone.
    pub(crate) async fn follow(
        &mut self,
        topology: &Topology,
        state: &State,
        network: &Arc<dyn Network>,
        doors: &Arc<dyn VpcDoors>,
    ) {
        self.tasks.retain(|vpc, task| {
            let keep = topology.vpcs.contains_key(vpc) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for (vpc, spec) in &topology.vpcs {
            let region = state.regions.iter().find(|(_, t)| t.vpcs.contains_key(vpc)).map(|(region, _)| region.clone());
            let (Some(region), Some(resolver)) = (region, spec.resolver()) else { continue };
            if self.tasks.contains_key(vpc) {
                continue;
            }
            let (id, network) = (*vpc, Arc::clone(network));
            match tokio::task::spawn_blocking(move || sockets(network.as_ref(), id, resolver)).await {
                Ok(Ok(sockets)) => {
                    self.tasks.insert(*vpc, doors.open(region, *vpc, sockets));
                }
                Ok(Err(error)) => {
                    tracing::error!(%vpc, error = crate::chain(&error), "metadata and resolver cannot be opened")
                }
                Err(error) => tracing::error!(%vpc, %error, "opening metadata and resolver panicked"),
            }
        }
    }
}

impl Drop for OpenDoors {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort();
        }
    }
}

/// The sockets of both families. Those of IPv6 are there before the VPC has it, so that nothing needs to be opened once it
/// does; a kernel without IPv6 has none.
fn sockets(network: &dyn Network, vpc: VpcId, resolver: Ipv4Addr) -> host::Result<DoorSockets> {
    let mut sockets = sockets_at(network, vpc, METADATA_ADDRESS.into(), &[resolver.into(), RESOLVER_ADDRESS.into()])?;
    match sockets_at(network, vpc, METADATA_IPV6_ADDRESS.into(), &[RESOLVER_IPV6_ADDRESS.into()]) {
        Ok(more) => {
            sockets.metadata.extend(more.metadata);
            sockets.resolver_udp.extend(more.resolver_udp);
            sockets.resolver_tcp.extend(more.resolver_tcp);
        }
        Err(error) => tracing::warn!(%vpc, error = crate::chain(&error), "no metadata and no resolver by IPv6"),
    }
    Ok(sockets)
}

fn sockets_at(network: &dyn Network, vpc: VpcId, metadata: IpAddr, resolvers: &[IpAddr]) -> host::Result<DoorSockets> {
    let open = |transport, address| network.open_in_vpc(vpc, SocketSpec { transport, address });
    let tcp = |address| match open(Transport::Tcp, address)? {
        VpcSocket::Tcp(listener) => Ok(listener),
        VpcSocket::Udp(_) => Err(host::HostError::Other("asked for a TCP socket, got a UDP one".to_owned())),
    };
    let udp = |address| match open(Transport::Udp, address)? {
        VpcSocket::Udp(socket) => Ok(socket),
        VpcSocket::Tcp(_) => Err(host::HostError::Other("asked for a UDP socket, got a TCP one".to_owned())),
    };
    let resolvers = || resolvers.iter().map(|ip| SocketAddr::new(*ip, DNS_PORT));
    Ok(DoorSockets {
        metadata: vec![tcp(SocketAddr::new(metadata, METADATA_PORT))?],
        resolver_udp: resolvers().map(udp).collect::<host::Result<_>>()?,
        resolver_tcp: resolvers().map(tcp).collect::<host::Result<_>>()?,
    })
}
