//! Sets of DHCP options.
//!
//! Rules as the service model's CreateDhcpOptions and the VPC guide's page on DHCP option sets give them. A set never
//! changes; `default` instead of an id stands for no options at all.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ec2_shapes::{
    AssociateDhcpOptionsRequest, AttributeValue, CreateDhcpOptionsRequest, CreateDhcpOptionsResult,
    DeleteDhcpOptionsRequest, DescribeDhcpOptionsRequest, DescribeDhcpOptionsResult, DhcpConfiguration,
};
use types::DhcpOptionsId;

use crate::context::Context;
use crate::dependencies::check_unused;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{DhcpOptions, Tags, Vpc};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// How many servers an option may list for each family of addresses.
const MAX_SERVERS: usize = 4;
/// How many characters a domain may have.
const MAX_DOMAIN_LEN: usize = 255;
/// The seconds an IPv6 address may be leased for.
const LEASE_SECONDS: std::ops::RangeInclusive<u32> = 140..=2_147_483_647;

pub(super) fn create_dhcp_options(
    context: &Context,
    tx: &mut Transaction,
    request: CreateDhcpOptionsRequest,
) -> Result<CreateDhcpOptionsResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["dhcp-options"])?;
    let mut configurations = BTreeMap::new();
    for configuration in &request.dhcp_configurations {
        let key = configuration.key.as_deref().ok_or_else(|| ApiError::missing("key"))?;
        // Several servers may come in one value.
        let values = configuration.values.iter().flat_map(|value| value.split(',')).map(str::trim);
        let values: Vec<String> = values.filter(|value| !value.is_empty()).map(str::to_owned).collect();
        check_option(key, &values)?;
        if configurations.insert(key.to_owned(), values).is_some() {
            return Err(ApiError::invalid_value(format!("The option {key} is given more than once.")));
        }
    }
    if configurations.is_empty() {
        return Err(ApiError::missing("dhcpConfiguration"));
    }
    let id = DhcpOptionsId::from_number(context.id_number());
    let options = DhcpOptions { id, configurations, is_default: false };
    tx.put(options.clone());
    tags.put(tx, "dhcp-options", id);
    Ok(CreateDhcpOptionsResult { dhcp_options: Some(Row::new(context, tx, &options).to_shape()) })
}

/// Checks the values of one option.
fn check_option(key: &str, values: &[String]) -> Result<(), ApiError> {
    let invalid = |value: &str, why: &str| {
        let message = format!("Value ({value}) for parameter {key} is invalid. {why}");
        Err(ApiError::invalid_value(message))
    };
    let addresses = |value: &&String| value.parse::<IpAddr>().is_ok();
    let is_lease = |value: &str| value.parse().is_ok_and(|seconds: u32| LEASE_SECONDS.contains(&seconds));
    let is_amazon = |value: &str| value == "AmazonProvidedDNS";
    let Some(first) = values.first() else { return invalid("", "An option must have a value.") };
    let no_address = match key {
        "domain-name-servers" => values.iter().find(|value| !addresses(value) && !is_amazon(value)),
        "ntp-servers" | "netbios-name-servers" => values.iter().find(|value| !addresses(value)),
        _ => None,
    };
    if let Some(other) = no_address {
        return invalid(other, "It is not an IP address.");
    }
    // Several domains may stand in one value. What is no domain must not come into the machines' own files.
    let is_domain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if key == "domain-name" && (first.len() > MAX_DOMAIN_LEN || !first.split(' ').all(is_domain)) {
        return invalid(first, "It is not a domain name.");
    }
    let too_many = match key {
        "ntp-servers" => [true, false].into_iter().any(|ipv4| {
            let of_family = |value: &&String| value.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4() == ipv4);
            values.iter().filter(of_family).count() > MAX_SERVERS
        }),
        "domain-name-servers" | "netbios-name-servers" => values.len() > MAX_SERVERS,
        "domain-name" | "netbios-node-type" | "ipv6-address-preferred-lease-time" => values.len() > 1,
        _ => return invalid(first, "Unknown DHCP option"),
    };
    if too_many {
        return invalid(&values.join(","), "It has too many values.");
    }
    match key {
        "netbios-node-type" if !matches!(first.as_str(), "1" | "2" | "4" | "8") => {
            invalid(first, "The node type must be 1, 2, 4 or 8.")
        }
        "ipv6-address-preferred-lease-time" if !is_lease(first) => {
            invalid(first, "The lease time must be between 140 and 2147483647 seconds.")
        }
        _ => Ok(()),
    }
}

