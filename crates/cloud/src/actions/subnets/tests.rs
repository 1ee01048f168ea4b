use std::net::Ipv4Addr;

use ec2_shapes::*;
use types::{NetworkInterfaceId, RouteTableAssociationId, RouteTableId};

use super::describe::SubnetRow;
use super::reservations::Row;
use super::*;
use crate::actions::vpcs::tests::{Net, refused};
use crate::query::Filterable;
use crate::resource::{NetworkInterface, RouteTable, RouteTableAssociation, Subnet, Tags};
use crate::tagging;
use crate::testing::{filter, specification};

fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> &'static str {
    refused(result).0
}

impl Net {
    fn ask(&mut self, request: CreateSubnetRequest) -> Result<ec2_shapes::Subnet, ApiError> {
        create_subnet(&self.context, &mut self.tx, request).map(|told| told.subnet.unwrap())
    }

    fn subnet_told(&self, id: &str) -> ec2_shapes::Subnet {
        let request = DescribeSubnetsRequest { subnet_ids: vec![id.to_owned()], ..Default::default() };
        describe_subnets(&self.context, &self.tx.view(), request).unwrap().subnets.remove(0)
    }

    fn subnets(&self, filters: Vec<Filter>) -> Vec<ec2_shapes::Subnet> {
        let request = DescribeSubnetsRequest { filters, ..Default::default() };
        describe_subnets(&self.context, &self.tx.view(), request).unwrap().subnets
    }

    fn modify(&mut self, request: ModifySubnetAttributeRequest) -> Result<(), ApiError> {
        modify_subnet_attribute(&self.context, &mut self.tx, request)
    }

    fn delete_subnet(&mut self, id: &str) -> Result<(), ApiError> {
        let request = DeleteSubnetRequest { subnet_id: id.to_owned(), dry_run: None };
        delete_subnet(&self.context, &mut self.tx, request)
    }

    fn default_subnet(&mut self, zone: &str) -> Result<ec2_shapes::Subnet, ApiError> {
        let request = CreateDefaultSubnetRequest { availability_zone: Some(zone.to_owned()), ..Default::default() };
        create_default_subnet(&self.context, &mut self.tx, request).map(|told| told.subnet.unwrap())
    }

    fn reserve(&mut self, subnet: &str, cidr: &str) -> Result<ec2_shapes::SubnetCidrReservation, ApiError> {
        let request = CreateSubnetCidrReservationRequest {
            subnet_id: subnet.to_owned(),
            cidr: cidr.to_owned(),
            reservation_type: Some(SubnetCidrReservationType::Explicit),
            description: Some("kept".to_owned()),
            tag_specifications: vec![specification("subnet-cidr-reservation", &[("Name", cidr)])],
            ..Default::default()
        };
        let told = create_subnet_cidr_reservation(&self.context, &mut self.tx, request);
        told.map(|told| told.subnet_cidr_reservation.unwrap())
    }

    fn reservations(&self, subnet: &str, filters: Vec<Filter>) -> GetSubnetCidrReservationsResult {
        let request = GetSubnetCidrReservationsRequest { subnet_id: subnet.to_owned(), filters, ..Default::default() };
        get_subnet_cidr_reservations(&self.context, &self.tx.view(), request).unwrap()
    }

    /// An interface in the subnet.
    fn interface(&mut self, subnet: &str, number: u128) -> NetworkInterface {
        let id: SubnetId = subnet.parse().unwrap();
        let ip = self.tx.free_private_address(&self.context, id).unwrap();
        let subnet = Subnet::clone(&self.tx.subnets[&id]);
        let mac = types::MacAddress::local(1);
        let interface = NetworkInterface::new(NetworkInterfaceId::from_number(number), &subnet, mac, ip);
        self.tx.put(interface.clone());
        interface
    }
}

