//! RunInstances.
//!
//! Everything is checked before anything is made. What EC2 would grant but is not available here is refused by name,
//! never passed over.

pub(super) mod choices;
mod disks;
mod network;
pub(super) mod settings;

use std::sync::Arc;

use ec2_shapes::{Reservation, RunInstancesRequest};
use types::*;

use self::disks::Disks;
use self::network::NetworkPlan;
use super::listing::reservation;
use super::profiles;
use super::shape::InstanceView;
use crate::actions::account::metadata_defaults;
use crate::actions::{hosts, images, launch_templates, spot};
use crate::catalog::{DEFAULT_TYPE, InstanceType};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::resource::*;
use crate::services::ssm;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;

/// How many instances one call may launch.
const MAX_PER_CALL: i32 = 1_000;

/// The action's name among client tokens.
const ACTION: &str = "RunInstances";

pub(in crate::actions) fn run_instances(
    context: &Context,
    tx: &mut Transaction,
    request: RunInstancesRequest,
) -> Result<Reservation, ApiError> {
    check_counts(&request)?;
    let token = request.client_token.clone().unwrap_or_default();
    let token = token.as_str();
    let scope = network::token_scope(context, tx, &request);
    let parameters = idempotency::digest(&RunInstancesRequest { dry_run: None, ..request.clone() });
    if let Some(made) = idempotency::check(context, tx, ACTION, &scope, token, &parameters)? {
        return repeat(context, tx, &made);
    }
    let (request, template) = launch_templates::resolve(tx, request)?;
    let launch = Launch::new(context, tx, &request)?;
    let spot_terms = spot::terms(context, &request)?;
    let tags =
        NewTags::new(&request.tag_specifications, &["instance", "volume", "network-interface", spot::RESOURCE_TYPE])?;
    settings::check_metadata_tags(launch.metadata, tags.of("instance"))?;
    let count = affordable(context, tx, &launch, &request)?;
    let id = ReservationId::from_number(context.id_number());
    let made =
        (0..count).map(|index| launch.make(context, tx, &tags, id, index)).collect::<Result<Vec<InstanceId>, _>>()?;
    if let Some(template) = template {
        made.iter().try_for_each(|id| tagging::add(tx, &id.to_string(), &template.tags()))?;
    }
    if let Some(terms) = spot_terms {
        made.iter().try_for_each(|id| spot::fulfil(context, tx, &tags, &terms, &request, *id))?;
    }
    idempotency::remember(context, tx, ACTION, &scope, token, parameters, id.to_string());
    let views = made.iter().filter_map(|id| tx.instances.get(id));
    Ok(reservation(context, id, views.map(|instance| InstanceView::new(context, tx, instance)).collect()))
}

/// Checks `MinCount` and `MaxCount` by themselves.
fn check_counts(request: &RunInstancesRequest) -> Result<(), ApiError> {
    let (min, max) = (request.min_count, request.max_count);
    let too_small = |value: i32, name: &str| {
        ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid. It must be at least 1."))
    };
    if min < 1 {
        return Err(too_small(min, "minCount"));
    }
    if max < 1 {
        return Err(too_small(max, "maxCount"));
    }
    if max < min {
        return Err(ApiError::invalid_combination(format!(
            "The maximum number of instances ({max}) must not be below the minimum ({min})."
        )));
    }
    if max > MAX_PER_CALL {
        return Err(ApiError::new(
            "InstanceLimitExceeded",
            format!(
                "You have requested more instances ({max}) than one call may launch ({MAX_PER_CALL}). Launch them in \
                 several calls."
            ),
        ));
    }
    Ok(())
}

/// How many instances can be launched: as many as were asked for at most, and never fewer than asked for at least.
fn affordable(
    context: &Context,
    tx: &Transaction,
    launch: &Launch,
    request: &RunInstancesRequest,
) -> Result<u32, ApiError> {
    let (min, max) = (request.min_count.unsigned_abs(), request.max_count.unsigned_abs());
    let limit = context.config.max_instances;
    let room = limit.saturating_sub(count_alive(tx, limit.saturating_sub(max as usize)));
    if room < min as usize {
        let message = format!(
            "You have requested more instances ({min}) than your current instance limit of {limit} allows: {} are in \
             use.",
            limit - room
        );
        return Err(ApiError::new("InstanceLimitExceeded", message));
    }
    let count = max.min(u32::try_from(room).unwrap_or(max));
    let zone = &launch.network.subnet.zone;
    let set_aside = choices::room(tx, &launch.options, launch.instance_type, zone, min)?;
    let count = count.min(set_aside.unwrap_or(count));
    let Some(free) = launch.network.room(tx) else { return Ok(count) };
    if free < u64::from(min) {
        return Err(ApiError::new(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                launch.network.subnet.id
            ),
        ));
    }
    Ok(count.min(u32::try_from(free).unwrap_or(count)))
}

