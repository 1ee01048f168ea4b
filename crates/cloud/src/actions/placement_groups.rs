//! Placement groups.
//!
//! All instances lie on one machine, which is as close together as can be; the strategies are kept and shown, and
//! partitions are counted. Codes follow the error code page of the API reference.

use std::sync::Arc;

use ec2_shapes::{
    CreatePlacementGroupRequest, CreatePlacementGroupResult, DeletePlacementGroupRequest,
    DescribePlacementGroupsRequest, DescribePlacementGroupsResult, OperatorResponse, PlacementGroupState, SpreadLevel,
};
use types::{InstanceState, PlacementGroupId};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{PlacementGroup, PlacementStrategy, Tags};
use crate::settle::SETTLE_MS;
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// EC2's name of the type of resource.
const RESOURCE_TYPE: &str = "placement-group";
/// The most partitions of a group in one zone.
const MAX_PARTITIONS: i32 = 7;

pub(super) fn create_placement_group(
    context: &Context,
    tx: &mut Transaction,
    request: CreatePlacementGroupRequest,
) -> Result<CreatePlacementGroupResult, ApiError> {
    let name = request.group_name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::missing("groupName"))?;
    if name.chars().count() > 255 || !name.is_ascii() {
        return Err(ApiError::invalid_value(format!(
            "Value ({name}) for parameter groupName is invalid. It must have at most 255 ASCII characters."
        )));
    }
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let (strategy, partitions) = strategy(&request)?;
    if find(tx, name).is_some() {
        let message = format!("The Placement Group '{name}' already exists.");
        return Err(ApiError::new("InvalidPlacementGroup.Duplicate", message));
    }
    let group = PlacementGroup {
        id: PlacementGroupId::from_number(context.id_number()),
        name: name.into(),
        strategy,
        partitions,
        pending_until: Some(context.now.plus_ms(SETTLE_MS)),
    };
    tags.put(tx, RESOURCE_TYPE, group.id);
    let told = Row { context, group: &group, tags: tags.of(RESOURCE_TYPE) }.to_shape();
    tx.put(group);
    Ok(CreatePlacementGroupResult { placement_group: Some(told) })
}

/// The strategy of a request, and its number of partitions.
fn strategy(request: &CreatePlacementGroupRequest) -> Result<(PlacementStrategy, Option<u32>), ApiError> {
    use ec2_shapes::PlacementStrategy as Wire;
    let strategy = match request.strategy {
        Some(Wire::Cluster) => PlacementStrategy::Cluster,
        Some(Wire::Spread) => PlacementStrategy::Spread,
        Some(Wire::Partition) => PlacementStrategy::Partition,
        Some(Wire::PrecisionTime) => return Err(unavailable("Strategy")),
        None if request.partition_count.is_some() => PlacementStrategy::Partition,
        None => PlacementStrategy::Cluster,
    };
    for (is_asked, name) in [
        (request.spread_level == Some(SpreadLevel::Host), "SpreadLevel"),
        (request.linked_group_id.is_some(), "LinkedGroupId"),
        (request.parent_group_id.is_some(), "ParentGroupId"),
        (request.operator.is_some(), "Operator"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    if request.spread_level.is_some() && strategy != PlacementStrategy::Spread {
        return Err(ApiError::invalid_combination("A spread level requires the placement strategy 'spread'."));
    }
    if strategy != PlacementStrategy::Partition {
        return match request.partition_count {
            None => Ok((strategy, None)),
            Some(_) => Err(ApiError::invalid_combination(
                "The partition count is only valid for the placement strategy 'partition'.",
            )),
        };
    }
    let count = request.partition_count.unwrap_or(2);
    match u32::try_from(count) {
        Ok(partitions) if (1..=MAX_PARTITIONS).contains(&count) => Ok((strategy, Some(partitions))),
        _ => Err(ApiError::invalid_value(format!(
            "Value ({count}) for parameter partitionCount is invalid. It must be from 1 to {MAX_PARTITIONS}."
        ))),
    }
}

fn unavailable(name: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("The parameter {name} asks for something that is not available."))
}

fn unknown(name: &str) -> ApiError {
    ApiError::new("InvalidPlacementGroup.Unknown", format!("The Placement Group '{name}' is unknown."))
}

/// The group of this name.
fn find<'a>(tables: &'a Tables, name: &str) -> Option<&'a Arc<PlacementGroup>> {
    tables.placement_groups.values().find(|group| &*group.name == name)
}

/// The group of this name or id.
///
/// # Errors
/// `InvalidPlacementGroup.Unknown` where there is none.
pub(super) fn named<'a>(
    tables: &'a Tables,
    name: Option<&str>,
    id: Option<&str>,
) -> Result<Option<&'a Arc<PlacementGroup>>, ApiError> {
    match (name, id) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_combination("The parameters GroupName and GroupId cannot be used together."))
        }
        (Some(name), None) => find(tables, name).map(Some).ok_or_else(|| unknown(name)),
        (None, Some(id)) => {
            let group = id.parse().ok().and_then(|id: PlacementGroupId| tables.placement_groups.get(&id));
            group.map(Some).ok_or_else(|| unknown(id))
        }
    }
}

