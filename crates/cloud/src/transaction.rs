//! Changes in the making.

use std::net::Ipv4Addr;
use std::ops::Deref;

use types::{Cidr, Region, SubnetId};

use crate::context::{Config, Context};
use crate::error::ApiError;
use crate::state::{Change, Key, Operation, Record, State, Tables};
use crate::view::View;

/// The State as one action sees and changes it: a copy that includes the action's own Changes so far.
///
/// Dropped on error, so an action that fails changes nothing. Reads go to the region's [`Tables`] by `Deref`.
#[derive(Debug, Clone)]
pub struct Transaction {
    state: State,
    region: Region,
    changes: Vec<Change>,
    complaint: Option<ApiError>,
}

impl Transaction {
    /// A transaction on a copy of `state` in `region`.
    pub fn new(state: &State, region: Region) -> Self {
        let mut state = state.clone();
        state.regions.entry(region.clone()).or_default();
        Self { state, region, changes: Vec::new(), complaint: None }
    }

    /// The State with the Changes so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The same as a reader sees it.
    pub fn view(&self) -> View<'_> {
        View::new(&self.state, &self.region).expect("a transaction's region exists from the start")
    }

    /// Stores a resource of the region, new or changed.
    pub fn put(&mut self, record: impl Into<Record>) {
        self.record(Some(self.region.clone()), Operation::Put(record.into()));
    }

    /// Removes a resource of the region, and its tags.
    pub fn delete(&mut self, key: Key) {
        if let Some(id) = key.resource_id()
            && self.tags.contains_key(id.as_str())
        {
            self.record(Some(self.region.clone()), Operation::Delete(Key::TagSet(id.into())));
        }
        self.record(Some(self.region.clone()), Operation::Delete(key));
    }

    /// Stores a resource that all regions share.
    pub fn put_shared(&mut self, record: impl Into<Record>) {
        self.record(None, Operation::Put(record.into()));
    }

    /// Removes a resource that all regions share.
    pub fn delete_shared(&mut self, key: Key) {
        self.record(None, Operation::Delete(key));
    }

    fn record(&mut self, region: Option<Region>, operation: Operation) {
        let change = Change { region, operation };
        self.state.apply(change.clone());
        // What is made in steps is one Change in the end.
        match self.changes.last_mut() {
            Some(last) if last.is_overwritten_by(&change) => *last = change,
            _ => self.changes.push(change),
        }
    }

    /// Has the caller told of this error although the Changes stand: the action was done in part, as EC2 does a few.
    pub fn complain(&mut self, error: ApiError) {
        self.complaint.get_or_insert(error);
    }

    /// The error that the caller is to be told although the Changes stand.
    pub fn take_complaint(&mut self) -> Option<ApiError> {
        self.complaint.take()
    }

    /// The Changes, in order, and the State they lead to.
    pub fn finish(self) -> (Vec<Change>, State) {
        (self.changes, self.state)
    }

    /// A free private address of the subnet that is not set aside: a random one, as on AWS.
    ///
    /// # Errors
    /// `InsufficientFreeAddressesInSubnet` where none is left.
    pub fn free_private_address(&self, context: &Context, subnet: SubnetId) -> Result<Ipv4Addr, ApiError> {
        let subnet = self.subnets.get(&subnet).ok_or_else(|| {
            ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet}' does not exist"))
        })?;
        let reserved: Vec<Cidr> = self.reservations_of(subnet.id).map(|reservation| reservation.cidr).collect();
        let usable = u32::try_from(subnet.usable()).unwrap_or(u32::MAX);
        let start = if usable == 0 { 0 } else { (context.random() % u64::from(usable)) as u32 };
        (0..usable)
            .filter_map(|step| subnet.cidr.nth(4 + (start + step) % usable))
            .filter(|ip| !reserved.iter().any(|range| range.contains((*ip).into())))
            .find(|ip| !self.private_addresses.contains_key(&(subnet.vpc, *ip)))
            .ok_or_else(|| {
                ApiError::new(
                    "InsufficientFreeAddressesInSubnet",
                    format!("There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.", subnet.id),
                )
            })
    }

    /// A free public address of the pool, chosen at random.
    ///
    /// # Errors
    /// `InsufficientAddressCapacity` where none is left.
    pub fn free_public_address(&self, context: &Context) -> Result<Ipv4Addr, ApiError> {
        let pool = context.config.public_pool;
        let usable = u32::try_from(pool.size()).unwrap_or(u32::MAX).saturating_sub(Config::RESERVED_PUBLIC + 1);
        let start = if usable == 0 { 0 } else { (context.random() % u64::from(usable)) as u32 };
        (0..usable)
            .filter_map(|step| pool.nth(Config::RESERVED_PUBLIC + (start + step) % usable))
            .find(|ip| !self.state.public_addresses.contains_key(ip))
            .ok_or_else(|| {
                ApiError::new("InsufficientAddressCapacity", "Not enough public IP addresses are left in the pool.")
            })
    }
}

impl Deref for Transaction {
    type Target = Tables;
    fn deref(&self) -> &Tables {
        &self.state.regions[&self.region]
    }
}