/// The set that a request names in order to do something with it: the code then differs from that of describing.
fn named(tables: &Tables, text: &str) -> Result<DhcpOptionsId, ApiError> {
    get::<DhcpOptions>(tables, text).map(|options| options.id).map_err(|error| {
        if error.code == DhcpOptions::KIND.not_found {
            let message = format!("The dhcpOptions ID '{text}' does not exist");
            ApiError::new("InvalidDhcpOptionsID.NotFound", message)
        } else {
            error
        }
    })
}

pub(super) fn associate_dhcp_options(
    _: &Context,
    tx: &mut Transaction,
    request: AssociateDhcpOptionsRequest,
) -> Result<(), ApiError> {
    let dhcp_options = match request.dhcp_options_id.as_str() {
        "default" => None,
        id => Some(named(tx, id)?),
    };
    let vpc = Vpc::clone(get::<Vpc>(tx, &request.vpc_id)?);
    tx.put(Vpc { dhcp_options, ..vpc });
    Ok(())
}

pub(super) fn delete_dhcp_options(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteDhcpOptionsRequest,
) -> Result<(), ApiError> {
    let id = named(tx, &request.dhcp_options_id)?;
    let key = Key::DhcpOptions(id);
    check_unused(tx, &key, format!("The dhcpOptions '{id}' has dependencies and cannot be deleted."))?;
    tx.delete(key);
    Ok(())
}

pub(super) fn describe_dhcp_options(
    context: &Context,
    view: &View<'_>,
    request: DescribeDhcpOptionsRequest,
) -> Result<DescribeDhcpOptionsResult, ApiError> {
    let (max_results, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.dhcp_options_ids, &request.filters, max_results, token);
    let (rows, next_token) = list(view.tables(), asked, |options| Row::new(context, view.tables(), options))?;
    Ok(DescribeDhcpOptionsResult { dhcp_options: rows.iter().map(Row::to_shape).collect(), next_token })
}

struct Row<'a> {
    options: &'a DhcpOptions,
    owner: &'a str,
    tags: &'a Tags,
}

impl<'a> Row<'a> {
    fn new(context: &'a Context, tables: &'a Tables, options: &'a DhcpOptions) -> Self {
        Self { options, owner: context.account().as_str(), tags: tables.tags_of(&options.id.to_string()) }
    }

    fn to_shape(&self) -> ec2_shapes::DhcpOptions {
        let configuration = |(key, values): (&String, &Vec<String>)| DhcpConfiguration {
            key: Some(key.clone()),
            values: values.iter().map(|value| AttributeValue { value: Some(value.clone()) }).collect(),
        };
        ec2_shapes::DhcpOptions {
            dhcp_configurations: self.options.configurations.iter().map(configuration).collect(),
            dhcp_options_id: Some(self.options.id.to_string()),
            owner_id: Some(self.owner.to_owned()),
            tags: tagging::to_shape(self.tags),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["dhcp-options-id", "key", "owner-id", "value"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "dhcp-options-id" => found(&self.options.id.to_string()),
            "key" => self.options.configurations.keys().for_each(|key| found(key)),
            "owner-id" => found(self.owner),
            _ => self.options.configurations.values().flatten().for_each(|value| found(value)),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
