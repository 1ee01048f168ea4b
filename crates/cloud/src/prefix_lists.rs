//! Prefix lists: those that AWS manages, and what any list means to the rules and routes that name it.
//!
//! Each region has a list for S3 and one for DynamoDB, which nobody can change. Their blocks are those that AWS has
//! published for the region; a region that AWS does not have has lists without blocks, which open nothing.

use types::{Cidr, PrefixListId, Region};

use crate::resource::{AddressFamily, RouteDestination};
use crate::state::Tables;

/// The services that have a list in each region.
const SERVICES: [&str; 2] = ["s3", "dynamodb"];

/// One line for each region and service: both names, then the blocks.
const PUBLISHED: &str = include_str!("prefix_lists.txt");

/// Ids of AWS's own lists are numbered from here, apart from those that are drawn for customers' lists.
const FIRST_AWS_ID: u128 = 0xa << 64;

/// A prefix list that AWS manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsPrefixList {
    /// Its id, the same at all times for one region and service.
    pub id: PrefixListId,
    /// Its name, which is also the service's: `com.amazonaws.REGION.s3`.
    pub name: String,
    /// Its blocks.
    pub cidrs: Vec<Cidr>,
}

/// The lists that AWS manages in a region, in the order of their ids.
pub fn aws_lists(region: &Region) -> Vec<AwsPrefixList> {
    let list = |service: &&str| AwsPrefixList {
        id: aws_id(region, service),
        name: format!("com.amazonaws.{region}.{service}"),
        cidrs: published(region, service),
    };
    let mut lists: Vec<_> = SERVICES.iter().map(list).collect();
    lists.sort_by_key(|list| list.id);
    lists
}

/// The list of a service by its full name, such as `com.amazonaws.us-east-1.s3`.
pub fn of_service(region: &Region, name: &str) -> Option<AwsPrefixList> {
    aws_lists(region).into_iter().find(|list| list.name == name)
}

/// FNV-1a over both names: the same number in every cloud.
fn aws_id(region: &Region, service: &str) -> PrefixListId {
    let text = format!("{region}/{service}");
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    PrefixListId::from_number(FIRST_AWS_ID | u128::from(text.bytes().fold(0xcbf2_9ce4_8422_2325, hash)))
}

fn published(region: &Region, service: &str) -> Vec<Cidr> {
    let of_both = |line: &&str| {
        let mut words = line.split(' ');
        words.next() == Some(region.as_str()) && words.next() == Some(service)
    };
    let line = PUBLISHED.lines().find(of_both).unwrap_or_default();
    line.split(' ').skip(2).filter_map(|block| block.parse().ok()).collect()
}

/// Whether there is a list of this id, a customer's or AWS's.
pub fn exists(tables: &Tables, region: &Region, id: PrefixListId) -> bool {
    tables.prefix_lists.contains_key(&id) || aws_lists(region).iter().any(|list| list.id == id)
}

/// The blocks of a list; none where there is no such list.
pub fn blocks(tables: &Tables, region: &Region, id: PrefixListId) -> Vec<Cidr> {
    match tables.prefix_lists.get(&id) {
        Some(list) => list.entries().iter().map(|entry| entry.cidr).collect(),
        None => aws_lists(region).into_iter().find(|list| list.id == id).map(|list| list.cidrs).unwrap_or_default(),
    }
}

/// The blocks that a route is for.
pub fn destinations(tables: &Tables, region: &Region, destination: RouteDestination) -> Vec<Cidr> {
    match destination {
        RouteDestination::Ipv4(cidr) => vec![cidr.into()],
        RouteDestination::Ipv6(cidr) => vec![cidr.into()],
        RouteDestination::PrefixList(id) => blocks(tables, region, id),
    }
}

/// As how many rules or routes a list counts, and of which family: a customer's as many as it may have blocks, one of
/// AWS's as its weight, which is 1 for S3 and DynamoDB.
pub fn weight(tables: &Tables, id: PrefixListId) -> (AddressFamily, usize) {
    match tables.prefix_lists.get(&id) {
        Some(list) => (list.family, usize::try_from(list.max_entries).unwrap_or(usize::MAX)),
        None => (AddressFamily::Ipv4, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_line_is_read_whole() {
        for line in PUBLISHED.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<_> = line.split(' ').collect();
            let region: Region = words[0].parse().unwrap();
            let list = of_service(&region, &format!("com.amazonaws.{}.{}", words[0], words[1])).unwrap();
            let blocks: Vec<_> = list.cidrs.iter().map(ToString::to_string).collect();
            assert_eq!(blocks, words[2..], "{line}");
            assert!(!blocks.is_empty());
        }
    }

    #[test]
    fn a_list_has_the_same_id_always_and_another_elsewhere() {
        let (here, there): (Region, Region) = ("us-east-1".parse().unwrap(), "eu-north-1".parse().unwrap());
        assert_eq!(aws_lists(&here), aws_lists(&here));
        let ids = |region| aws_lists(region).into_iter().map(|list| list.id).collect::<Vec<_>>();
        let (here, there) = (ids(&here), ids(&there));
        assert!(here.is_sorted() && here[0] != here[1]);
        assert!(here.iter().all(|id| !there.contains(id)));
    }

    #[test]
    fn a_region_that_aws_does_not_have_has_lists_without_blocks() {
        let region: Region = "xx-north-7".parse().unwrap();
        let lists = aws_lists(&region);
        assert_eq!(lists.len(), 2);
        assert!(lists.iter().all(|list| list.cidrs.is_empty()));
        assert!(of_service(&region, "com.amazonaws.xx-north-7.s3").is_some());
        assert!(of_service(&region, "com.amazonaws.us-east-1.s3").is_none());
    }
}
