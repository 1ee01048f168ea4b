//! What an action may know beside the State and its request.

use std::cell::Cell;
use std::sync::Arc;

use types::{AccountId, Ipv4Cidr, Region, Timestamp};

use crate::quotas::Quotas;
use crate::resource::GeneratedKey;
use crate::sessions::{Caller, SessionKey};

/// What stays the same for every request to one cloud.
#[derive(Debug, Clone)]
pub struct Config {
    /// The account that owns everything.
    pub account: AccountId,
    /// Where public and Elastic addresses come from. The lowest addresses, up to and including
    /// [`Config::RESERVED_PUBLIC`], belong to the operator's link.
    pub public_pool: Ipv4Cidr,
    /// How many instances that are not terminated a region may have.
    pub max_instances: usize,
    /// How much of everything else.
    pub quotas: Quotas,
}

impl Config {
    /// How many addresses at the bottom of the public pool are never given out.
    pub const RESERVED_PUBLIC: u32 = 10;

    /// Where the IPv6 blocks of VPCs come from. Like those of the public pool, its addresses mean nothing beyond the
    /// machine: they are set aside for documentation (RFC 3849).
    pub const IPV6_POOL: &'static str = "2001:db8::/32";

    /// What [`Config::max_instances`] is unless told otherwise.
    pub const DEFAULT_MAX_INSTANCES: usize = 20_000;
}

/// What an instance printed on its console.
#[derive(Debug, Clone, Default)]
pub struct ConsoleOutput {
    /// The newest part, at most 64 KiB.
    pub bytes: Vec<u8>,
    /// When it last grew.
    pub at: Timestamp,
}

/// What one request brings with it: who asks, where, when, and where new ids come from.
#[derive(Debug)]
pub struct Context {
    /// What is the same for all requests.
    pub config: Arc<Config>,
    /// The region named in the signature.
    pub region: Region,
    /// Who asks, for the log: an access key id, or `daemun` for the daemon itself.
    pub principal: String,
    /// Who asks: the owner of the account unless said otherwise.
    pub caller: Caller,
    /// For actions that give out temporary credentials: what these are made with.
    pub session_key: Option<SessionKey>,
    /// The id of the request, a UUID.
    pub request_id: String,
    /// When the request was taken up.
    pub now: Timestamp,
    /// For CreateKeyPair: the key, made beforehand, since making one takes long and needs randomness.
    pub generated_key: Option<GeneratedKey>,
    /// For GetConsoleOutput: what the instance's console has printed, fetched beforehand.
    pub console_output: Option<ConsoleOutput>,
    ids: Cell<u64>,
}

impl Context {
    /// A context whose ids are drawn from `id_seed`: the same seed gives the same ids.
    pub fn new(
        config: Arc<Config>,
        region: Region,
        principal: String,
        request_id: String,
        now: Timestamp,
        id_seed: u64,
    ) -> Self {
        Self {
            config,
            region,
            principal,
            caller: Caller::Root,
            session_key: None,
            request_id,
            now,
            generated_key: None,
            console_output: None,
            ids: Cell::new(id_seed),
        }
    }

    /// The account that owns everything.
    pub fn account(&self) -> &AccountId {
        &self.config.account
    }

    /// The next number of this request's sequence (SplitMix64; for ids and choices, never for secrets).
    pub fn random(&self) -> u64 {
        let state = self.ids.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.ids.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number for a new id: give it to `from_number` of the id's type.
    ///
    /// Ids of today's EC2 begin with a zero digit, and so do these.
    pub fn id_number(&self) -> u128 {
        u128::from(self.random())
    }
}