#[test]
fn a_subnet_has_what_was_asked_for_and_joins_the_default_acl() {
    let mut net = Net::new();
    let (vpc, ipv6) = net.dual_stack("10.0.0.0/16");
    let made = net.ask(CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: Some("10.0.1.7/24".to_owned()),
        ipv6_cidr_block: Some(ipv6.clone()),
        availability_zone: Some("us-east-1b".to_owned()),
        tag_specifications: vec![specification("subnet", &[("Name", "mine")])],
        ..Default::default()
    });
    let made = made.unwrap();
    let association = |told: &ec2_shapes::Subnet| {
        let association = told.ipv6_cidr_block_association_set[0].clone();
        (association.ipv6_cidr_block.unwrap(), association.ipv6_cidr_block_state.unwrap().state.unwrap())
    };
    assert_eq!(association(&made), (ipv6.clone(), SubnetCidrBlockStateCode::Associating));
    let id = made.subnet_id.unwrap();
    let told = net.subnet_told(&id);
    assert_eq!(association(&told), (ipv6, SubnetCidrBlockStateCode::Associated));
    assert_eq!((told.cidr_block.as_deref(), told.available_ip_address_count), (Some("10.0.1.0/24"), Some(251)));
    assert_eq!((told.availability_zone_id.as_deref(), told.vpc_id.as_ref()), (Some("use1-az2"), Some(&vpc)));
    assert_eq!((told.map_public_ip_on_launch, told.default_for_az), (Some(false), Some(false)));
    assert_eq!(told.subnet_arn, Some(format!("arn:aws:ec2:us-east-1:123456789012:subnet/{id}")));
    assert_eq!(told.tags.len(), 1);
    let options = told.private_dns_name_options_on_launch.unwrap();
    assert_eq!(
        (options.hostname_type, options.enable_resource_name_dns_a_record),
        (Some(ec2_shapes::HostnameType::IpName), Some(false))
    );
    let acl = |net: &Net| net.tx.network_acls.values().find(|acl| acl.vpc.to_string() == vpc).unwrap().clone();
    assert!(acl(&net).associations.contains_key(&id.parse().unwrap()));

    let mut table = RouteTable::new(RouteTableId::from_number(5), vpc.parse().unwrap());
    let association_id = RouteTableAssociationId::from_number(5);
    let subnet = Some(id.parse().unwrap());
    table.associations.push(RouteTableAssociation { subnet, ..RouteTableAssociation::main(association_id) });
    net.tx.put(table);
    net.reserve(&id, "10.0.1.16/28").unwrap();
    net.interface(&id, 5);
    let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
    assert_eq!(refused(net.delete_subnet(&id)), ("DependencyViolation", message));
    net.tx.delete(Key::NetworkInterface(NetworkInterfaceId::from_number(5)));
    net.delete_subnet(&id).unwrap();
    assert!(acl(&net).associations.is_empty() && net.tx.subnet_cidr_reservations.is_empty());
    assert!(net.tx.route_tables[&RouteTableId::from_number(5)].associations.is_empty());
    assert_eq!(code(net.delete_subnet(&id)), "InvalidSubnetID.NotFound");
}

