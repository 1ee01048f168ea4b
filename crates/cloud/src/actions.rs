//! Every action: one function each, named as the action in snake case.
//!
//! A reading action takes `(&Context, &View, request)`, a writing one `(&Context, &mut Transaction, request)`. What
//! all share is done here: the `DryRun` flag ends any action that would have succeeded with `DryRunOperation`.

mod absent;
mod account;
mod addresses;
pub(crate) mod capacity_reservations;
mod customer_gateways;
mod dhcp_options;
mod ebs_settings;
pub(crate) mod fleets;
mod flow_logs;
mod gateways;
mod hosts;
mod images;
mod instance_connect_endpoints;
mod instances;
mod key_pairs;
mod launch_templates;
mod nat_gateways;
mod network_acls;
pub(crate) mod network_interfaces;
mod peering;
mod placement_groups;
mod places;
mod prefix_lists;
mod route_tables;
pub(crate) mod security_groups;
mod show;
mod snapshots;
pub(crate) mod spot;
mod subnets;
mod tags;
#[cfg(test)]
pub(crate) mod testbed;
mod transit_gateways;
mod volumes;
mod vpc_endpoints;
mod vpcs;
mod vpn_gateways;

pub use instances::{InstanceListing, shown_instance};

use ec2_shapes::{Request, Response, dispatch_read, dispatch_write};

use crate::context::Context;
use crate::error::ApiError;
use crate::transaction::Transaction;
use crate::view::View;