/// How many instances are not terminated. Where there cannot be more than `enough` records are not looked at.
fn count_alive(tx: &Transaction, enough: usize) -> usize {
    let records = tx.instances.len();
    if records <= enough {
        return records;
    }
    tx.instances.values().filter(|instance| instance.state != InstanceState::Terminated).count()
}

/// The answer to a repeated call: what the first one made, as it is now.
fn repeat(context: &Context, tx: &Transaction, made: &str) -> Result<Reservation, ApiError> {
    let id: ReservationId = made.parse().map_err(|_| ApiError::internal())?;
    let instances: Vec<InstanceView<'_>> = tx
        .instances
        .values()
        .filter(|instance| instance.reservation == id)
        .map(|instance| InstanceView::new(context, tx, instance))
        .collect();
    if instances.iter().all(|view| view.instance.state.is_ending()) {
        let message = "The client token was used before, for instances that have been terminated since.";
        return Err(ApiError::new("IdempotentInstanceTerminated", message));
    }
    Ok(reservation(context, id, instances))
}

/// What every instance of one call gets.
struct Launch {
    image: Image,
    instance_type: &'static InstanceType,
    key: Option<Arc<KeyPair>>,
    network: NetworkPlan,
    disks: Disks,
    user_data: Option<Vec<u8>>,
    metadata: MetadataOptions,
    monitoring: bool,
    disable_api_termination: bool,
    disable_api_stop: bool,
    shutdown_behavior: ShutdownBehavior,
    ebs_optimized: bool,
    client_token: Option<Arc<str>>,
    options: InstanceOptions,
    iam_profile: Option<Arc<InstanceProfile>>,
    placement_group: Option<Arc<str>>,
}

impl Launch {
    /// Checks all that the request says about single instances.
    fn new(context: &Context, tx: &Transaction, request: &RunInstancesRequest) -> Result<Self, ApiError> {
        let instance_type = find_type(request)?;
        settings::refuse_unavailable(request, instance_type)?;
        let image = find_image(context, tx, request)?;
        check_architecture(instance_type, &image)?;
        let key = request.key_name.as_deref().map(|name| find_key(tx, name)).transpose()?;
        let disks = Disks::new(&tx.view(), &image, instance_type, &request.block_device_mappings)?;
        let shutdown_behavior = match request.instance_initiated_shutdown_behavior {
            Some(ec2_shapes::ShutdownBehavior::Terminate) => ShutdownBehavior::Terminate,
            Some(ec2_shapes::ShutdownBehavior::Stop) | None => ShutdownBehavior::Stop,
        };
        let network = NetworkPlan::new(context, tx, request)?;
        let is_dedicated = tx.vpcs.get(&network.subnet.vpc).is_some_and(|vpc| vpc.is_dedicated);
        let names = names_of(&network.subnet);
        let (options, placement_group) = choices::at_launch(tx, request, instance_type, names, is_dedicated)?;
        Ok(Self {
            metadata: find_metadata(tx, request, &image)?,
            image,
            instance_type,
            key,
            network,
            disks,
            user_data: settings::user_data(request.user_data.as_deref())?,
            monitoring: request.monitoring.as_ref().and_then(|monitoring| monitoring.enabled) == Some(true),
            disable_api_termination: request.disable_api_termination == Some(true),
            disable_api_stop: request.disable_api_stop == Some(true),
            shutdown_behavior,
            ebs_optimized: request.ebs_optimized == Some(true),
            client_token: request.client_token.as_deref().filter(|token| !token.is_empty()).map(Into::into),
            options,
            iam_profile: profiles::find_for_launch(context, &tx.view(), request.iam_instance_profile.as_ref())?,
            placement_group,
        })
    }