#[test]
fn what_cannot_be_a_subnet_is_refused() {
    let mut net = Net::new();
    let (vpc_id, ipv6) = net.dual_stack("10.0.0.0/16");
    net.subnet(&vpc_id, "10.0.1.0/24");
    let with = |cidr: &str| CreateSubnetRequest {
        vpc_id: vpc_id.clone(),
        cidr_block: Some(cidr.to_owned()),
        ..Default::default()
    };
    for (cidr, code, message) in [
        ("10.1.0.0/24", "InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid."),
        ("10.0.2.0/29", "InvalidSubnet.Range", "The CIDR '10.0.2.0/29' is invalid."),
        ("10.0.0.0/15", "InvalidSubnet.Range", "The CIDR '10.0.0.0/15' is invalid."),
        ("10.0.1.128/25", "InvalidSubnet.Conflict", "The CIDR '10.0.1.128/25' conflicts with another subnet"),
        ("10.0.0.0/16", "InvalidSubnet.Conflict", "The CIDR '10.0.0.0/16' conflicts with another subnet"),
        ("x", "InvalidParameterValue", "Value (x) for parameter cidrBlock is invalid. This is not a valid CIDR block."),
    ] {
        assert_eq!(refused(net.ask(with(cidr))), (code, message.to_owned()));
    }
    let some = |text: &str| Some(text.to_owned());
    let good = || with("10.0.2.0/24");
    let zone = refused(net.ask(CreateSubnetRequest { availability_zone: some("us-east-1z"), ..good() }));
    assert_eq!(zone, (
        "InvalidParameterValue",
        "Value (us-east-1z) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
         following availability zones: us-east-1a, us-east-1b, us-east-1c."
            .to_owned()
    ));
    for (request, expected) in [
        (CreateSubnetRequest { vpc_id: "vpc-00000000".to_owned(), ..good() }, "InvalidVpcID.NotFound"),
        (CreateSubnetRequest { cidr_block: None, ..good() }, "MissingParameter"),
        (CreateSubnetRequest { availability_zone_id: some("use1-az9"), ..good() }, "InvalidParameterValue"),
        (
            CreateSubnetRequest {
                availability_zone: some("us-east-1a"),
                availability_zone_id: some("use1-az1"),
                ..good()
            },
            "InvalidParameterCombination",
        ),
        (CreateSubnetRequest { outpost_arn: some("x"), ..good() }, "UnsupportedOperation"),
        (CreateSubnetRequest { ipv6_native: Some(true), ..good() }, "UnsupportedOperation"),
        (CreateSubnetRequest { ipv4_ipam_pool_id: some("x"), ..good() }, "InvalidIpamPoolId.NotFound"),
        (CreateSubnetRequest { ipv6_netmask_length: Some(64), ..good() }, "InvalidParameterCombination"),
        (CreateSubnetRequest { ipv6_cidr_block: some("x"), ..good() }, "InvalidParameterValue"),
        (CreateSubnetRequest { ipv6_cidr_block: some("2001:db9::/64"), ..good() }, "InvalidSubnet.Range"),
        (CreateSubnetRequest { ipv6_cidr_block: Some(ipv6.replace("/64", "/65")), ..good() }, "InvalidSubnet.Range"),
    ] {
        assert_eq!(code(net.ask(request.clone())), expected, "{request:?}");
    }
    net.ask(CreateSubnetRequest { ipv6_cidr_block: Some(ipv6.clone()), ..good() }).unwrap();
    let taken = CreateSubnetRequest { ipv6_cidr_block: Some(ipv6), ..with("10.0.3.0/24") };
    assert_eq!(code(net.ask(taken)), "InvalidSubnet.Conflict");
}

#[test]
fn the_choice_of_a_zone_spreads_subnets_and_their_number_has_a_limit() {
    let mut net = Net::new();
    let vpc = net.vpc("10.0.0.0/16");
    for third in 0..200 {
        net.subnet(&vpc, &format!("10.0.{third}.0/24"));
    }
    let in_a = [filter("vpc-id", &[&vpc]), filter("availability-zone", &["us-east-1a"])];
    assert_eq!(net.subnets(in_a.to_vec()).len(), 67);
    let one_more =
        CreateSubnetRequest { vpc_id: vpc, cidr_block: Some("10.0.250.0/24".to_owned()), ..Default::default() };
    assert_eq!(code(net.ask(one_more)), "SubnetLimitExceeded");
}