/// Where the dispatch finds the functions.
mod all {
    pub(super) use super::absent::*;
    pub(super) use super::account::{
        describe_account_attributes, describe_aggregate_id_format, describe_id_format, describe_principal_id_format,
        disable_serial_console_access, enable_serial_console_access, get_instance_metadata_defaults,
        get_serial_console_access_status, modify_availability_zone_group, modify_instance_metadata_defaults,
    };
    pub(super) use super::addresses::{
        allocate_address, associate_address, describe_address_transfers, describe_addresses,
        describe_addresses_attribute, describe_moving_addresses, disassociate_address, modify_address_attribute,
        release_address, reset_address_attribute,
    };
    pub(super) use super::capacity_reservations::{
        cancel_capacity_reservation, create_capacity_reservation, describe_capacity_reservations,
        modify_capacity_reservation,
    };
    pub(super) use super::customer_gateways::{
        create_customer_gateway, delete_customer_gateway, describe_customer_gateways,
    };
    pub(super) use super::dhcp_options::{
        associate_dhcp_options, create_dhcp_options, delete_dhcp_options, describe_dhcp_options,
    };
    pub(super) use super::ebs_settings::{
        disable_ebs_encryption_by_default, enable_ebs_encryption_by_default, get_ebs_default_kms_key_id,
        get_ebs_encryption_by_default, modify_ebs_default_kms_key_id, reset_ebs_default_kms_key_id,
    };
    pub(super) use super::fleets::{
        cancel_spot_fleet_requests, create_fleet, delete_fleets, describe_fleet_history, describe_fleet_instances,
        describe_fleets, describe_spot_fleet_instances, describe_spot_fleet_request_history,
        describe_spot_fleet_requests, modify_fleet, modify_spot_fleet_request, request_spot_fleet,
    };
    pub(super) use super::flow_logs::{create_flow_logs, delete_flow_logs, describe_flow_logs};
    pub(super) use super::gateways::{
        attach_internet_gateway, create_egress_only_internet_gateway, create_internet_gateway,
        delete_egress_only_internet_gateway, delete_internet_gateway, describe_egress_only_internet_gateways,
        describe_internet_gateways, detach_internet_gateway,
    };
    pub(super) use super::hosts::{allocate_hosts, describe_hosts, modify_hosts, release_hosts};
    pub(super) use super::images::{
        cancel_import_task, copy_image, create_image, deregister_image, describe_conversion_tasks,
        describe_image_attribute, describe_images, describe_instance_image_metadata, describe_store_image_tasks,
        disable_allowed_images_settings, disable_image, disable_image_block_public_access, disable_image_deprecation,
        disable_image_deregistration_protection, enable_allowed_images_settings, enable_image,
        enable_image_block_public_access, enable_image_deprecation, enable_image_deregistration_protection,
        get_allowed_images_settings, get_image_block_public_access_state, import_image, import_snapshot,
        list_images_in_recycle_bin, modify_image_attribute, register_image,
        replace_image_criteria_in_allowed_images_settings, reset_image_attribute,
    };
    pub(super) use super::instance_connect_endpoints::{
        create_instance_connect_endpoint, delete_instance_connect_endpoint,
    };
    pub(super) use super::instances::{
        associate_iam_instance_profile, describe_classic_link_instances, describe_iam_instance_profile_associations,
        describe_instance_attribute, describe_instance_credit_specifications, describe_instance_event_windows,
        describe_instance_status, describe_instance_topology, describe_instance_type_offerings,
        describe_instance_types, describe_instances, disassociate_iam_instance_profile, get_console_output,
        get_default_credit_specification, get_instance_types_from_instance_requirements, get_password_data,
        modify_default_credit_specification, modify_instance_attribute,
        modify_instance_capacity_reservation_attributes, modify_instance_cpu_options,
        modify_instance_credit_specification, modify_instance_maintenance_options, modify_instance_metadata_options,
        modify_instance_placement, modify_private_dns_name_options, monitor_instances, reboot_instances,
        replace_iam_instance_profile_association, report_instance_status, reset_instance_attribute, run_instances,
        start_instances, stop_instances, terminate_instances, unmonitor_instances,
    };
    pub(super) use super::key_pairs::{create_key_pair, delete_key_pair, describe_key_pairs, import_key_pair};
    pub(super) use super::launch_templates::{
        create_launch_template, create_launch_template_version, delete_launch_template,
        delete_launch_template_versions, describe_launch_template_versions, describe_launch_templates,
        get_launch_template_data, modify_launch_template,
    };
    pub(super) use super::nat_gateways::{
        assign_private_nat_gateway_address, associate_nat_gateway_address, create_nat_gateway, delete_nat_gateway,
        describe_nat_gateways, disassociate_nat_gateway_address, unassign_private_nat_gateway_address,
    };
    pub(super) use super::network_acls::{
        create_network_acl, create_network_acl_entry, delete_network_acl, delete_network_acl_entry,
        describe_network_acls, replace_network_acl_association, replace_network_acl_entry,
    };
    pub(super) use super::network_interfaces::{
        assign_ipv6_addresses, assign_private_ip_addresses, attach_network_interface, create_network_interface,
        create_network_interface_permission, delete_network_interface, delete_network_interface_permission,
        describe_network_interface_attribute, describe_network_interface_permissions, describe_network_interfaces,
        detach_network_interface, modify_network_interface_attribute, reset_network_interface_attribute,
        unassign_ipv6_addresses, unassign_private_ip_addresses,
    };
    pub(super) use super::peering::{
        accept_vpc_peering_connection, create_vpc_peering_connection, delete_vpc_peering_connection,
        describe_vpc_peering_connections, modify_vpc_peering_connection_options, reject_vpc_peering_connection,
    };
    pub(super) use super::placement_groups::{
        create_placement_group, delete_placement_group, describe_placement_groups,
    };
    pub(super) use super::places::{describe_availability_zones, describe_regions};
    pub(super) use super::prefix_lists::{
        create_managed_prefix_list, delete_managed_prefix_list, describe_managed_prefix_lists, describe_prefix_lists,
        get_managed_prefix_list_associations, get_managed_prefix_list_entries, modify_managed_prefix_list,
    };
    pub(super) use super::route_tables::{
        associate_route_table, create_route, create_route_table, delete_route, delete_route_table,
        describe_route_tables, disassociate_route_table, replace_route, replace_route_table_association,
    };
    pub(super) use super::security_groups::{
        associate_security_group_vpc, authorize_security_group_egress, authorize_security_group_ingress,
        create_security_group, delete_security_group, describe_security_group_references,
        describe_security_group_rules, describe_security_group_vpc_associations, describe_security_groups,
        describe_stale_security_groups, disassociate_security_group_vpc, get_security_groups_for_vpc,
        modify_security_group_rules, revoke_security_group_egress, revoke_security_group_ingress,
        update_security_group_rule_descriptions_egress, update_security_group_rule_descriptions_ingress,
    };
    pub(super) use super::snapshots::{
        copy_snapshot, create_snapshot, create_snapshots, delete_snapshot, describe_fast_snapshot_restores,
        describe_locked_snapshots, describe_snapshot_attribute, describe_snapshot_tier_status, describe_snapshots,
        disable_fast_snapshot_restores, disable_snapshot_block_public_access, enable_fast_snapshot_restores,
        enable_snapshot_block_public_access, get_snapshot_block_public_access_state, list_snapshots_in_recycle_bin,
        modify_snapshot_attribute, modify_snapshot_tier, reset_snapshot_attribute, restore_snapshot_tier,
    };
    pub(super) use super::spot::{
        cancel_spot_instance_requests, describe_spot_datafeed_subscription, describe_spot_instance_requests,
        describe_spot_price_history, request_spot_instances,
    };
    pub(super) use super::subnets::{
        associate_subnet_cidr_block, create_default_subnet, create_subnet, create_subnet_cidr_reservation,
        delete_subnet, delete_subnet_cidr_reservation, describe_subnets, disassociate_subnet_cidr_block,
        get_subnet_cidr_reservations, modify_subnet_attribute,
    };
    pub(super) use super::tags::{create_tags, delete_tags, describe_tags};
    pub(super) use super::transit_gateways::{
        accept_transit_gateway_vpc_attachment, associate_transit_gateway_route_table, create_transit_gateway,
        create_transit_gateway_route, create_transit_gateway_route_table, create_transit_gateway_vpc_attachment,
        delete_transit_gateway, delete_transit_gateway_route, delete_transit_gateway_route_table,
        delete_transit_gateway_vpc_attachment, describe_transit_gateway_attachments,
        describe_transit_gateway_route_tables, describe_transit_gateway_vpc_attachments, describe_transit_gateways,
        disable_transit_gateway_route_table_propagation, disassociate_transit_gateway_route_table,
        enable_transit_gateway_route_table_propagation, get_transit_gateway_attachment_propagations,
        get_transit_gateway_route_table_associations, get_transit_gateway_route_table_propagations,
        modify_transit_gateway, modify_transit_gateway_vpc_attachment, reject_transit_gateway_vpc_attachment,
        replace_transit_gateway_route, search_transit_gateway_routes,
    };
    pub(super) use super::volumes::{
        attach_volume, create_volume, delete_volume, describe_volume_attribute, describe_volume_status,
        describe_volumes, describe_volumes_modifications, detach_volume, enable_volume_io, list_volumes_in_recycle_bin,
        modify_volume, modify_volume_attribute,
    };
    pub(super) use super::vpc_endpoints::{
        create_vpc_endpoint, delete_vpc_endpoints, describe_vpc_endpoint_services, describe_vpc_endpoints,
        modify_vpc_endpoint,
    };
    pub(super) use super::vpcs::{
        associate_vpc_cidr_block, create_default_vpc, create_vpc, delete_vpc, describe_vpc_attribute,
        describe_vpc_classic_link, describe_vpc_classic_link_dns_support, describe_vpcs, disassociate_vpc_cidr_block,
        modify_vpc_attribute, modify_vpc_tenancy,
    };
    pub(super) use super::vpn_gateways::{
        attach_vpn_gateway, create_vpn_gateway, delete_vpn_gateway, describe_vpn_gateways, detach_vpn_gateway,
        disable_vgw_route_propagation, enable_vgw_route_propagation,
    };
}

/// Answers a reading action from a snapshot.
///
/// # Errors
/// The action's own; `InternalError` for a writing action, which does not belong here.
pub fn read(context: &Context, view: &View<'_>, request: Request) -> Result<Response, ApiError> {
    let dry_run = request.dry_run() == Some(true);
    let response = dispatch_read!(request, all, (context, view), _ => Err(ApiError::internal()))?;
    if dry_run { Err(ApiError::dry_run()) } else { Ok(response) }
}

/// Carries out a writing action on a transaction. On error the transaction must be dropped. An action that was done in
/// part succeeds and leaves the error for the caller in the transaction ([`Transaction::take_complaint`]).
///
/// # Errors
/// The action's own; `InternalError` for a reading action, which does not belong here.
pub fn write(context: &Context, tx: &mut Transaction, request: Request) -> Result<Response, ApiError> {
    let dry_run = request.dry_run() == Some(true);
    let response = dispatch_write!(request, all, (context, tx), _ => Err(ApiError::internal()))?;
    if dry_run { Err(tx.take_complaint().unwrap_or_else(ApiError::dry_run)) } else { Ok(response) }
}