    /// Makes one instance with its interfaces and disks.
    fn make(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        reservation: ReservationId,
        launch_index: u32,
    ) -> Result<InstanceId, ApiError> {
        let id = InstanceId::from_number(context.id_number());
        let interfaces = self.network.make_interfaces(context, tx, tags, id)?;
        let block_devices = self.disks.make(context, tx, tags, id, &self.network.subnet.zone)?;
        tags.put(tx, "instance", id);
        let mut options = self.options.clone();
        let zone = &self.network.subnet.zone;
        options.placement.host = hosts::choose(tx, &options.placement, self.instance_type, zone)?;
        tx.put(Instance {
            id,
            reservation,
            launch_index,
            image: self.image.id,
            layers: self.image.layers.clone(),
            instance_type: self.instance_type.name().into(),
            key_name: self.key.as_ref().map(|key| key.name.clone()),
            public_openssh: self.key.as_ref().map(|key| key.public_openssh.clone()),
            vpc: self.network.subnet.vpc,
            subnet: self.network.subnet.id,
            zone: self.network.subnet.zone.clone(),
            interfaces,
            state: InstanceState::Pending,
            state_since: context.now,
            state_reason: None,
            transition_reason: String::new(),
            launch_time: context.now,
            terminated: None,
            starts: 1,
            reboots_wanted: 0,
            reboots_done: 0,
            host_boot: None,
            force_stop: false,
            user_data: self.user_data.clone(),
            metadata: self.metadata,
            monitoring: self.monitoring,
            disable_api_termination: self.disable_api_termination,
            disable_api_stop: self.disable_api_stop,
            shutdown_behavior: self.shutdown_behavior,
            ebs_optimized: self.ebs_optimized,
            root_device: self.image.root_device.clone(),
            block_devices,
            client_token: self.client_token.clone(),
            options,
            iam_profile: self.iam_profile.as_ref().map(|profile| profiles::at_launch(context, profile)),
            placement_group: self.placement_group.clone(),
        });
        Ok(id)
    }
}

/// What instances of a subnet are called unless their launch says otherwise.
fn names_of(subnet: &Subnet) -> PrivateDnsOptions {
    PrivateDnsOptions {
        resource_name: subnet.hostname_type == HostnameType::ResourceName,
        a_record: subnet.resource_name_dns_a_record,
        aaaa_record: subnet.resource_name_dns_aaaa_record,
    }
}

/// How the metadata service shall answer: as the request says, else the account, else the image.
fn find_metadata(tx: &Transaction, request: &RunInstancesRequest, image: &Image) -> Result<MetadataOptions, ApiError> {
    let defaults = metadata_defaults::of_new(tx, image.requires_imds_v2);
    let options = settings::metadata_options(request.metadata_options.as_ref(), defaults)?;
    metadata_defaults::check_enforced(tx, options)?;
    Ok(options)
}

fn find_type(request: &RunInstancesRequest) -> Result<&'static InstanceType, ApiError> {
    let name = request.instance_type.as_deref().unwrap_or(DEFAULT_TYPE);
    InstanceType::find(name).ok_or_else(|| ApiError::invalid_value(format!("Invalid value '{name}' for InstanceType.")))
}

fn find_image(context: &Context, tx: &Transaction, request: &RunInstancesRequest) -> Result<Image, ApiError> {
    let text = request.image_id.as_deref().ok_or_else(|| ApiError::missing("ImageId"))?;
    let named = ssm::resolve_image(tx.state(), tx.view().region(), text).transpose()?;
    let id = named.map(|id| id.to_string());
    images::get_launchable(context, &tx.view(), id.as_deref().unwrap_or(text)).cloned()
}

fn check_architecture(instance_type: &InstanceType, image: &Image) -> Result<(), ApiError> {
    let runs = instance_type.architectures();
    if runs.contains(&image.architecture.as_str()) {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!(
        "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified \
         AMI.",
        runs.join(", "),
        image.architecture
    )))
}

fn find_key(tx: &Transaction, name: &str) -> Result<Arc<KeyPair>, ApiError> {
    tx.key_pairs
        .get(name)
        .cloned()
        .ok_or_else(|| ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")))
}