#[test]
fn a_default_subnet_can_be_made_again() {
    let mut net = Net::new();
    let old = net.subnets(vec![filter("availability-zone", &["us-east-1b"])]).remove(0);
    let id = old.subnet_id.unwrap();
    assert_eq!(
        refused(net.default_subnet("us-east-1b")),
        (
            "DefaultSubnetAlreadyExistsInAvailabilityZone",
            format!("'{id}' is already the default subnet in us-east-1b.")
        )
    );
    net.delete_subnet(&id).unwrap();
    let made = net.default_subnet("us-east-1b").unwrap();
    assert_eq!(
        (made.cidr_block, made.default_for_az, made.map_public_ip_on_launch),
        (old.cidr_block, Some(true), Some(true))
    );
    assert_eq!(code(net.default_subnet("us-east-1x")), "InvalidParameterValue");
    let none = CreateDefaultSubnetRequest::default();
    assert_eq!(code(create_default_subnet(&net.context, &mut net.tx, none)), "MissingParameter");
    let native = CreateDefaultSubnetRequest {
        availability_zone_id: Some("use1-az1".to_owned()),
        ipv6_native: Some(true),
        ..Default::default()
    };
    assert_eq!(code(create_default_subnet(&net.context, &mut net.tx, native)), "UnsupportedOperation");
    net.delete_subnet(&made.subnet_id.unwrap()).unwrap();
    for number in 0..14 {
        let vpc = net.default_vpc();
        let free = [16, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240][number];
        net.subnet(&vpc, &format!("172.31.{free}.0/20"));
    }
    assert_eq!(code(net.default_subnet("us-east-1b")), "InsufficientCidrBlocks");
    let vpc = net.tx.default_vpc().unwrap().id;
    net.tx.delete(Key::Vpc(vpc));
    assert_eq!(
        refused(net.default_subnet("us-east-1b")),
        ("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.".to_owned())
    );
}

#[test]
fn attributes_are_set_one_at_a_time_and_read_back() {
    let mut net = Net::new();
    let (vpc, ipv6) = net.dual_stack("10.0.0.0/16");
    let subnet_id = net.subnet(&vpc, "10.0.0.0/24");
    let none = || ModifySubnetAttributeRequest { subnet_id: subnet_id.clone(), ..Default::default() };
    let is = |value| Some(AttributeBooleanValue { value: Some(value) });
    let assign = || ModifySubnetAttributeRequest { assign_ipv6_address_on_creation: is(true), ..none() };
    let (without, message) = refused(net.modify(assign()));
    assert!(
        without == "InvalidParameterValue" && message.contains("must be associated with an IPv6 CIDR"),
        "{message}"
    );
    let request = AssociateSubnetCidrBlockRequest {
        subnet_id: subnet_id.clone(),
        ipv6_cidr_block: Some(ipv6),
        ..Default::default()
    };
    associate_subnet_cidr_block(&net.context, &mut net.tx, request).unwrap();
    for request in [
        assign(),
        ModifySubnetAttributeRequest { map_public_ip_on_launch: is(true), ..none() },
        ModifySubnetAttributeRequest { enable_dns64: is(true), ..none() },
        ModifySubnetAttributeRequest { enable_resource_name_dns_a_record_on_launch: is(true), ..none() },
        ModifySubnetAttributeRequest { enable_resource_name_dns_aaaa_record_on_launch: is(true), ..none() },
        ModifySubnetAttributeRequest {
            private_dns_hostname_type_on_launch: Some(ec2_shapes::HostnameType::ResourceName),
            ..none()
        },
        ModifySubnetAttributeRequest { map_customer_owned_ip_on_launch: is(false), ..none() },
        ModifySubnetAttributeRequest { disable_lni_at_device_index: is(true), ..none() },
    ] {
        net.modify(request).unwrap();
    }
    let told = net.subnet_told(&subnet_id);
    assert_eq!((told.assign_ipv6_address_on_creation, told.map_public_ip_on_launch), (Some(true), Some(true)));
    assert_eq!(told.enable_dns64, Some(true));
    let options = told.private_dns_name_options_on_launch.unwrap();
    assert_eq!(options.hostname_type, Some(ec2_shapes::HostnameType::ResourceName));
    assert_eq!(options.enable_resource_name_dns_a_record, Some(true));
    assert_eq!(options.enable_resource_name_dns_aaaa_record, Some(true));
    let names = "private-dns-name-options-on-launch.";
    for (name, value) in [
        ("map-public-ip-on-launch", "true"),
        ("enable-dns64", "true"),
        (&format!("{names}hostname-type"), "resource-name"),
        (&format!("{names}enable-resource-name-dns-a-record"), "true"),
        (&format!("{names}enable-resource-name-dns-aaaa-record"), "true"),
    ] {
        let filters = vec![filter(name, &[value]), filter("vpc-id", &[&vpc])];
        assert_eq!(net.subnets(filters).len(), 1, "{name}");
    }
    for (request, expected) in [
        (none(), "InvalidParameterCombination"),
        (
            ModifySubnetAttributeRequest { map_public_ip_on_launch: is(false), ..assign() },
            "InvalidParameterCombination",
        ),
        (ModifySubnetAttributeRequest { map_customer_owned_ip_on_launch: is(true), ..none() }, "UnsupportedOperation"),
        (
            ModifySubnetAttributeRequest { customer_owned_ipv4_pool: Some("x".to_owned()), ..none() },
            "UnsupportedOperation",
        ),
        (ModifySubnetAttributeRequest { enable_lni_at_device_index: Some(1), ..none() }, "UnsupportedOperation"),
        (
            ModifySubnetAttributeRequest { subnet_id: "subnet-00000000".to_owned(), ..none() },
            "InvalidSubnetID.NotFound",
        ),
    ] {
        assert_eq!(code(net.modify(request.clone())), expected, "{request:?}");
    }
}

