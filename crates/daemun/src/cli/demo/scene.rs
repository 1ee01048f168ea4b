//! What the steps of the demo share, and the API calls they make.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ec2_shapes::{
    AuthorizeSecurityGroupIngressRequest, DeleteKeyPairRequest, DeleteSecurityGroupRequest, DescribeKeyPairsRequest,
    IpPermission, IpRange, Response, RevokeSecurityGroupIngressRequest, Tag, TagSpecification,
    TerminateInstancesRequest,
};

use super::probe::Shell;
use super::story::{Acts, Unexpected};
use crate::cli::cloud::{self, GroupView, InstanceView};
use crate::client::{CallError, Client};
use crate::text::{Texts, text};

/// The name of the demo's key pair, group and instance.
pub const NAME: &str = "daemun-demo";
/// The tag on everything the demo makes.
pub const TAG: &str = "daemun:demo";
/// Everyone.
pub const EVERYONE: &str = "0.0.0.0/0";
/// How long an instance may take to change its state.
const STATE_CHANGE: Duration = Duration::from_secs(90);
/// How often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What the steps share.
pub struct Scene<'a> {
    pub texts: &'a Texts,
    pub client: &'a Client,
    /// Where the demo keeps its files.
    pub dir: PathBuf,
    /// Where the private key is saved.
    pub key_path: PathBuf,
    pub image: String,
    pub instance_type: String,
    /// The user whom the image gives key pairs to.
    pub user: String,
    /// The address under which instances see this machine.
    pub operator: Ipv4Addr,
    /// Known from the second step on.
    pub group_id: String,
    /// Known from the third step on.
    pub instance: Option<InstanceView>,
}

impl Scene<'_> {
    /// The instance.
    pub fn instance(&self) -> anyhow::Result<&InstanceView> {
        self.instance.as_ref().ok_or_else(|| anyhow::anyhow!("there is no instance yet"))
    }

    /// The instance's public address.
    pub fn address(&self) -> anyhow::Result<Ipv4Addr> {
        self.instance()?.public_address.ok_or_else(|| {
            let expected = text!(self.texts, "demo-expect-address");
            Unexpected { expected, got: "-".to_owned() }.into()
        })
    }

    /// `ssh` to the instance.
    pub fn shell(&self) -> anyhow::Result<Shell> {
        Ok(Shell::new(&self.user, self.address()?, &self.key_path, &self.dir))
    }

    /// Where a port of the instance answers HTTP.
    pub fn url(&self, port: u16) -> anyhow::Result<String> {
        Ok(format!("http://{}:{port}/api/data", self.address()?))
    }

    /// The demo's group as the API describes it.
    pub fn group(&self) -> anyhow::Result<GroupView> {
        let mut groups = cloud::groups(self.client, vec![cloud::filter("group-id", &[&self.group_id])])?;
        groups.pop().ok_or_else(|| anyhow::anyhow!("the group {} is gone", self.group_id))
    }

    /// Opens TCP ports to a block of addresses, one call each as people do it.
    pub fn open(&self, acts: &mut Acts, ports: &[u16], peer: &str) -> anyhow::Result<()> {
        for port in ports {
            acts.command(format!(
                "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {port} --cidr {peer}",
                self.group_id
            ));
            let request = AuthorizeSecurityGroupIngressRequest {
                group_id: Some(self.group_id.clone()),
                ip_permissions: vec![permission(*port, peer)],
                ..Default::default()
            };
            let Response::AuthorizeSecurityGroupIngress(answer) = self.client.call(request)? else { continue };
            for rule in answer.security_group_rules {
                let id = rule.security_group_rule_id.unwrap_or_default();
                let peer = rule.cidr_ipv4.unwrap_or_default();
                acts.result(text!(self.texts, "demo-rule-made", id = id, port = port, peer = peer));
            }
        }
        Ok(())
    }

    /// Closes a TCP port again.
    pub fn close(&self, acts: &mut Acts, port: u16, peer: &str) -> anyhow::Result<()> {
        acts.command(format!(
            "aws ec2 revoke-security-group-ingress --group-id {} --protocol tcp --port {port} --cidr {peer}",
            self.group_id
        ));
        self.client.call(RevokeSecurityGroupIngressRequest {
            group_id: Some(self.group_id.clone()),
            ip_permissions: vec![permission(port, peer)],
            ..Default::default()
        })?;
        let group = self.group()?;
        let still_open = group.ingress.iter().any(|rule| rule.opens_tcp(port));
        if still_open {
            let expected = text!(self.texts, "demo-expect-closed", port = port);
            let got = group.ingress.iter().map(|rule| format!("{} {}", rule.ports(), rule.peer)).collect::<Vec<_>>();
            return Err(Unexpected { expected, got: got.join(", ") }.into());
        }
        acts.result(text!(self.texts, "demo-rule-gone", port = port));
        Ok(())
    }
}

