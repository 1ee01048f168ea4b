//! EC2 Fleets of the type `instant`: one call that launches from the first template and override that works.
//!
//! A fleet that is kept up (`maintain`, `request`) would need somebody who watches it, and is refused.

use ec2_shapes::{
    CreateFleetError, CreateFleetInstance, CreateFleetRequest, CreateFleetResult, DefaultTargetCapacityType,
    DeleteFleetError, DeleteFleetErrorCode, DeleteFleetErrorItem, DeleteFleetSuccessItem, DeleteFleetsRequest,
    DeleteFleetsResult, DescribeFleetsInstances, DescribeFleetsRequest, DescribeFleetsResult, FleetActivityStatus,
    FleetData, FleetLaunchTemplateConfigRequest, FleetLaunchTemplateOverridesRequest, FleetStateCode, FleetType,
    InstanceLifecycle, InstanceMarketOptionsRequest, LaunchTemplateAndOverridesResponse, LaunchTemplateSpecification,
    MarketType, RunInstancesRequest, SpotMarketOptions, TerminateInstancesRequest,
};
use serde_json::{Map, Value, json};
use types::{FleetId, InstanceId};

use super::{instances, show};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{Fleet, FleetLaunch, Tags};
use crate::settle::DELETED_VISIBLE_MS;
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// What tells of an instance from which fleet it is.
const FLEET_TAG: &str = "aws:ec2:fleet-id";
/// The most instances of one fleet of this type.
const MAX_INSTANCES: i32 = 1_000;

pub(super) fn create_fleet(
    context: &Context,
    tx: &mut Transaction,
    request: CreateFleetRequest,
) -> Result<CreateFleetResult, ApiError> {
    let (on_demand, spot) = capacity(&request)?;
    check(&request)?;
    let tags = NewTags::new(&request.tag_specifications, &["fleet", "instance", "volume", "network-interface"])?;
    let asked = CreateFleetRequest { client_token: None, dry_run: None, ..request.clone() };
    let token = request.client_token.clone();
    let id = idempotency::once(context, tx, "CreateFleet", token.as_deref(), &asked, |tx| {
        let id = FleetId::from_number(context.id_number());
        let mut fleet = Fleet {
            id,
            created: context.now,
            request: serde_json::to_value(&request).map_err(|_| ApiError::internal())?,
            launches: vec![],
            deleted: None,
        };
        for (is_spot, count) in [(false, on_demand), (true, spot)] {
            if count > 0 {
                launch(context, tx, &request, &mut fleet, is_spot, count)?;
            }
        }
        tags.put(tx, "fleet", id);
        tx.put(fleet);
        Ok(id.to_string())
    })?;
    let fleet = get::<Fleet>(tx, &id)?;
    let errors = fleet.launches.iter().filter(|launch| launch.error.is_some());
    let made = fleet.launches.iter().filter(|launch| launch.error.is_none());
    Ok(CreateFleetResult {
        errors: errors.map(error_shape).collect::<Result<_, _>>()?,
        fleet_id: Some(id),
        instances: made.map(|launch| made_shape(tx, launch)).collect::<Result<_, _>>()?,
    })
}

/// How many on-demand and how many Spot Instances are wanted.
fn capacity(request: &CreateFleetRequest) -> Result<(i32, i32), ApiError> {
    let target = request.target_capacity_specification.as_ref();
    let target = target.ok_or_else(|| ApiError::missing("TargetCapacitySpecification"))?;
    let total = target.total_target_capacity.ok_or_else(|| ApiError::missing("TotalTargetCapacity"))?;
    let (on_demand, spot) = (target.on_demand_target_capacity.unwrap_or(0), target.spot_target_capacity.unwrap_or(0));
    if !(1..=MAX_INSTANCES).contains(&total) || on_demand < 0 || spot < 0 || on_demand.saturating_add(spot) > total {
        return Err(ApiError::invalid_value(format!(
            "Value ({total}) for parameter TotalTargetCapacity is invalid. It must be from 1 to {MAX_INSTANCES}, and \
             not below the on-demand and Spot capacity together."
        )));
    }
    if target.target_capacity_unit_type.is_some_and(|unit| unit.as_str() != "units") {
        return Err(unavailable("TargetCapacityUnitType"));
    }
    let rest = total - on_demand - spot;
    match target.default_target_capacity_type {
        Some(DefaultTargetCapacityType::OnDemand) => Ok((on_demand + rest, spot)),
        Some(DefaultTargetCapacityType::Spot) | None => Ok((on_demand, spot + rest)),
        Some(_) => Err(unavailable("DefaultTargetCapacityType")),
    }
}

