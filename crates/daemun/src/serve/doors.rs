//! What answers inside each VPC.

use std::sync::Arc;

use cloud::Config;
use control::{DoorSockets, VpcDoors};
use store::Ledger;
use tokio::task::JoinHandle;
use types::{Region, VpcId};

use crate::dns::Resolver;
use crate::imds::Imds;

/// Metadata service and resolver.
pub(super) struct Doors {
    pub ledger: Ledger,
    pub config: Arc<Config>,
    pub token_secret: [u8; 32],
}

impl VpcDoors for Doors {
    fn open(&self, region: Region, vpc: VpcId, sockets: DoorSockets) -> JoinHandle<()> {
        let imds = Imds {
            ledger: self.ledger.clone(),
            config: Arc::clone(&self.config),
            region: region.clone(),
            vpc,
            token_secret: self.token_secret,
        };
        let resolver = Resolver { ledger: self.ledger.clone(), config: Arc::clone(&self.config), region, vpc };
        tokio::spawn(async move {
            tokio::join!(imds.serve(sockets.metadata), resolver.serve(sockets.resolver_udp, sockets.resolver_tcp),);
        })
    }
}
