use ec2_shapes::*;

use super::*;
use crate::actions::vpcs::tests::{Net, refused};
use crate::resource::{NetworkInterface, PublicAddress};
use crate::testing::{filter, specification};

fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> &'static str {
    refused(result).0
}

impl Net {
    fn gateway(&mut self) -> Result<ec2_shapes::InternetGateway, ApiError> {
        let tag_specifications = vec![specification("internet-gateway", &[("Name", "mine")])];
        let request = CreateInternetGatewayRequest { tag_specifications, dry_run: None };
        create_internet_gateway(&self.context, &mut self.tx, request).map(|told| told.internet_gateway.unwrap())
    }

    fn attach(&mut self, gateway: &str, vpc: &str) -> Result<(), ApiError> {
        let (internet_gateway_id, vpc_id) = (gateway.to_owned(), vpc.to_owned());
        let request = AttachInternetGatewayRequest { internet_gateway_id, vpc_id, dry_run: None };
        attach_internet_gateway(&self.context, &mut self.tx, request)
    }

    fn detach(&mut self, gateway: &str, vpc: &str) -> Result<(), ApiError> {
        let (internet_gateway_id, vpc_id) = (gateway.to_owned(), vpc.to_owned());
        let request = DetachInternetGatewayRequest { internet_gateway_id, vpc_id, dry_run: None };
        detach_internet_gateway(&self.context, &mut self.tx, request)
    }

    fn delete_gateway(&mut self, gateway: &str) -> Result<(), ApiError> {
        let request = DeleteInternetGatewayRequest { internet_gateway_id: gateway.to_owned(), dry_run: None };
        delete_internet_gateway(&self.context, &mut self.tx, request)
    }

    fn gateways(&self, filters: Vec<Filter>) -> Vec<ec2_shapes::InternetGateway> {
        let request = DescribeInternetGatewaysRequest { filters, ..Default::default() };
        describe_internet_gateways(&self.context, &self.tx.view(), request).unwrap().internet_gateways
    }

    fn egress_only(
        &mut self,
        vpc: &str,
        token: Option<&str>,
    ) -> Result<ec2_shapes::EgressOnlyInternetGateway, ApiError> {
        let request = CreateEgressOnlyInternetGatewayRequest {
            vpc_id: vpc.to_owned(),
            client_token: token.map(str::to_owned),
            tag_specifications: vec![specification("egress-only-internet-gateway", &[("Name", "mine")])],
            dry_run: None,
        };
        let told = create_egress_only_internet_gateway(&self.context, &mut self.tx, request);
        told.map(|told| told.egress_only_internet_gateway.unwrap())
    }
}

#[test]
fn a_gateway_is_attached_to_one_vpc_and_a_vpc_to_one_gateway() {
    let mut net = Net::new();
    let (vpc, other) = (net.vpc("10.0.0.0/16"), net.vpc("10.1.0.0/16"));
    let made = net.gateway().unwrap();
    assert!(made.attachments.is_empty() && made.tags.len() == 1);
    assert_eq!(made.owner_id.as_deref(), Some("123456789012"));
    let id = made.internet_gateway_id.unwrap();
    net.attach(&id, &vpc).unwrap();
    let told = net.gateways(vec![filter("internet-gateway-id", &[&id])]).remove(0);
    assert_eq!(told.attachments[0].vpc_id.as_ref(), Some(&vpc));
    assert_eq!(told.attachments[0].state.map(AttachmentStatus::as_str), Some("available"));
    let message = format!("resource {id} is already attached to network {vpc}");
    assert_eq!(refused(net.attach(&id, &vpc)), ("Resource.AlreadyAssociated", message.clone()));
    assert_eq!(refused(net.attach(&id, &other)), ("Resource.AlreadyAssociated", message));
    let second = net.gateway().unwrap().internet_gateway_id.unwrap();
    let message = format!("Network {vpc} already has an internet gateway attached");
    assert_eq!(refused(net.attach(&second, &vpc)), ("InvalidParameterValue", message));
    let message = format!("resource {id} is not attached to network {other}");
    assert_eq!(refused(net.detach(&id, &other)), ("Gateway.NotAttached", message));
    let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
    assert_eq!(refused(net.delete_gateway(&id)), ("DependencyViolation", message));
    net.detach(&id, &vpc).unwrap();
    assert_eq!(code(net.detach(&id, &vpc)), "Gateway.NotAttached");
    net.delete_gateway(&id).unwrap();
    let message = format!("The internetGateway ID '{id}' does not exist");
    assert_eq!(refused(net.delete_gateway(&id)), ("InvalidInternetGatewayID.NotFound", message));
    assert_eq!(code(net.attach(&id, &vpc)), "InvalidInternetGatewayID.NotFound");
    assert_eq!(code(net.attach(&second, "vpc-00000000")), "InvalidVpcID.NotFound");
    assert_eq!(code(net.detach("igw-x", &vpc)), "InvalidInternetGatewayId.Malformed");
}