#[test]
fn an_ipv6_block_comes_and_goes() {
    let mut net = Net::new();
    let (vpc, ipv6) = net.dual_stack("10.0.0.0/16");
    let subnet_id = net.subnet(&vpc, "10.0.0.0/24");
    let associate = |net: &mut Net, block: &str| {
        let ipv6_cidr_block = Some(block.to_owned());
        let request =
            AssociateSubnetCidrBlockRequest { subnet_id: subnet_id.clone(), ipv6_cidr_block, ..Default::default() };
        associate_subnet_cidr_block(&net.context, &mut net.tx, request)
    };
    let disassociate = |net: &mut Net, id: &str| {
        let request = DisassociateSubnetCidrBlockRequest { association_id: id.to_owned() };
        disassociate_subnet_cidr_block(&net.context, &mut net.tx, request)
    };
    let made = associate(&mut net, &ipv6).unwrap();
    assert_eq!(made.subnet_id.as_ref(), Some(&subnet_id));
    let made = made.ipv6_cidr_block_association.unwrap();
    assert_eq!(made.ipv6_cidr_block_state.unwrap().state, Some(SubnetCidrBlockStateCode::Associating));
    let id = made.association_id.unwrap();
    for (name, value) in [("association-id", id.as_str()), ("ipv6-cidr-block", ipv6.as_str()), ("state", "associated")]
    {
        let name = format!("ipv6-cidr-block-association.{name}");
        assert_eq!(net.subnets(vec![filter(&name, &[value])]).len(), 1, "{name}");
    }
    let next = ipv6.replace("::/64", ":1::/64").replace("00:1::", "01::");
    assert_ne!(next, ipv6);
    assert_eq!(code(associate(&mut net, &next)), "CidrLimitExceeded");

    let is = |value| Some(AttributeBooleanValue { value: Some(value) });
    let assign = |net: &mut Net, value| {
        let subnet_id = subnet_id.clone();
        let assign_ipv6_address_on_creation = is(value);
        net.modify(ModifySubnetAttributeRequest { subnet_id, assign_ipv6_address_on_creation, ..Default::default() })
    };
    assign(&mut net, true).unwrap();
    assert_eq!(code(disassociate(&mut net, &id)), "OperationNotPermitted");
    assign(&mut net, false).unwrap();
    let address: std::net::Ipv6Addr = ipv6.trim_end_matches("/64").parse().unwrap();
    let mut interface = net.interface(&subnet_id, 9);
    interface.ipv6.push(address);
    net.tx.put(interface.clone());
    assert_eq!(code(disassociate(&mut net, &id)), "OperationNotPermitted");
    interface.ipv6.clear();
    net.tx.put(interface);
    net.reserve(&subnet_id, &ipv6.replace("/64", "/80")).unwrap();
    assert_eq!(code(disassociate(&mut net, &id)), "OperationNotPermitted");
    let reserved = *net.tx.subnet_cidr_reservations.keys().next().unwrap();
    net.tx.delete(Key::SubnetCidrReservation(reserved));
    let gone = disassociate(&mut net, &id).unwrap().ipv6_cidr_block_association.unwrap();
    assert_eq!(gone.ipv6_cidr_block_state.unwrap().state, Some(SubnetCidrBlockStateCode::Disassociating));
    assert!(net.subnet_told(&subnet_id).ipv6_cidr_block_association_set.is_empty());
    assert_eq!(
        refused(disassociate(&mut net, &id)),
        (
            "InvalidSubnetCidrBlockAssociationID.NotFound",
            format!("The subnet CIDR block with association ID '{id}' does not exist")
        )
    );
    assert_eq!(code(disassociate(&mut net, "x")), "InvalidSubnetCidrBlockAssociationID.Malformed");
    let request = AssociateSubnetCidrBlockRequest { subnet_id: subnet_id.clone(), ..Default::default() };
    assert_eq!(code(associate_subnet_cidr_block(&net.context, &mut net.tx, request)), "MissingParameter");
}

