//! What the metadata service tells an instance about itself.
//!
//! Names and values follow the User Guide's "Instance metadata categories"; where the guide leaves the form open,
//! what instances are seen to receive (`(unknown)`, `[]`, `default-hvm`, listings of the upper levels without
//! slashes). What an instance does not have is absent. Nothing is told that is not so: there are no signatures of the
//! identity document, so those paths are absent, too.

use std::net::Ipv4Addr;

use cloud::names::{instance_dns_name, private_dns_name, public_dns_name};
use cloud::resource::{Image, Instance, InstanceProfile, NetworkInterface, Role, Vpc};
use cloud::services::{instance_connect, instance_role};
use cloud::sessions::SessionKey;
use cloud::{Config, State, Tables};
use serde::Serialize;
use types::{Ipv6Cidr, NetworkInterfaceId, Region, SecurityGroupId, Timestamp};

use super::tree::{Branch, Node, lines};

/// Versions of the service; all of them answer as the latest does.
const VERSIONS: [&str; 30] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2023-10-18",
    "2024-04-11",
    "latest",
];

/// Families of instance types that run on Xen on AWS; all others are on Nitro (User Guide, "Instance types").
const XEN_FAMILIES: [&str; 25] = [
    "c1", "c3", "c4", "cc2", "cr1", "d2", "f1", "g2", "g3", "g3s", "h1", "hs1", "i2", "i3", "m1", "m2", "m3", "m4",
    "p2", "p3", "r3", "r4", "t1", "t2", "x1",
];

/// An instance, and all that is around it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    config: &'a Config,
    region: &'a Region,
    state: &'a State,
    tables: &'a Tables,
    session_key: &'a SessionKey,
    now: Timestamp,
    /// The instance itself.
    pub instance: &'a Instance,
}

impl<'a> Subject<'a> {
    /// The instance an interface is attached to.
    pub fn behind(
        config: &'a Config,
        region: &'a Region,
        state: &'a State,
        session_key: &'a SessionKey,
        interface: NetworkInterfaceId,
        now: Timestamp,
    ) -> Option<Self> {
        let tables = state.regions.get(region)?;
        let attachment = tables.interfaces.get(&interface)?.attachment.as_ref()?;
        let instance = tables.instances.get(&attachment.instance)?;
        Some(Self { config, region, state, tables, session_key, now, instance })
    }