fn check(request: &CreateFleetRequest) -> Result<(), ApiError> {
    if request.launch_template_configs.is_empty() {
        return Err(ApiError::missing("LaunchTemplateConfigs"));
    }
    let overrides = || request.launch_template_configs.iter().flat_map(|config| &config.overrides);
    let is_weighted = |o: &FleetLaunchTemplateOverridesRequest| o.weighted_capacity.is_some_and(|weight| weight != 1.0);
    for (is_asked, name) in [
        (request.r#type != Some(FleetType::Instant), "Type"),
        (request.context.is_some(), "Context"),
        (request.reserved_capacity_options.is_some(), "ReservedCapacityOptions"),
        (request.valid_from.is_some(), "ValidFrom"),
        (request.valid_until.is_some(), "ValidUntil"),
        (overrides().any(|o| o.instance_requirements.is_some()), "InstanceRequirements"),
        (overrides().any(is_weighted), "WeightedCapacity"),
        (overrides().any(|o| o.availability_zone_id.is_some()), "AvailabilityZoneId"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    for config in &request.launch_template_configs {
        let template = config.launch_template_specification.as_ref();
        let template = template.ok_or_else(|| ApiError::missing("LaunchTemplateSpecification"))?;
        if template.version.as_deref().is_none_or(str::is_empty) {
            return Err(ApiError::missing("LaunchTemplateSpecification.Version"));
        }
        if template.launch_template_specification_user_data.is_some() {
            return Err(unavailable("LaunchTemplateSpecificationUserData"));
        }
    }
    Ok(())
}

fn unavailable(name: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("The parameter {name} asks for something that is not available."))
}

/// Launches all from the first template and override with which it works; what failed before is written down.
fn launch(
    context: &Context,
    tx: &mut Transaction,
    request: &CreateFleetRequest,
    fleet: &mut Fleet,
    is_spot: bool,
    count: i32,
) -> Result<(), ApiError> {
    for config in &request.launch_template_configs {
        let none = [FleetLaunchTemplateOverridesRequest::default()];
        let overrides = if config.overrides.is_empty() { &none[..] } else { &config.overrides };
        for own in overrides {
            let source = json!({
                "launch_template_specification": config.launch_template_specification,
                "overrides": (!config.overrides.is_empty()).then_some(own),
            });
            let mut launch = FleetLaunch { is_spot, source, instances: vec![], error: None };
            // On a copy, so that nothing stays of a launch that fails.
            let mut attempt = tx.clone();
            match run(context, &mut attempt, request, fleet.id, (config, own), (is_spot, count)) {
                Ok(instances) => {
                    *tx = attempt;
                    launch.instances = instances;
                    fleet.launches.push(launch);
                    return Ok(());
                }
                Err(error) => {
                    launch.error = Some((error.code.to_owned(), error.message));
                    fleet.launches.push(launch);
                }
            }
        }
    }
    Ok(())
}

fn run(
    context: &Context,
    tx: &mut Transaction,
    request: &CreateFleetRequest,
    fleet: FleetId,
    (config, own): (&FleetLaunchTemplateConfigRequest, &FleetLaunchTemplateOverridesRequest),
    (is_spot, count): (bool, i32),
) -> Result<Vec<InstanceId>, ApiError> {
    // These have the same members in both.
    let data = serde_json::to_value(own).map_err(|_| ApiError::internal())?;
    let names = [
        "block_device_mappings",
        "iam_instance_profile",
        "image_id",
        "instance_type",
        "key_name",
        "metadata_options",
        "placement",
        "subnet_id",
    ];
    let members: Map<String, Value> =
        names.iter().filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone()))).collect();
    let launch: RunInstancesRequest =
        serde_json::from_value(Value::Object(members)).map_err(|_| ApiError::internal())?;
    let mut placement = launch.placement.clone();
    if let Some(zone) = &own.availability_zone {
        placement.get_or_insert_default().availability_zone = Some(zone.clone());
    }
    let template = config.launch_template_specification.as_ref().map(|template| LaunchTemplateSpecification {
        launch_template_id: template.launch_template_id.clone(),
        launch_template_name: template.launch_template_name.clone(),
        version: template.version.clone(),
    });
    let of_fleet = |kind: Option<&str>| kind == Some("fleet");
    let tag_specifications = request.tag_specifications.iter();
    let tag_specifications = tag_specifications.filter(|tags| !of_fleet(tags.resource_type.as_deref())).cloned();
    let made = instances::run_instances(
        context,
        tx,
        RunInstancesRequest {
            min_count: count,
            max_count: count,
            launch_template: template,
            placement,
            tag_specifications: tag_specifications.collect(),
            instance_market_options: is_spot.then(|| InstanceMarketOptionsRequest {
                market_type: Some(MarketType::Spot),
                spot_options: Some(SpotMarketOptions { max_price: own.max_price.clone(), ..Default::default() }),
            }),
            ..launch
        },
    )?;
    let ids = made.instances.iter().filter_map(|instance| instance.instance_id.as_deref()?.parse().ok());
    let ids: Vec<InstanceId> = ids.collect();
    let tag = Tags::from([(FLEET_TAG.to_owned(), fleet.to_string())]);
    ids.iter().try_for_each(|id| tagging::add(tx, &id.to_string(), &tag))?;
    Ok(ids)
}