/// The partition that an instance of the group gets: the one that is wanted, else the emptiest.
///
/// # Errors
/// `InvalidParameterCombination` where the group has no partitions, `InvalidParameterValue` where not this one.
pub(super) fn partition(
    tables: &Tables,
    group: Option<&PlacementGroup>,
    wanted: Option<i32>,
) -> Result<Option<u32>, ApiError> {
    let Some((group, partitions)) = group.and_then(|group| Some((group, group.partitions?))) else {
        return match wanted {
            None => Ok(None),
            Some(_) => Err(ApiError::invalid_combination("A partition number requires a partition placement group.")),
        };
    };
    if let Some(wanted) = wanted {
        return match u32::try_from(wanted) {
            Ok(number) if (1..=partitions).contains(&number) => Ok(Some(number)),
            _ => Err(ApiError::invalid_value(format!(
                "Value ({wanted}) for parameter partitionNumber is invalid. The placement group '{}' has {partitions} \
                 partitions.",
                group.name
            ))),
        };
    }
    let members = |number: u32| {
        let instances = tables.instances.values();
        instances.filter(|i| is_in(i, group) && i.options.placement.partition == Some(number)).count()
    };
    Ok((1..=partitions).min_by_key(|number| members(*number)))
}

fn is_in(instance: &crate::resource::Instance, group: &PlacementGroup) -> bool {
    instance.state != InstanceState::Terminated && instance.placement_group.as_deref() == Some(&*group.name)
}

pub(super) fn delete_placement_group(
    _: &Context,
    tx: &mut Transaction,
    request: DeletePlacementGroupRequest,
) -> Result<(), ApiError> {
    let name = request.group_name.as_str();
    let group = Arc::clone(find(tx, name).ok_or_else(|| unknown(name))?);
    if tx.instances.values().any(|instance| is_in(instance, &group)) {
        let message = format!("The placement group '{name}' is in use and may not be deleted.");
        return Err(ApiError::new("InvalidPlacementGroup.InUse", message));
    }
    tx.delete(Key::PlacementGroup(group.id));
    Ok(())
}

pub(super) fn describe_placement_groups(
    context: &Context,
    view: &View<'_>,
    request: DescribePlacementGroupsRequest,
) -> Result<DescribePlacementGroupsResult, ApiError> {
    let mut ids = request.group_ids;
    for name in &request.group_names {
        ids.push(find(view, name).ok_or_else(|| unknown(name))?.id.to_string());
    }
    let row = |group| Row { context, group, tags: view.tables().tags_of(&PlacementGroup::id_of(group)) };
    let (rows, _) = list::<PlacementGroup, _>(view.tables(), Listing::whole(&ids, &request.filters), row)?;
    Ok(DescribePlacementGroupsResult { placement_groups: rows.iter().map(Row::to_shape).collect() })
}

impl PlacementGroup {
    fn id_of(group: &Self) -> String {
        group.id.to_string()
    }
}

struct Row<'a> {
    context: &'a Context,
    group: &'a PlacementGroup,
    tags: &'a Tags,
}

