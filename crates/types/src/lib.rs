//! Typed ids, CIDRs, ports and states of EC2.
//!
//! Every value here is checked when it is made, so code that holds one need not check again.
//! Nothing in this crate does I/O.

#![deny(missing_docs)]

mod id;
mod inside;
mod instance_state;
mod net;
mod place;
mod time;

pub use id::*;
pub use inside::{Inside, ListeningSocket, Login};
pub use instance_state::InstanceState;
pub use net::{
    Cidr, Ipv4Cidr, Ipv6Cidr, MacAddress, ParseCidrError, ParseIpv6CidrError, ParseMacError, PortRange, Protocol,
};
pub use place::{AccountId, AvailabilityZone, ParsePlaceError, Region};
pub use time::Timestamp;