fn source(launch: &FleetLaunch) -> Result<LaunchTemplateAndOverridesResponse, ApiError> {
    serde_json::from_value(launch.source.clone()).map_err(|_| ApiError::internal())
}

fn lifecycle(launch: &FleetLaunch) -> InstanceLifecycle {
    if launch.is_spot { InstanceLifecycle::Spot } else { InstanceLifecycle::OnDemand }
}

fn error_shape(launch: &FleetLaunch) -> Result<CreateFleetError, ApiError> {
    let (code, message) = launch.error.clone().unwrap_or_default();
    Ok(CreateFleetError {
        error_code: Some(code),
        error_message: Some(message),
        launch_template_and_overrides: Some(source(launch)?),
        lifecycle: Some(lifecycle(launch)),
    })
}

fn ids(launch: &FleetLaunch) -> Vec<String> {
    launch.instances.iter().map(ToString::to_string).collect()
}

fn made_shape(tables: &Tables, launch: &FleetLaunch) -> Result<CreateFleetInstance, ApiError> {
    let first = launch.instances.first().and_then(|id| tables.instances.get(id));
    Ok(CreateFleetInstance {
        availability_zone: first.map(|instance| instance.zone.to_string()),
        availability_zone_id: first.map(|instance| instance.zone.zone_id()),
        instance_ids: ids(launch),
        instance_type: first.map(|instance| instance.instance_type.to_string()),
        launch_template_and_overrides: Some(source(launch)?),
        lifecycle: Some(lifecycle(launch)),
        platform: None,
        subnet_id: first.map(|instance| instance.subnet.to_string()),
    })
}

/// Deletes fleets with their instances, as those of this type must be.
pub(super) fn delete_fleets(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteFleetsRequest,
) -> Result<DeleteFleetsResult, ApiError> {
    if request.fleet_ids.is_empty() {
        return Err(ApiError::missing("FleetId"));
    }
    if !request.terminate_instances {
        return Err(ApiError::invalid_value("A fleet of type instant can only be deleted with its instances."));
    }
    let mut result = DeleteFleetsResult::default();
    for id in request.fleet_ids {
        let found = get::<Fleet>(tx, &id).map(|fleet| Fleet::clone(fleet));
        let failed = |code, message: String| DeleteFleetErrorItem {
            error: Some(DeleteFleetError { code: Some(code), message: Some(message) }),
            fleet_id: Some(id.clone()),
        };
        match found {
            Err(error) => {
                let is_malformed = error.code.ends_with("Malformed");
                let code = if is_malformed {
                    DeleteFleetErrorCode::FleetIdMalformed
                } else {
                    DeleteFleetErrorCode::FleetIdDoesNotExist
                };
                result.unsuccessful_fleet_deletions.push(failed(code, error.message));
            }
            Ok(fleet) if fleet.deleted.is_some() => {
                let message = format!("The fleet '{id}' is deleted already.");
                result
                    .unsuccessful_fleet_deletions
                    .push(failed(DeleteFleetErrorCode::FleetNotInDeletableState, message));
            }
            Ok(fleet) => {
                let alive =
                    |id: &&InstanceId| tx.instances.get(*id).is_some_and(|instance| !instance.state.is_ending());
                let instance_ids: Vec<String> = fleet
                    .launches
                    .iter()
                    .flat_map(|launch| &launch.instances)
                    .filter(alive)
                    .map(ToString::to_string)
                    .collect();
                if !instance_ids.is_empty() {
                    instances::terminate_instances(
                        context,
                        tx,
                        TerminateInstancesRequest { instance_ids, ..Default::default() },
                    )?;
                }
                tx.put(Fleet { deleted: Some(context.now.plus_ms(DELETED_VISIBLE_MS)), ..fleet });
                result.successful_fleet_deletions.push(DeleteFleetSuccessItem {
                    current_fleet_state: Some(FleetStateCode::DeletedTerminating),
                    fleet_id: Some(id),
                    previous_fleet_state: Some(FleetStateCode::Active),
                });
            }
        }
    }
    Ok(result)
}

