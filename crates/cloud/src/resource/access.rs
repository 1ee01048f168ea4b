//! Who may come in: key pairs and security groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{
    Ipv4Cidr, Ipv6Cidr, KeyPairId, PrefixListId, Protocol, SecurityGroupId, SecurityGroupRuleId, Timestamp, VpcId,
};

/// The algorithm of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// RSA; 2048 bits when made here.
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// The file format in which a new private key is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyFormat {
    /// PEM, as OpenSSH reads it.
    Pem,
    /// PuTTY's format.
    Ppk,
}

/// A key pair that was just made. The private half is handed out once and never stored.
#[derive(Clone)]
pub struct GeneratedKey {
    /// The algorithm.
    pub key_type: KeyType,
    /// The private half, as text in the wanted format.
    pub private_material: String,
    /// The public half as a line of `authorized_keys`, without a comment.
    pub public_openssh: String,
    /// As DescribeKeyPairs shows it.
    pub fingerprint: String,
}

/// Shows no private key, so that none reaches a log.
impl std::fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratedKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The public half of a key pair, under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Its name, unique in the region.
    pub name: Arc<str>,
    /// The algorithm.
    pub key_type: KeyType,
    /// As DescribeKeyPairs shows it; see `keys` for how EC2 computes it.
    pub fingerprint: String,
    /// The public half as a line of `authorized_keys`.
    pub public_openssh: String,
    /// When it was made or imported.
    pub created: Timestamp,
}

/// Who is at the other end of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// A block of IPv4 addresses.
    Ipv4(Ipv4Cidr),
    /// A block of IPv6 addresses.
    Ipv6(Ipv6Cidr),
    /// The interfaces that carry this group.
    Group(SecurityGroupId),
    /// The blocks of a managed prefix list.
    PrefixList(PrefixListId),
}

/// One rule of a security group. Its identity is direction, protocol and peer; the description is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// Whether it speaks of what leaves.
    pub is_egress: bool,
    /// Protocol and ports.
    pub protocol: Protocol,
    /// The other end.
    pub peer: Peer,
    /// What its author wrote about it.
    pub description: Option<String>,
}

/// A security group with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name, unique in the VPC.
    pub name: Arc<str>,
    /// What it is for, in its author's words.
    pub description: String,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// All rules, both directions, oldest first.
    pub rules: Vec<SecurityGroupRule>,
    /// The further VPCs it may be used in, beside its own.
    #[serde(default)]
    pub vpc_associations: BTreeMap<VpcId, SecurityGroupVpcAssociation>,
}

impl SecurityGroup {
    /// Whether interfaces of this VPC may carry it: it was made there, or is associated with it.
    pub fn serves(&self, vpc: VpcId) -> bool {
        let is_associated = |it: &SecurityGroupVpcAssociation| it.state == SecurityGroupVpcState::Associated;
        self.vpc == vpc || self.vpc_associations.get(&vpc).is_some_and(is_associated)
    }
}

/// A security group's association with a VPC other than its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupVpcAssociation {
    /// How far it is.
    pub state: SecurityGroupVpcState,
    /// When it comes to its next state by itself; `None` where it stays.
    pub due: Option<Timestamp>,
}

/// The state of a security group's association with a VPC. One that ended is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityGroupVpcState {
    /// On its way.
    Associating,
    /// In force.
    Associated,
    /// On its way out.
    Disassociating,
}