    /// What is at this path of the service, such as `["latest", "meta-data"]`.
    pub fn find<S: AsRef<str>>(self, path: &[S]) -> Option<Node<'a>> {
        match path.split_first() {
            None => Some(Node::Text(lines(VERSIONS))),
            Some((version, rest)) if VERSIONS.contains(&version.as_ref()) => self.version().find(rest),
            Some(_) => None,
        }
    }

    fn version(self) -> Branch<'a> {
        let user_data = self.instance.user_data.as_deref().filter(|data| !data.is_empty());
        Branch::new()
            .branch_listed_as("dynamic", "dynamic".to_owned(), move || self.dynamic())
            .branch_listed_as("meta-data", "meta-data".to_owned(), move || self.meta_data())
            .maybe_bytes("user-data", user_data)
    }

    fn dynamic(self) -> Branch<'a> {
        let monitoring = if self.instance.monitoring { "enabled" } else { "disabled" };
        Branch::new()
            .branch("fws", move || Branch::new().text("instance-monitoring", monitoring))
            .branch("instance-identity", move || Branch::new().text("document", self.identity_document()))
    }

    fn meta_data(self) -> Branch<'a> {
        let instance = self.instance;
        let primary = self.primary();
        let private_name = primary.map(|eni| instance_dns_name(self.region, instance, eni.private_ip));
        let role = instance_role::profile(self.state, instance)
            .and_then(|profile| Some((profile, instance_role::role(self.state, profile)?)));
        let pushed = instance_connect::active_users(self.tables, instance.id, self.now);
        let has_tags = instance.metadata.instance_tags && self.tags().next().is_some();
        Branch::new()
            .text("ami-id", instance.image)
            .text("ami-launch-index", instance.launch_index)
            // EC2's value for images that are not in instance store.
            .text("ami-manifest-path", "(unknown)")
            .branch("block-device-mapping", move || self.block_devices())
            .branch("events", events)
            .maybe_text("hostname", private_name.clone())
            .maybe_branch("iam", role.map(|(profile, role)| move || self.iam(profile, role)))
            .text("instance-action", "none")
            .text("instance-id", instance.id)
            .text("instance-life-cycle", if instance.options.spot_request.is_some() { "spot" } else { "on-demand" })
            .text("instance-type", &instance.instance_type)
            .maybe_text("ipv6", primary.and_then(|eni| eni.ipv6.first()))
            .maybe_text("local-hostname", private_name)
            .maybe_text("local-ipv4", primary.map(|eni| eni.private_ip))
            .maybe_text("mac", primary.map(|eni| eni.mac))
            .maybe_branch("managed-ssh-keys", (!pushed.is_empty()).then_some(move || self.pushed_keys(pushed)))
            .branch("network", move || {
                Branch::new().branch("interfaces", move || Branch::new().branch("macs", move || self.macs()))
            })
            .branch("placement", move || self.placement())
            .text("profile", "default-hvm")
            .maybe_text("public-hostname", primary.and_then(|eni| self.public_hostname(eni)))
            .maybe_text("public-ipv4", primary.and_then(public_ip))
            .maybe_branch("public-keys", instance.public_openssh.as_ref().map(|_| move || self.public_keys()))
            .text("reservation-id", instance.reservation)
            .maybe_text("security-groups", primary.map(|eni| self.group_names(&eni.groups)))
            .branch("services", move || self.services())
            .text("system", self.system())
            .maybe_branch(
                "tags",
                has_tags.then_some(move || Branch::new().branch("instance", move || self.instance_tags())),
            )
    }

    /// Profile, role and the role's credentials (User Guide, "Use an instance role").
    fn iam(self, profile: &'a InstanceProfile, role: &'a Role) -> Branch<'a> {
        Branch::new().text("info", self.profile_document(profile)).branch("security-credentials", move || {
            Branch::new().text(role.name.as_ref(), self.credentials_document(role))
        })
    }

    fn profile_document(self, profile: &InstanceProfile) -> String {
        let since = self.instance.iam_profile.as_ref().map_or(self.now, |association| association.since);
        json(&ProfileDocument {
            code: "Success",
            last_updated: whole_seconds(&since.to_string()),
            instance_profile_arn: &profile.arn,
            instance_profile_id: &profile.id,
        })
    }

    fn credentials_document(self, role: &Role) -> String {
        let account = &self.config.account;
        match instance_role::credentials(self.session_key, account, role, self.instance, self.now) {
            Some(given) => json(&CredentialsDocument {
                code: "Success",
                last_updated: whole_seconds(&given.since.to_string()),
                r#type: "AWS-HMAC",
                access_key_id: &given.credentials.access_key_id,
                secret_access_key: &given.credentials.secret_access_key,
                token: &given.credentials.session_token,
                expiration: whole_seconds(&given.credentials.expires.to_string()),
            }),
            None => json(&CredentialsFailure {
                code: "AssumeRoleUnauthorizedAccess",
                message: format!("EC2 cannot assume the role {}: its trust policy does not let it.", role.name),
                last_updated: whole_seconds(&self.now.to_string()),
            }),
        }
    }

    /// Keys that EC2 Instance Connect has pushed, for the users who have any.
    fn pushed_keys(self, users: Vec<&'a str>) -> Branch<'a> {
        Branch::new().branch("active-keys", move || {
            users.into_iter().fold(Branch::new(), |branch, user| {
                let keys = instance_connect::active_keys(self.tables, self.instance.id, user, self.now);
                branch.maybe_text(user, keys)
            })
        })
    }

    fn instance_tags(self) -> Branch<'a> {
        self.tags().fold(Branch::new(), |branch, (key, value)| branch.text(key, value))
    }

    fn block_devices(self) -> Branch<'a> {
        let root = &self.instance.root_device;
        let others = self.instance.block_devices.iter().filter(move |device| device.device_name != *root);
        let branch = Branch::new().text("ami", root);
        (1..)
            .zip(others)
            .fold(branch, |branch, (number, device)| branch.text(format!("ebs{number}"), &device.device_name))
            .text("root", root)
    }

    fn placement(self) -> Branch<'a> {
        let zone = &self.instance.zone;
        let placement = &self.instance.options.placement;
        Branch::new()
            .text("availability-zone", zone)
            .text("availability-zone-id", zone.zone_id())
            .maybe_text("group-name", self.instance.placement_group.as_deref())
            .maybe_text("host-id", placement.host)
            .maybe_text("partition-number", placement.partition)
            .text("region", self.region)
    }

    fn public_keys(self) -> Branch<'a> {
        let name = self.instance.key_name.as_deref().unwrap_or_default();
        Branch::new().branch_listed_as("0", format!("0={name}"), move || {
            Branch::new().maybe_text("openssh-key", self.openssh_key())
        })
    }

    /// The public key as a line of `authorized_keys`, with the name of the pair for a comment, as EC2 has it.
    fn openssh_key(self) -> Option<String> {
        let mut words = self.instance.public_openssh.as_deref()?.split_ascii_whitespace();
        let (algorithm, key) = (words.next()?, words.next()?);
        let name: String = self.instance.key_name.as_deref()?.chars().filter(|c| !c.is_control()).collect();
        Some(format!("{algorithm} {key} {name}"))
    }

    fn services(self) -> Branch<'a> {
        let (domain, partition) = match self.region.as_str() {
            name if name.starts_with("cn-") => ("amazonaws.com.cn", "aws-cn"),
            name if name.starts_with("us-gov-") => ("amazonaws.com", "aws-us-gov"),
            _ => ("amazonaws.com", "aws"),
        };
        Branch::new().text("domain", domain).text("partition", partition)
    }

    fn system(self) -> &'static str {
        let family = self.instance.instance_type.split('.').next().unwrap_or_default();
        if XEN_FAMILIES.contains(&family) { "xen" } else { "nitro" }
    }

    /// The tags that may be shown: EC2 allows only keys that can stand in a path.
    fn tags(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let tags = self.tables.tags.get(self.instance.id.to_string().as_str());
        tags.into_iter()
            .flat_map(|set| set.tags.iter())
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| is_path_safe(key))
    }

    fn macs(self) -> Branch<'a> {
        self.tables
            .interfaces_of(self.instance)
            .fold(Branch::new(), |branch, eni| branch.branch(eni.mac.to_string(), move || self.interface(eni)))
    }

    fn interface(self, eni: &'a NetworkInterface) -> Branch<'a> {
        let vpc = self.tables.vpcs.get(&eni.vpc);
        let subnet = self.tables.subnets.get(&eni.subnet);
        let translated = || eni.addresses().filter_map(|(private, public)| Some((public?.ip, private)));
        let some_lines = |items: Vec<String>| (!items.is_empty()).then(|| lines(items));
        let blocks = |cidrs: Vec<Ipv6Cidr>| some_lines(cidrs.iter().map(ToString::to_string).collect());
        Branch::new()
            .maybe_text("device-number", eni.attachment.as_ref().map(|attachment| attachment.device_index))
            .text("interface-id", eni.id)
            .maybe_branch(
                "ipv4-associations",
                translated().next().map(|_| {
                    move || {
                        translated().fold(Branch::new(), |branch, (ip, private)| branch.text(ip.to_string(), private))
                    }
                }),
            )
            .maybe_text("ipv6s", some_lines(eni.ipv6.iter().map(ToString::to_string).collect()))
            .text("local-hostname", private_dns_name(self.region, eni.private_ip))
            .text("local-ipv4s", lines(eni.private_ips()))
            .text("mac", eni.mac)
            // An instance has one network card.
            .text("network-card-index", 0)
            .text("owner-id", &self.config.account)
            .maybe_text("public-hostname", self.public_hostname(eni))
            .maybe_text("public-ipv4s", some_lines(translated().map(|(ip, _)| ip.to_string()).collect()))
            .text("security-group-ids", lines(&eni.groups))
            .text("security-groups", self.group_names(&eni.groups))
            .text("subnet-id", eni.subnet)
            .maybe_text("subnet-ipv4-cidr-block", subnet.map(|subnet| subnet.cidr))
            .maybe_text(
                "subnet-ipv6-cidr-blocks",
                subnet.and_then(|subnet| blocks(subnet.ipv6_cidrs.iter().map(|block| block.cidr).collect())),
            )
            .text("vpc-id", eni.vpc)
            .maybe_text("vpc-ipv4-cidr-block", vpc.and_then(|vpc| vpc.cidrs.first()))
            .maybe_text("vpc-ipv4-cidr-blocks", vpc.map(|vpc| lines(&vpc.cidrs)))
            .maybe_text(
                "vpc-ipv6-cidr-blocks",
                vpc.and_then(|vpc| blocks(vpc.ipv6_cidrs.iter().map(|block| block.cidr).collect())),
            )
    }

    fn primary(self) -> Option<&'a NetworkInterface> {
        self.tables.interfaces_of(self.instance).next().map(AsRef::as_ref)
    }

    fn group_names(self, groups: &[SecurityGroupId]) -> String {
        lines(groups.iter().filter_map(|id| self.tables.security_groups.get(id)).map(|group| &group.name))
    }

    /// A public name exists only where the VPC has both DNS attributes on (VPC guide, "DNS attributes").
    fn public_hostname(self, eni: &NetworkInterface) -> Option<String> {
        let has_names = |vpc: &Vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames;
        let named = self.tables.vpcs.get(&eni.vpc).is_some_and(|vpc| has_names(vpc));
        public_ip(eni).filter(|_| named).map(|ip| public_dns_name(self.region, ip))
    }

    /// The identity document (User Guide, "Instance identity documents"), which nobody has signed.
    fn identity_document(self) -> String {
        let document = IdentityDocument {
            account_id: self.config.account.as_str(),
            architecture: self.architecture(),
            availability_zone: self.instance.zone.to_string(),
            billing_products: None,
            devpay_product_codes: None,
            marketplace_product_codes: None,
            image_id: self.instance.image.to_string(),
            instance_id: self.instance.id.to_string(),
            instance_type: &self.instance.instance_type,
            kernel_id: None,
            pending_time: whole_seconds(&self.instance.launch_time.to_string()),
            private_ip: self.primary().map(|eni| eni.private_ip),
            ramdisk_id: None,
            region: self.region.as_str(),
            version: "2017-09-30",
        };
        json(&document)
    }

    /// The image's architecture. Machines here are the host's own kind, so that answers for an image that is gone.
    fn architecture(self) -> &'a str {
        let id = &self.instance.image;
        let image = self.tables.images.get(id).or_else(|| self.state.shared.images.get(id));
        let host = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        image.map_or(host, |image: &std::sync::Arc<Image>| image.architecture.as_str())
    }
}

