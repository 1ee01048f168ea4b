//! Regions and availability zones.

use ec2_shapes::{
    AvailabilityZoneOptInStatus, AvailabilityZoneState, DescribeAvailabilityZonesRequest,
    DescribeAvailabilityZonesResult, DescribeRegionsRequest, DescribeRegionsResult,
};
use types::{AvailabilityZone, Region};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters};
use crate::resource::Tags;
use crate::view::View;

/// AWS's regions with the names they have in zone groups, and whether an account must opt in to use them; from the
/// reference guide's list of regions.
const REGIONS: &[(&str, &str, bool)] = &[
    ("af-south-1", "Africa (Cape Town)", true),
    ("ap-east-1", "Asia Pacific (Hong Kong)", true),
    ("ap-east-2", "Asia Pacific (Taipei)", true),
    ("ap-northeast-1", "Asia Pacific (Tokyo)", false),
    ("ap-northeast-2", "Asia Pacific (Seoul)", false),
    ("ap-northeast-3", "Asia Pacific (Osaka)", false),
    ("ap-south-1", "Asia Pacific (Mumbai)", false),
    ("ap-south-2", "Asia Pacific (Hyderabad)", true),
    ("ap-southeast-1", "Asia Pacific (Singapore)", false),
    ("ap-southeast-2", "Asia Pacific (Sydney)", false),
    ("ap-southeast-3", "Asia Pacific (Jakarta)", true),
    ("ap-southeast-4", "Asia Pacific (Melbourne)", true),
    ("ap-southeast-5", "Asia Pacific (Malaysia)", true),
    ("ap-southeast-7", "Asia Pacific (Thailand)", true),
    ("ca-central-1", "Canada (Central)", false),
    ("ca-west-1", "Canada West (Calgary)", true),
    ("eu-central-1", "Europe (Frankfurt)", false),
    ("eu-central-2", "Europe (Zurich)", true),
    ("eu-north-1", "Europe (Stockholm)", false),
    ("eu-south-1", "Europe (Milan)", true),
    ("eu-south-2", "Europe (Spain)", true),
    ("eu-west-1", "Europe (Ireland)", false),
    ("eu-west-2", "Europe (London)", false),
    ("eu-west-3", "Europe (Paris)", false),
    ("il-central-1", "Israel (Tel Aviv)", true),
    ("me-central-1", "Middle East (UAE)", true),
    ("me-south-1", "Middle East (Bahrain)", true),
    ("mx-central-1", "Mexico (Central)", true),
    ("sa-east-1", "South America (Sao Paulo)", false),
    ("us-east-1", "US East (N. Virginia)", false),
    ("us-east-2", "US East (Ohio)", false),
    ("us-west-1", "US West (N. California)", false),
    ("us-west-2", "US West (Oregon)", false),
];

const NOT_OPTED_IN: &str = "not-opted-in";

struct RegionRow {
    name: String,
    opt_in: &'static str,
}

impl RegionRow {
    fn endpoint(&self) -> String {
        format!("ec2.{}.amazonaws.com", self.name)
    }
}

impl Filterable for RegionRow {
    const NAMES: &'static [&'static str] = &["endpoint", "opt-in-status", "region-name"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "endpoint" => found(&self.endpoint()),
            "opt-in-status" => found(self.opt_in),
            "region-name" => found(&self.name),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// AWS's regions, and the ones of other names that are in use here. To use a region is to opt in.
fn regions(view: &View<'_>) -> Vec<RegionRow> {
    let used = &view.state().regions;
    let mut rows: Vec<RegionRow> = REGIONS
        .iter()
        .map(|(name, _, must_opt_in)| RegionRow {
            name: (*name).to_owned(),
            opt_in: match (must_opt_in, used.keys().any(|region| region.as_str() == *name)) {
                (false, _) => "opt-in-not-required",
                (true, true) => "opted-in",
                (true, false) => NOT_OPTED_IN,
            },
        })
        .collect();
    let known = |region: &&Region| !REGIONS.iter().any(|(name, ..)| *name == region.as_str());
    rows.extend(
        used.keys().filter(known).map(|region| RegionRow { name: region.to_string(), opt_in: "opt-in-not-required" }),
    );
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

/// Without `AllRegions` or names, regions that were not opted in to are left out.
pub(super) fn describe_regions(
    _: &Context,
    view: &View<'_>,
    request: DescribeRegionsRequest,
) -> Result<DescribeRegionsResult, ApiError> {
    let filters = Filters::new::<RegionRow>(&request.filters)?;
    let all = regions(view);
    let names = &request.region_names;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|row| row.name != **name)) {
        return Err(ApiError::invalid_value(format!("Invalid region name: '{unknown}'")));
    }
    let wanted = |row: &RegionRow| {
        if names.is_empty() {
            request.all_regions == Some(true) || row.opt_in != NOT_OPTED_IN
        } else {
            names.contains(&row.name)
        }
    };
    let regions = all.into_iter().filter(|row| wanted(row) && filters.matches(row)).map(|row| ec2_shapes::Region {
        endpoint: Some(row.endpoint()),
        opt_in_status: Some(row.opt_in.to_owned()),
        region_name: Some(row.name),
        ..ec2_shapes::Region::default()
    });
    Ok(DescribeRegionsResult { regions: regions.collect() })
}