#[test]
fn subnets_by_every_filter() {
    let mut net = Net::new();
    let all = net.subnets(vec![]);
    assert_eq!(all.len(), 3);
    let b = all.iter().find(|subnet| subnet.availability_zone.as_deref() == Some("us-east-1b")).unwrap().clone();
    assert_eq!((b.cidr_block.as_deref(), b.available_ip_address_count), (Some("172.31.16.0/20"), Some(4091)));
    let (id, arn) = (b.subnet_id.clone().unwrap(), b.subnet_arn.clone().unwrap());
    tagging::add(&mut net.tx, &id, &Tags::from([("Name".to_owned(), "b".to_owned())])).unwrap();
    for (name, value, count) in [
        ("availability-zone", "us-east-1b", 1),
        ("availabilityZone", "us-east-1b", 1),
        ("availability-zone-id", "use1-az2", 1),
        ("availabilityZoneId", "use1-az2", 1),
        ("available-ip-address-count", "4091", 3),
        ("cidr", "172.31.16.0/20", 1),
        ("cidr-block", "172.31.16.0/20", 1),
        ("cidrBlock", "172.31.16.0/20", 1),
        ("default-for-az", "true", 3),
        ("defaultForAz", "true", 3),
        ("enable-dns64", "false", 3),
        ("ipv6-native", "false", 3),
        ("map-customer-owned-ip-on-launch", "false", 3),
        ("map-public-ip-on-launch", "true", 3),
        ("owner-id", "123456789012", 3),
        ("private-dns-name-options-on-launch.hostname-type", "ip-name", 3),
        ("state", "available", 3),
        ("subnet-arn", &arn, 1),
        ("subnet-id", &id, 1),
        ("vpc-id", b.vpc_id.as_deref().unwrap(), 3),
        ("tag:Name", "b", 1),
    ] {
        assert_eq!(net.subnets(vec![filter(name, &[value])]).len(), count, "{name}");
    }
    for name in SubnetRow::NAMES {
        assert!(net.subnets(vec![filter(name, &["nothing"])]).is_empty(), "{name}");
    }
    let unknown = DescribeSubnetsRequest {
        subnet_ids: vec!["subnet-00000000000000000".to_owned()],
        ..DescribeSubnetsRequest::default()
    };
    let message = "The subnet ID 'subnet-00000000000000000' does not exist".to_owned();
    let told = describe_subnets(&net.context, &net.tx.view(), unknown);
    assert_eq!(refused(told), ("InvalidSubnetID.NotFound", message));
}

#[test]
fn reserved_addresses_are_not_chosen() {
    let mut net = Net::new();
    let vpc = net.vpc("10.0.0.0/16");
    let subnet = net.subnet(&vpc, "10.0.0.0/27");
    net.reserve(&subnet, "10.0.0.0/28").unwrap();
    let chosen: Vec<Ipv4Addr> = (1..=15).map(|number| net.interface(&subnet, number).private_ip).collect();
    assert!(chosen.iter().all(|ip| *ip > Ipv4Addr::new(10, 0, 0, 15)), "{chosen:?}");
    let id = subnet.parse().unwrap();
    let none_left = net.tx.free_private_address(&net.context, id);
    assert_eq!(code(none_left), "InsufficientFreeAddressesInSubnet");
}

