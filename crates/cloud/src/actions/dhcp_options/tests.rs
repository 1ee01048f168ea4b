use ec2_shapes::*;

use super::*;
use crate::actions::vpcs::tests::{Net, refused};
use crate::testing::{filter, specification};

fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> &'static str {
    refused(result).0
}

impl Net {
    fn options(&mut self, configurations: &[(&str, &[&str])]) -> Result<ec2_shapes::DhcpOptions, ApiError> {
        let configuration = |(key, values): &(&str, &[&str])| NewDhcpConfiguration {
            key: Some((*key).to_owned()),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let request = CreateDhcpOptionsRequest {
            dhcp_configurations: configurations.iter().map(configuration).collect(),
            tag_specifications: vec![specification("dhcp-options", &[("Name", "mine")])],
            dry_run: None,
        };
        create_dhcp_options(&self.context, &mut self.tx, request).map(|told| told.dhcp_options.unwrap())
    }

    fn described_options(&self, ids: &[&str], filters: Vec<Filter>) -> Result<Vec<ec2_shapes::DhcpOptions>, ApiError> {
        let dhcp_options_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = DescribeDhcpOptionsRequest { dhcp_options_ids, filters, ..Default::default() };
        describe_dhcp_options(&self.context, &self.tx.view(), request).map(|told| told.dhcp_options)
    }

    fn associate_options(&mut self, options: &str, vpc: &str) -> Result<(), ApiError> {
        let (dhcp_options_id, vpc_id) = (options.to_owned(), vpc.to_owned());
        let request = AssociateDhcpOptionsRequest { dhcp_options_id, vpc_id, dry_run: None };
        associate_dhcp_options(&self.context, &mut self.tx, request)
    }

    fn delete_options(&mut self, options: &str) -> Result<(), ApiError> {
        let request = DeleteDhcpOptionsRequest { dhcp_options_id: options.to_owned(), dry_run: None };
        delete_dhcp_options(&self.context, &mut self.tx, request)
    }
}

#[test]
fn a_set_reads_back_as_it_was_made() {
    let mut net = Net::new();
    let all: &[(&str, &[&str])] = &[
        ("domain-name", &["example.com"]),
        ("domain-name-servers", &["10.0.0.1", "AmazonProvidedDNS"]),
        ("ipv6-address-preferred-lease-time", &["1440"]),
        ("netbios-name-servers", &["10.0.0.3"]),
        ("netbios-node-type", &["2"]),
        ("ntp-servers", &["10.0.0.4", "fd00::4"]),
    ];
    let made = net.options(all).unwrap();
    let id = made.dhcp_options_id.clone().unwrap();
    assert_eq!((made.owner_id.as_deref(), made.tags.len()), (Some("123456789012"), 1));
    let [told] = net.described_options(&[&id], vec![]).unwrap().try_into().unwrap();
    assert_eq!(told, made);
    let read: Vec<(String, Vec<String>)> = (told.dhcp_configurations.into_iter())
        .map(|it| (it.key.unwrap(), it.values.into_iter().map(|value| value.value.unwrap()).collect()))
        .collect();
    let wanted: Vec<(String, Vec<String>)> = (all.iter())
        .map(|(key, values)| ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()))
        .collect();
    assert_eq!(read, wanted);
    let joined = net.options(&[("domain-name-servers", &["10.0.0.1, 10.0.0.2"])]).unwrap();
    assert_eq!(joined.dhcp_configurations[0].values.len(), 2);
}

