//! The router of a VPC itself, and the services that it offers.

use std::net::{IpAddr, Ipv4Addr};

use types::VpcId;

use super::Way;
use crate::plan::{METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS};
use crate::topology::Vpc;
use crate::verdict::Traffic;

impl Way<'_> {
    /// For an address of the VPC's router or services: whether something answers there.
    pub(super) fn local_service(&self, id: VpcId, vpc: &Vpc) -> Option<bool> {
        let to = match self.to {
            IpAddr::V4(to) => to,
            IpAddr::V6(to) => return self.ipv6_service(to, vpc),
        };
        let answers = if to == METADATA_ADDRESS {
            self.traffic == Traffic::Tcp(80)
        } else {
            let resolver = to == RESOLVER_ADDRESS || vpc.resolver() == Some(to);
            resolver && vpc.dns_support && matches!(self.traffic, Traffic::Tcp(53) | Traffic::Udp(53))
        };
        self.is_router(id, vpc, to).then_some(answers)
    }

    /// Whether an address is one of a VPC's router itself, or of its services. From none of them the kernel takes a packet
    /// (`fib_validate_source`).
    pub(super) fn is_router(&self, id: VpcId, vpc: &Vpc, address: Ipv4Addr) -> bool {
        [METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS].contains(&address)
            || vpc.resolver() == Some(address)
            || self.topology.subnets.values().any(|subnet| subnet.vpc == id && subnet.router() == Some(address))
    }
}