#[test]
fn reservations_are_made_described_and_deleted() {
    let mut net = Net::new();
    let (vpc, ipv6) = net.dual_stack("10.0.0.0/16");
    let request = CreateSubnetRequest {
        vpc_id: vpc,
        cidr_block: Some("10.0.0.0/24".to_owned()),
        ipv6_cidr_block: Some(ipv6.clone()),
        ..Default::default()
    };
    let subnet = net.ask(request).unwrap().subnet_id.unwrap();
    let made = net.reserve(&subnet, "10.0.0.16/28").unwrap();
    assert_eq!((made.cidr.as_deref(), made.description.as_deref()), (Some("10.0.0.16/28"), Some("kept")));
    assert_eq!((made.owner_id.as_deref(), made.subnet_id.as_ref()), (Some("123456789012"), Some(&subnet)));
    assert_eq!((made.reservation_type, made.tags.len()), (Some(SubnetCidrReservationType::Explicit), 1));
    net.reserve(&subnet, &ipv6.replace("/64", "/80")).unwrap();
    let told = net.reservations(&subnet, vec![]);
    assert_eq!(told.subnet_ipv4_cidr_reservations, vec![made.clone()]);
    assert_eq!(told.subnet_ipv6_cidr_reservations.len(), 1);
    let request = |cidr: &str, reservation_type| CreateSubnetCidrReservationRequest {
        subnet_id: subnet.clone(),
        cidr: cidr.to_owned(),
        reservation_type,
        ..Default::default()
    };
    let (prefix, explicit) = (Some(SubnetCidrReservationType::Prefix), Some(SubnetCidrReservationType::Explicit));
    for (cidr, reservation_type, code, text) in [
        ("10.0.0.0/24", explicit, "InvalidParameterValue", "has overlap with existing reserved CIDR block"),
        ("10.0.1.0/28", explicit, "InvalidParameterValue", "should be within subnet CIDR block (10.0.0.0/24)"),
        ("x", explicit, "InvalidParameterValue", "Value (x) for parameter cidr is invalid."),
        ("10.0.0.32/29", prefix, "InvalidParameterValue", "must not be smaller than /28"),
        ("10.0.0.32/29", None, "MissingParameter", "reservationType"),
    ] {
        let told = create_subnet_cidr_reservation(&net.context, &mut net.tx, request(cidr, reservation_type));
        let (found, message) = refused(told);
        assert!(found == code && message.contains(text), "{cidr}: {found} {message}");
    }
    create_subnet_cidr_reservation(&net.context, &mut net.tx, request("10.0.0.32/28", prefix)).unwrap();
    for (name, value, count) in [
        ("reservationType", "prefix", 1),
        ("reservationType", "explicit", 2),
        ("subnet-id", subnet.as_str(), 3),
        ("tag:Name", "10.0.0.16/28", 1),
        ("tag-key", "Name", 2),
    ] {
        let told = net.reservations(&subnet, vec![filter(name, &[value])]);
        let found = told.subnet_ipv4_cidr_reservations.len() + told.subnet_ipv6_cidr_reservations.len();
        assert_eq!(found, count, "{name}");
    }
    for name in Row::NAMES {
        assert!(net.reservations(&subnet, vec![filter(name, &["x"])]).subnet_ipv4_cidr_reservations.is_empty());
    }
    let delete = |net: &mut Net| {
        let id = made.subnet_cidr_reservation_id.clone().unwrap();
        let request = DeleteSubnetCidrReservationRequest { subnet_cidr_reservation_id: id, dry_run: None };
        delete_subnet_cidr_reservation(&net.context, &mut net.tx, request)
    };
    assert_eq!(delete(&mut net).unwrap().deleted_subnet_cidr_reservation, Some(made.clone()));
    assert_eq!(code(delete(&mut net)), "InvalidSubnetCidrReservationID.NotFound");
    let unknown = GetSubnetCidrReservationsRequest { subnet_id: "subnet-00000000".to_owned(), ..Default::default() };
    let told = get_subnet_cidr_reservations(&net.context, &net.tx.view(), unknown);
    assert_eq!(code(told), "InvalidSubnetID.NotFound");
}