/// The name of the group that a region's zones form.
pub(super) fn zone_group(region: &Region) -> String {
    format!("{region}-zg-1")
}

struct ZoneRow {
    zone: AvailabilityZone,
}

impl ZoneRow {
    fn group_name(&self) -> String {
        zone_group(&self.zone.region)
    }

    fn group_long_name(&self) -> String {
        let region = self.zone.region.as_str();
        let known = REGIONS.iter().find(|(name, ..)| *name == region);
        format!("{} 1", known.map_or(region, |(_, long_name, _)| long_name))
    }
}

impl Filterable for ZoneRow {
    const NAMES: &'static [&'static str] = &[
        "group-long-name",
        "group-name",
        "message",
        "opt-in-status",
        "parent-zone-id",
        "parent-zone-name",
        "region-name",
        "state",
        "zone-id",
        "zone-name",
        "zone-type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "group-long-name" => found(&self.group_long_name()),
            "group-name" => found(&self.group_name()),
            "opt-in-status" => found(AvailabilityZoneOptInStatus::OptInNotRequired.as_str()),
            "region-name" => found(self.zone.region.as_str()),
            "state" => found(AvailabilityZoneState::Available.as_str()),
            "zone-id" => found(&self.zone.zone_id()),
            "zone-name" => found(&self.zone.to_string()),
            "zone-type" => found("availability-zone"),
            // No zone has messages or a parent.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// The zone that a request names, one way or the other.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterCombination` for both ways, `InvalidZone.NotFound`.
pub(super) fn named_zone(region: &Region, name: Option<&str>, id: Option<&str>) -> Result<AvailabilityZone, ApiError> {
    let mut zones = Region::ZONE_LETTERS.into_iter().map(|letter| region.zone(letter));
    let (text, found) = match (name, id) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter availabilityZone cannot be used with the parameter availabilityZoneId",
            ));
        }
        (None, None) => return Err(ApiError::missing("AvailabilityZone")),
        (Some(name), None) => (name, zones.find(|zone| zone.to_string() == name)),
        (None, Some(id)) => (id, zones.find(|zone| zone.zone_id() == id)),
    };
    found.ok_or_else(|| ApiError::new("InvalidZone.NotFound", format!("The zone '{text}' does not exist.")))
}