/// TCP to one port from one block.
fn permission(port: u16, peer: &str) -> IpPermission {
    IpPermission {
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(port.into()),
        to_port: Some(port.into()),
        ip_ranges: vec![IpRange { cidr_ip: Some(peer.to_owned()), ..Default::default() }],
        ..Default::default()
    }
}

/// The demo's tags for something it makes.
pub fn tags(resource_type: &str) -> Vec<TagSpecification> {
    let tag = |key: &str, value: &str| Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    vec![TagSpecification {
        resource_type: Some(resource_type.to_owned()),
        tags: vec![tag("Name", NAME), tag(TAG, "yes")],
    }]
}

/// The same as an argument of the AWS CLI.
pub fn tags_argument(resource_type: &str) -> String {
    format!(
        "--tag-specifications 'ResourceType={resource_type},Tags=[{{Key=Name,Value={NAME}}},{{Key={TAG},Value=yes}}]'"
    )
}

/// Waits until an instance is in a state; how it is then.
///
/// # Errors
/// [`Unexpected`] if it ends instead, or is not there in time.
pub fn wait_for_state(texts: &Texts, client: &Client, id: &str, wanted: &str) -> anyhow::Result<InstanceView> {
    let deadline = Instant::now() + STATE_CHANGE;
    loop {
        let found = cloud::instances(client, vec![cloud::filter("instance-id", &[id])])?.pop();
        let state = found.as_ref().map_or("-", |instance| instance.state.as_str()).to_owned();
        match found {
            Some(instance) if state == wanted => return Ok(instance),
            _ if state == "terminated" || Instant::now() > deadline => {
                let expected = text!(texts, "demo-expect-state", id = id, state = wanted);
                return Err(Unexpected { expected, got: state }.into());
            }
            _ => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Removes what an earlier run made; how many things that were.
///
/// # Errors
/// If the API refuses.
pub fn remove_earlier(texts: &Texts, client: &Client) -> anyhow::Result<usize> {
    let tagged = || cloud::filter("tag-key", &[TAG]);
    let instances: Vec<_> =
        cloud::instances(client, vec![tagged()])?.into_iter().filter(|i| i.state != "terminated").collect();
    if !instances.is_empty() {
        let instance_ids = instances.iter().map(|instance| instance.id.clone()).collect();
        client.call(TerminateInstancesRequest { instance_ids, ..Default::default() })?;
    }
    for instance in &instances {
        wait_for_state(texts, client, &instance.id, "terminated")?;
    }
    let groups = cloud::groups(client, vec![tagged()])?;
    for group in &groups {
        client.call(DeleteSecurityGroupRequest { group_id: Some(group.id.clone()), ..Default::default() })?;
    }
    let request = DescribeKeyPairsRequest { filters: vec![tagged()], ..Default::default() };
    let keys = match client.call(request)? {
        Response::DescribeKeyPairs(answer) => answer.key_pairs,
        other => return Err(CallError::unexpected(&other).into()),
    };
    for key in &keys {
        client.call(DeleteKeyPairRequest { key_pair_id: key.key_pair_id.clone(), ..Default::default() })?;
    }
    Ok(instances.len() + groups.len() + keys.len())
}