#[test]
fn a_gateway_stays_while_public_addresses_are_mapped() {
    let mut net = Net::new();
    let vpc = net.default_vpc();
    let gateway = net.tx.internet_gateways.keys().next().unwrap().to_string();
    let subnet = net.tx.subnets.values().next().unwrap().clone();
    let id = types::NetworkInterfaceId::from_number(1);
    let ip = subnet.cidr.nth(9).unwrap();
    let mut interface = NetworkInterface::new(id, &subnet, types::MacAddress::local(1), ip);
    interface.public = Some(PublicAddress { ip: "198.18.1.1".parse().unwrap(), elastic: None });
    net.tx.put(interface.clone());
    assert_eq!(
        refused(net.detach(&gateway, &vpc)),
        (
            "DependencyViolation",
            format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
             the gateway."
            )
        )
    );
    interface.public = None;
    net.tx.put(interface);
    net.detach(&gateway, &vpc).unwrap();
}

#[test]
fn gateways_by_every_filter_and_up_to_the_limit() {
    let mut net = Net::new();
    let id = net.gateway().unwrap().internet_gateway_id.unwrap();
    let vpc = net.default_vpc();
    for (name, value, count) in [
        ("attachment.state", "available", 1),
        ("attachment.vpc-id", vpc.as_str(), 1),
        ("internet-gateway-id", id.as_str(), 1),
        ("owner-id", "123456789012", 2),
        ("tag:Name", "mine", 1),
        ("tag-key", "Name", 1),
    ] {
        assert_eq!(net.gateways(vec![filter(name, &[value])]).len(), count, "{name}");
    }
    for name in InternetGatewayRow::NAMES {
        assert!(net.gateways(vec![filter(name, &["nothing"])]).is_empty(), "{name}");
    }
    let unknown =
        DescribeInternetGatewaysRequest { internet_gateway_ids: vec!["igw-00000000".to_owned()], ..Default::default() };
    let told = describe_internet_gateways(&net.context, &net.tx.view(), unknown);
    assert_eq!(code(told), "InvalidInternetGatewayID.NotFound");
    for _ in 0..3 {
        net.gateway().unwrap();
    }
    assert_eq!(code(net.gateway()), "InternetGatewayLimitExceeded");
}

#[test]
fn an_egress_only_gateway_belongs_to_a_vpc() {
    let mut net = Net::new();
    let vpc = net.vpc("10.0.0.0/16");
    let made = net.egress_only(&vpc, Some("once")).unwrap();
    assert_eq!(made.attachments[0].vpc_id.as_ref(), Some(&vpc));
    assert_eq!((made.attachments[0].state, made.tags.len()), (Some(AttachmentStatus::Attached), 1));
    assert_eq!(net.egress_only(&vpc, Some("once")).unwrap(), made, "a repeat makes nothing");
    let default_vpc = net.default_vpc();
    assert_eq!(code(net.egress_only(&default_vpc, Some("once"))), "IdempotentParameterMismatch");
    assert_eq!(code(net.egress_only(&vpc, None)), "InvalidParameterValue");
    assert_eq!(code(net.egress_only("vpc-00000000", None)), "InvalidVpcID.NotFound");
    let id = made.egress_only_internet_gateway_id.clone().unwrap();
    let ask = |net: &Net, ids: &[&str], filters, max_results| {
        let egress_only_internet_gateway_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = DescribeEgressOnlyInternetGatewaysRequest {
            egress_only_internet_gateway_ids,
            filters,
            max_results,
            ..Default::default()
        };
        let told = describe_egress_only_internet_gateways(&net.context, &net.tx.view(), request);
        told.map(|told| told.egress_only_internet_gateways)
    };
    assert_eq!(ask(&net, &[&id], vec![filter("tag:Name", &["mine"])], None).unwrap(), [made]);
    assert!(ask(&net, &[], vec![filter("tag:Name", &["other"])], Some(255)).unwrap().is_empty());
    assert_eq!(code(ask(&net, &[], vec![], Some(256))), "InvalidParameterValue");
    assert_eq!(code(ask(&net, &[], vec![filter("vpc-id", &[&vpc])], None)), "InvalidParameterValue");
    let delete_vpc = DeleteVpcRequest { vpc_id: vpc, dry_run: None };
    let held = crate::actions::vpcs::delete_vpc(&net.context, &mut net.tx, delete_vpc);
    assert_eq!(code(held), "DependencyViolation");
    let delete = |net: &mut Net| {
        let egress_only_internet_gateway_id = id.clone();
        let request = DeleteEgressOnlyInternetGatewayRequest { egress_only_internet_gateway_id, dry_run: None };
        delete_egress_only_internet_gateway(&net.context, &mut net.tx, request)
    };
    assert_eq!(delete(&mut net).unwrap().return_code, Some(true));
    assert_eq!(code(delete(&mut net)), "InvalidGatewayID.NotFound");
    assert_eq!(
        refused(ask(&net, &[&id], vec![], None)),
        ("InvalidGatewayID.NotFound", format!("The eigw ID '{id}' does not exist"))
    );
}