#[test]
fn what_cannot_be_an_option_is_refused() {
    let mut net = Net::new();
    let servers = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    let cases: &[(&str, &[&str])] = &[
        ("domain-name", &[]),
        ("domain-name", &["a", "b"]),
        ("domain-name", &["a\nnameserver 10.0.0.1"]),
        ("domain-name-servers", &servers),
        ("domain-name-servers", &["x"]),
        ("netbios-name-servers", &servers),
        ("netbios-name-servers", &["AmazonProvidedDNS"]),
        ("netbios-node-type", &["3"]),
        ("ntp-servers", &servers),
        ("ntp-servers", &["pool.ntp.org"]),
        ("ipv6-address-preferred-lease-time", &["139"]),
        ("ipv6-address-preferred-lease-time", &["soon"]),
        ("colour", &["red"]),
    ];
    for case in cases {
        assert_eq!(code(net.options(&[*case])), "InvalidParameterValue", "{case:?}");
    }
    assert_eq!(code(net.options(&[("domain-name", &["a"]), ("domain-name", &["b"])])), "InvalidParameterValue");
    assert_eq!(code(net.options(&[])), "MissingParameter");
    net.options(&[("domain-name-servers", &servers[..4])]).unwrap();
}

#[test]
fn a_vpc_has_a_set_or_none() {
    let mut net = Net::new();
    let vpc = net.vpc("10.0.0.0/16");
    let id = net.options(&[("domain-name", &["example.com"])]).unwrap().dhcp_options_id.unwrap();
    let told = |net: &Net, value: &str| {
        let filters = vec![filter("dhcp-options-id", &[value])];
        let request = DescribeVpcsRequest { filters, ..Default::default() };
        let vpcs = crate::actions::vpcs::describe_vpcs(&net.context, &net.tx.view(), request).unwrap().vpcs;
        vpcs.into_iter().map(|vpc| vpc.vpc_id.unwrap()).collect::<Vec<_>>()
    };
    net.associate_options(&id, &vpc).unwrap();
    assert_eq!(told(&net, &id), vec![vpc.clone()]);
    let message = format!("The dhcpOptions '{id}' has dependencies and cannot be deleted.");
    assert_eq!(refused(net.delete_options(&id)), ("DependencyViolation", message));
    net.associate_options("default", &vpc).unwrap();
    assert_eq!(told(&net, "default"), vec![vpc.clone()]);
    net.delete_options(&id).unwrap();
    let gone = ("InvalidDhcpOptionsID.NotFound", format!("The dhcpOptions ID '{id}' does not exist"));
    assert_eq!(refused(net.delete_options(&id)), gone);
    assert_eq!(refused(net.associate_options(&id, &vpc)), gone);
    assert_eq!(code(net.described_options(&[&id], vec![])), "InvalidDhcpOptionID.NotFound");
    assert_eq!(code(net.delete_options("dopt-x")), "InvalidDhcpOptionsId.Malformed");
    assert_eq!(code(net.associate_options("default", "vpc-00000000")), "InvalidVpcID.NotFound");
}

#[test]
fn sets_by_every_filter() {
    let mut net = Net::new();
    let id = net.options(&[("domain-name", &["example.com"])]).unwrap().dhcp_options_id.unwrap();
    let count =
        |net: &Net, name: &str, value: &str| net.described_options(&[], vec![filter(name, &[value])]).unwrap().len();
    for (name, value, found) in [
        ("dhcp-options-id", id.as_str(), 1),
        ("key", "domain-name", 2),
        ("key", "domain-name-servers", 1),
        ("owner-id", "123456789012", 2),
        ("value", "example.com", 1),
        ("value", "AmazonProvidedDNS", 1),
        ("tag:Name", "mine", 1),
    ] {
        assert_eq!(count(&net, name, value), found, "{name}");
    }
    for name in Row::NAMES {
        assert_eq!(count(&net, name, "nothing"), 0, "{name}");
    }
}

#[test]
fn a_new_vpc_gets_the_default_set_even_beside_one_that_says_the_same() {
    let mut net = Net::new();
    let made = net.tx.dhcp_options.values().next().unwrap().clone();
    let twin = types::DhcpOptionsId::from_number(0);
    net.tx.put(crate::resource::DhcpOptions {
        id: twin,
        is_default: false,
        ..crate::resource::DhcpOptions::clone(&made)
    });
    let vpc = net.vpc("10.0.0.0/16");
    assert_eq!(net.tx.vpcs[&vpc.parse::<types::VpcId>().unwrap()].dhcp_options, Some(made.id));
}