fn events<'a>() -> Branch<'a> {
    // Nothing is ever scheduled for an instance here; EC2 shows that as an empty JSON list.
    Branch::new().branch("maintenance", || Branch::new().text("history", "[]").text("scheduled", "[]"))
}

fn public_ip(eni: &NetworkInterface) -> Option<Ipv4Addr> {
    eni.public.as_ref().map(|public| public.ip)
}

/// User Guide, "View tags in instance metadata": which keys can be shown.
fn is_path_safe(key: &str) -> bool {
    !matches!(key, "" | "." | ".." | "_index")
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c))
}

/// Takes the milliseconds out of `2022-04-28T11:37:26.000Z`.
fn whole_seconds(moment: &str) -> String {
    match moment.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => moment.to_owned(),
    }
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("text and absent values can always be written as JSON")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileDocument<'a> {
    code: &'a str,
    last_updated: String,
    instance_profile_arn: &'a str,
    instance_profile_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsDocument<'a> {
    code: &'a str,
    last_updated: String,
    r#type: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsFailure<'a> {
    code: &'a str,
    message: String,
    last_updated: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityDocument<'a> {
    account_id: &'a str,
    architecture: &'a str,
    availability_zone: String,
    billing_products: Option<[&'a str; 0]>,
    devpay_product_codes: Option<[&'a str; 0]>,
    marketplace_product_codes: Option<[&'a str; 0]>,
    image_id: String,
    instance_id: String,
    instance_type: &'a str,
    kernel_id: Option<&'a str>,
    pending_time: String,
    private_ip: Option<Ipv4Addr>,
    ramdisk_id: Option<&'a str>,
    region: &'a str,
    version: &'static str,
}