pub(super) fn describe_availability_zones(
    context: &Context,
    _: &View<'_>,
    request: DescribeAvailabilityZonesRequest,
) -> Result<DescribeAvailabilityZonesResult, ApiError> {
    let filters = Filters::new::<ZoneRow>(&request.filters)?;
    let all = Region::ZONE_LETTERS.map(|letter| ZoneRow { zone: context.region.zone(letter) });
    let (names, ids) = (&request.zone_names, &request.zone_ids);
    let unknown_name = names.iter().find(|name| all.iter().all(|row| row.zone.to_string() != **name));
    let unknown_id = ids.iter().find(|id| all.iter().all(|row| row.zone.zone_id() != **id));
    if let Some(unknown) = unknown_name.or(unknown_id) {
        return Err(ApiError::invalid_value(format!("Invalid availability zone: [{unknown}]")));
    }
    let availability_zones = all
        .into_iter()
        .filter(|row| names.is_empty() || names.contains(&row.zone.to_string()))
        .filter(|row| ids.is_empty() || ids.contains(&row.zone.zone_id()))
        .filter(|row| filters.matches(row))
        .map(|row| ec2_shapes::AvailabilityZone {
            group_long_name: Some(row.group_long_name()),
            group_name: Some(row.group_name()),
            network_border_group: Some(row.zone.region.to_string()),
            opt_in_status: Some(AvailabilityZoneOptInStatus::OptInNotRequired),
            region_name: Some(row.zone.region.to_string()),
            state: Some(AvailabilityZoneState::Available),
            zone_id: Some(row.zone.zone_id()),
            zone_name: Some(row.zone.to_string()),
            zone_type: Some("availability-zone".to_owned()),
            ..ec2_shapes::AvailabilityZone::default()
        })
        .collect();
    Ok(DescribeAvailabilityZonesResult { availability_zones })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;
    use crate::testing::{filter, seeded};
    use crate::transaction::Transaction;

    fn regions_told(state: &State, request: DescribeRegionsRequest) -> Result<Vec<ec2_shapes::Region>, ApiError> {
        let (context, _) = seeded();
        let tx = Transaction::new(state, context.region.clone());
        describe_regions(&context, &tx.view(), request).map(|told| told.regions)
    }

    #[test]
    fn regions_in_use_are_listed_whatever_their_names() {
        let (_, mut state) = seeded();
        for name in ["dorm-1", "me-south-1"] {
            state.regions.insert(name.parse().unwrap(), Default::default());
        }
        let told = regions_told(&state, DescribeRegionsRequest::default()).unwrap();
        let status = |name: &str| {
            let region = told.iter().find(|region| region.region_name.as_deref() == Some(name))?;
            region.opt_in_status.as_deref()
        };
        assert_eq!(status("us-east-1"), Some("opt-in-not-required"));
        assert_eq!(status("dorm-1"), Some("opt-in-not-required"));
        assert_eq!(status("me-south-1"), Some("opted-in"));
        assert_eq!(status("af-south-1"), None);
        assert_eq!(told.len(), 19);
    }

    #[test]
    fn regions_by_name_and_filter() {
        let (_, state) = seeded();
        let base = DescribeRegionsRequest::default;
        let names = |request| {
            let told = regions_told(&state, request).unwrap();
            told.into_iter().filter_map(|region| region.region_name).collect::<Vec<_>>()
        };
        let one = DescribeRegionsRequest { region_names: vec!["af-south-1".to_owned()], ..base() };
        assert_eq!(names(one), ["af-south-1"]);
        let all = DescribeRegionsRequest { all_regions: Some(true), ..base() };
        assert_eq!(names(all.clone()).len(), REGIONS.len());
        let filters = vec![filter("opt-in-status", &["not-opted-in"]), filter("region-name", &["eu-*"])];
        assert_eq!(names(DescribeRegionsRequest { filters, ..all }), ["eu-central-2", "eu-south-1", "eu-south-2"]);
        let filters = vec![filter("endpoint", &["ec2.us-west-2.amazonaws.com"])];
        assert_eq!(names(DescribeRegionsRequest { filters, ..base() }), ["us-west-2"]);
        let unknown = DescribeRegionsRequest { region_names: vec!["nowhere-1".to_owned()], ..base() };
        assert_eq!(regions_told(&state, unknown).unwrap_err().code, "InvalidParameterValue");
    }

    #[test]
    fn zones_by_name_id_and_filter() {
        let (context, state) = seeded();
        let tx = Transaction::new(&state, context.region.clone());
        let told = |request| {
            describe_availability_zones(&context, &tx.view(), request)
                .map(|told| told.availability_zones.into_iter().filter_map(|zone| zone.zone_name).collect::<Vec<_>>())
                .map_err(|error| error.message)
        };
        let base = DescribeAvailabilityZonesRequest::default;
        assert_eq!(told(base()).unwrap(), ["us-east-1a", "us-east-1b", "us-east-1c"]);
        let names = DescribeAvailabilityZonesRequest { zone_names: vec!["us-east-1b".to_owned()], ..base() };
        assert_eq!(told(names).unwrap(), ["us-east-1b"]);
        let ids = DescribeAvailabilityZonesRequest { zone_ids: vec!["use1-az3".to_owned()], ..base() };
        assert_eq!(told(ids).unwrap(), ["us-east-1c"]);
        let filters = vec![filter("state", &["available"]), filter("zone-id", &["use1-az1"])];
        assert_eq!(told(DescribeAvailabilityZonesRequest { filters, ..base() }).unwrap(), ["us-east-1a"]);
        let unknown = DescribeAvailabilityZonesRequest { zone_names: vec!["us-east-1x".to_owned()], ..base() };
        assert_eq!(told(unknown).unwrap_err(), "Invalid availability zone: [us-east-1x]");
    }
}