/// Fleets of this type are told about only where they are named.
pub(super) fn describe_fleets(
    _: &Context,
    view: &View<'_>,
    request: DescribeFleetsRequest,
) -> Result<DescribeFleetsResult, ApiError> {
    let (max, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.fleet_ids, &request.filters, max, token);
    let tables = view.tables();
    let (rows, next_token) = list::<Fleet, _>(tables, asked, |fleet| Row { tables, fleet })?;
    let is_named = !request.fleet_ids.is_empty();
    let fleets = rows.iter().filter(|_| is_named).map(Row::to_shape).collect::<Result<_, _>>()?;
    Ok(DescribeFleetsResult { fleets, next_token: next_token.filter(|_| is_named) })
}

struct Row<'a> {
    tables: &'a Tables,
    fleet: &'a Fleet,
}

impl Row<'_> {
    fn alive(&self, spot: bool) -> usize {
        let instances = self.fleet.launches.iter().filter(|l| spot || !l.is_spot).flat_map(|launch| &launch.instances);
        let alive = |id: &&InstanceId| self.tables.instances.get(*id).is_some_and(|i| !i.state.is_ending());
        instances.filter(alive).count()
    }

    fn state(&self) -> FleetStateCode {
        if self.fleet.deleted.is_some() { FleetStateCode::DeletedTerminating } else { FleetStateCode::Active }
    }

    fn activity(&self) -> FleetActivityStatus {
        if self.fleet.launches.iter().any(|launch| !launch.instances.is_empty()) {
            FleetActivityStatus::Fulfilled
        } else {
            FleetActivityStatus::Error
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are never that many instances")]
    fn to_shape(&self) -> Result<FleetData, ApiError> {
        let fleet = self.fleet;
        let said: FleetData = serde_json::from_value(fleet.request.clone()).map_err(|_| ApiError::internal())?;
        let (failed, made): (Vec<_>, Vec<_>) = fleet.launches.iter().partition(|launch| launch.error.is_some());
        let errors = failed.into_iter().map(|launch| {
            let told = error_shape(launch)?;
            Ok(ec2_shapes::DescribeFleetError {
                error_code: told.error_code,
                error_message: told.error_message,
                launch_template_and_overrides: told.launch_template_and_overrides,
                lifecycle: told.lifecycle,
            })
        });
        let made = made.into_iter().map(|launch| {
            let told = made_shape(self.tables, launch)?;
            Ok(DescribeFleetsInstances {
                instance_ids: told.instance_ids,
                instance_type: told.instance_type,
                launch_template_and_overrides: told.launch_template_and_overrides,
                lifecycle: told.lifecycle,
                platform: None,
            })
        });
        Ok(FleetData {
            activity_status: Some(self.activity()),
            create_time: Some(show::moment(fleet.created)),
            errors: errors.collect::<Result<_, ApiError>>()?,
            fleet_id: Some(fleet.id.to_string()),
            fleet_state: Some(self.state()),
            fulfilled_capacity: Some(self.alive(true) as f64),
            fulfilled_on_demand_capacity: Some(self.alive(false) as f64),
            instances: made.collect::<Result<_, ApiError>>()?,
            tags: tagging::to_shape(self.tables.tags_of(&fleet.id.to_string())),
            ..said
        })
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "activity-status",
        "excess-capacity-termination-policy",
        "fleet-state",
        "replace-unhealthy-instances",
        "type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "activity-status" => found(self.activity().as_str()),
            "fleet-state" => found(self.state().as_str()),
            "replace-unhealthy-instances" => found("false"),
            "type" => found("instant"),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.fleet.id.to_string())).filter(|tags| !tags.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use ec2_shapes::{
        CreateLaunchTemplateRequest, FleetLaunchTemplateSpecificationRequest, RequestLaunchTemplateData, Response,
        TargetCapacitySpecificationRequest,
    };

    use super::*;
    use crate::actions::testbed::Bed;
    use crate::testing::{filter, specification};

    fn wanted(bed: &mut Bed) -> CreateFleetRequest {
        let template = CreateLaunchTemplateRequest {
            launch_template_name: "build".to_owned(),
            launch_template_data: Some(RequestLaunchTemplateData {
                image_id: Some(bed.image.clone()),
                ..Default::default()
            }),
            ..Default::default()
        };
        bed.ask(template).unwrap();
        let own = |kind: &str| FleetLaunchTemplateOverridesRequest {
            instance_type: Some(kind.to_owned()),
            ..Default::default()
        };
        CreateFleetRequest {
            launch_template_configs: vec![FleetLaunchTemplateConfigRequest {
                launch_template_specification: Some(FleetLaunchTemplateSpecificationRequest {
                    launch_template_name: Some("build".to_owned()),
                    version: Some("1".to_owned()),
                    ..Default::default()
                }),
                overrides: vec![own("t3.none"), own("t3.micro")],
            }],
            target_capacity_specification: Some(TargetCapacitySpecificationRequest {
                total_target_capacity: Some(2),
                default_target_capacity_type: Some(DefaultTargetCapacityType::Spot),
                ..Default::default()
            }),
            r#type: Some(FleetType::Instant),
            tag_specifications: vec![
                specification("fleet", &[("Name", "builders")]),
                specification("instance", &[("Name", "builder")]),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn an_instant_fleet_launches_from_the_first_override_that_works() {
        let mut bed = Bed::new();
        let request = wanted(&mut bed);
        let made = bed.write(|context, tx| create_fleet(context, tx, request)).unwrap();
        assert_eq!(made.errors[0].error_code.as_deref(), Some("InvalidParameterValue"));
        assert_eq!((made.instances.len(), made.instances[0].instance_ids.len()), (1, 2));
        assert_eq!(made.instances[0].lifecycle, Some(InstanceLifecycle::Spot));
        assert_eq!(made.instances[0].instance_type.as_deref(), Some("t3.micro"));
        assert_eq!(bed.view().tables().instances.len(), 2);
        let id = made.fleet_id.unwrap();
        let tags = bed.view().tables().tags_of(&made.instances[0].instance_ids[0]).clone();
        assert_eq!((tags["Name"].as_str(), &tags[FLEET_TAG]), ("builder", &id));
        let look = |bed: &Bed, fleet_ids: Vec<String>, filters| {
            let request = DescribeFleetsRequest { fleet_ids, filters, ..Default::default() };
            bed.read(|context, view| describe_fleets(context, view, request)).unwrap().fleets
        };
        assert!(look(&bed, vec![], vec![]).is_empty(), "it must be named");
        for (name, value) in Row::NAMES.iter().zip(["fulfilled", "", "active", "false", "instant"]) {
            let found = look(&bed, vec![id.clone()], vec![filter(name, &[value])]).len();
            assert_eq!(found, usize::from(!value.is_empty()), "{name}");
            assert!(look(&bed, vec![id.clone()], vec![filter(name, &["other"])]).is_empty(), "{name}");
        }
        let fleet = look(&bed, vec![id.clone()], vec![]).remove(0);
        assert_eq!((fleet.r#type, fleet.fulfilled_capacity), (Some(FleetType::Instant), Some(2.0)));
        assert_eq!(fleet.launch_template_configs[0].overrides.len(), 2);
        let delete = |terminate_instances| DeleteFleetsRequest {
            fleet_ids: vec![id.clone(), "fleet-x".to_owned()],
            terminate_instances,
            ..Default::default()
        };
        assert_eq!(bed.error(delete(false)).0, "InvalidParameterValue");
        let Ok(Response::DeleteFleets(deleted)) = bed.ask(delete(true)) else { panic!("an answer") };
        assert_eq!((deleted.successful_fleet_deletions.len(), deleted.unsuccessful_fleet_deletions.len()), (1, 1));
        assert!(bed.view().tables().instances.values().all(|instance| instance.state.is_ending()));
        assert_eq!(look(&bed, vec![id], vec![])[0].fleet_state, Some(FleetStateCode::DeletedTerminating));
    }

    #[test]
    fn what_a_fleet_cannot_be_is_refused() {
        let mut bed = Bed::new();
        let good = wanted(&mut bed);
        for (request, code) in [
            (CreateFleetRequest { r#type: Some(FleetType::Maintain), ..good.clone() }, "UnsupportedOperation"),
            (CreateFleetRequest { r#type: None, ..good.clone() }, "UnsupportedOperation"),
            (CreateFleetRequest { launch_template_configs: vec![], ..good.clone() }, "MissingParameter"),
            (CreateFleetRequest { target_capacity_specification: None, ..good }, "MissingParameter"),
        ] {
            assert_eq!(bed.error(request).0, code);
        }
        let absent = vec!["fleet-0123456789abcdef0".to_owned()];
        let absent = DescribeFleetsRequest { fleet_ids: absent, ..Default::default() };
        assert_eq!(bed.error(absent).0, "InvalidFleetId.NotFound");
        assert!(bed.view().tables().instances.is_empty());
    }
}