impl Row<'_> {
    fn arn(&self) -> String {
        let (region, account) = (&self.context.region, self.context.account());
        format!("arn:aws:ec2:{region}:{account}:placement-group/{}", self.group.name)
    }

    fn state(&self) -> PlacementGroupState {
        match self.group.pending_until {
            Some(_) => PlacementGroupState::Pending,
            None => PlacementGroupState::Available,
        }
    }

    fn spread_level(&self) -> Option<SpreadLevel> {
        (self.group.strategy == PlacementStrategy::Spread).then_some(SpreadLevel::Rack)
    }

    fn to_shape(&self) -> ec2_shapes::PlacementGroup {
        ec2_shapes::PlacementGroup {
            group_arn: Some(self.arn()),
            group_id: Some(self.group.id.to_string()),
            group_name: Some(self.group.name.to_string()),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            partition_count: self.group.partitions.and_then(|count| i32::try_from(count).ok()),
            spread_level: self.spread_level(),
            state: Some(self.state()),
            strategy: ec2_shapes::PlacementStrategy::from_wire(self.group.strategy.name()),
            tags: tagging::to_shape(self.tags),
            ..ec2_shapes::PlacementGroup::default()
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["group-arn", "group-name", "spread-level", "state", "strategy"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "group-arn" => found(&self.arn()),
            "group-name" => found(&self.group.name),
            "spread-level" => self.spread_level().iter().for_each(|level| found(level.as_str())),
            "state" => found(self.state().as_str()),
            "strategy" => found(self.group.strategy.name()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

#[cfg(test)]
mod tests {
    use ec2_shapes::{Placement, PlacementStrategy as Wire, Response, TerminateInstancesRequest};

    use super::*;
    use crate::actions::testbed::Bed;
    use crate::lifecycle;
    use crate::testing::{filter, specification};

    fn create(name: &str, strategy: Wire) -> CreatePlacementGroupRequest {
        CreatePlacementGroupRequest {
            group_name: Some(name.to_owned()),
            strategy: Some(strategy),
            ..Default::default()
        }
    }

    fn told(bed: &Bed, request: DescribePlacementGroupsRequest) -> Vec<ec2_shapes::PlacementGroup> {
        bed.read(|context, view| describe_placement_groups(context, view, request)).unwrap().placement_groups
    }

    #[test]
    fn a_group_becomes_available_and_passes_its_filters() {
        let mut bed = Bed::new();
        let tag_specifications = vec![specification(RESOURCE_TYPE, &[("Name", "web")])];
        bed.ask(CreatePlacementGroupRequest { tag_specifications, ..create("web", Wire::Spread) }).unwrap();
        bed.ask(create("data", Wire::Partition)).unwrap();
        let by_name = || DescribePlacementGroupsRequest { group_names: vec!["web".to_owned()], ..Default::default() };
        assert_eq!(told(&bed, by_name())[0].state, Some(PlacementGroupState::Pending));
        bed.settle();
        let group = told(&bed, by_name()).remove(0);
        assert_eq!(group.state, Some(PlacementGroupState::Available));
        assert_eq!((group.spread_level, group.partition_count), (Some(SpreadLevel::Rack), None));
        let arn = group.group_arn.unwrap();
        let values = [arn.as_str(), "web", "rack", "available", "spread"];
        for (name, value) in Row::NAMES.iter().zip(values) {
            let filters = vec![filter(name, &[value]), filter("tag:Name", &["web"])];
            let found = told(&bed, DescribePlacementGroupsRequest { filters, ..Default::default() });
            assert_eq!(found.len(), 1, "{name}");
            let filters = vec![filter(name, &["other"])];
            assert!(told(&bed, DescribePlacementGroupsRequest { filters, ..Default::default() }).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_group_is_said() {
        let mut bed = Bed::new();
        bed.ask(create("web", Wire::Cluster)).unwrap();
        for (request, code) in [
            (create("web", Wire::Spread), "InvalidPlacementGroup.Duplicate"),
            (create("", Wire::Spread), "MissingParameter"),
            (
                CreatePlacementGroupRequest { partition_count: Some(2), ..create("a", Wire::Spread) },
                "InvalidParameterCombination",
            ),
            (
                CreatePlacementGroupRequest { partition_count: Some(8), ..create("a", Wire::Partition) },
                "InvalidParameterValue",
            ),
            (
                CreatePlacementGroupRequest { spread_level: Some(SpreadLevel::Rack), ..create("a", Wire::Cluster) },
                "InvalidParameterCombination",
            ),
            (
                CreatePlacementGroupRequest { spread_level: Some(SpreadLevel::Host), ..create("a", Wire::Spread) },
                "UnsupportedOperation",
            ),
            (create("a", Wire::PrecisionTime), "UnsupportedOperation"),
        ] {
            assert_eq!(bed.error(request).0, code);
        }
        let absent = DescribePlacementGroupsRequest { group_names: vec!["no".to_owned()], ..Default::default() };
        assert_eq!(bed.error(absent).0, "InvalidPlacementGroup.Unknown");
        let absent = DeletePlacementGroupRequest { group_name: "no".to_owned(), ..Default::default() };
        let unknown = ("InvalidPlacementGroup.Unknown", "The Placement Group 'no' is unknown.".to_owned());
        assert_eq!(bed.error(absent), unknown);
    }

    #[test]
    fn instances_hold_their_group_and_fill_its_partitions_evenly() {
        let mut bed = Bed::new();
        bed.ask(create("data", Wire::Partition)).unwrap();
        let placement =
            |number| Placement { group_name: Some("data".to_owned()), partition_number: number, ..Default::default() };
        let request =
            |bed: &Bed, number| ec2_shapes::RunInstancesRequest { placement: Some(placement(number)), ..bed.launch(1) };
        let partition = |bed: &mut Bed, number| {
            let request = request(bed, number);
            bed.run(request).instances.remove(0).placement.unwrap().partition_number
        };
        assert_eq!(partition(&mut bed, Some(2)), Some(2));
        assert_eq!(partition(&mut bed, None), Some(1));
        let beyond = request(&bed, Some(3));
        assert_eq!(bed.error(beyond).0, "InvalidParameterValue");
        let delete = DeletePlacementGroupRequest { group_name: "data".to_owned(), ..Default::default() };
        assert_eq!(bed.error(delete.clone()).0, "InvalidPlacementGroup.InUse");
        let ids: Vec<types::InstanceId> = bed.view().tables().instances.keys().copied().collect();
        let instance_ids = ids.iter().map(ToString::to_string).collect();
        bed.ask(TerminateInstancesRequest { instance_ids, ..Default::default() }).unwrap();
        for id in ids {
            assert!(bed.report(|tx, now| lifecycle::mark_terminated(tx, now, id)));
        }
        assert!(matches!(bed.ask(delete), Ok(Response::DeletePlacementGroup)));
    }
}
