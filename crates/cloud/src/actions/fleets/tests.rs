//! Fleets of both APIs.

mod instant;
mod kept;
mod spot;

use ec2_shapes::*;
use types::InstanceId;

use crate::actions::testbed::Bed;
use crate::lifecycle;
use crate::resource;

/// A launch template of this name that says an image and a type.
fn template(bed: &mut Bed, name: &str) {
    let template = CreateLaunchTemplateRequest {
        launch_template_name: name.to_owned(),
        launch_template_data: Some(RequestLaunchTemplateData {
            image_id: Some(bed.image.clone()),
            instance_type: Some("t3.micro".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    bed.ask(template).unwrap();
}

/// A configuration from the first version of a template.
fn config(name: &str, overrides: Vec<FleetLaunchTemplateOverridesRequest>) -> FleetLaunchTemplateConfigRequest {
    FleetLaunchTemplateConfigRequest {
        launch_template_specification: Some(FleetLaunchTemplateSpecificationRequest {
            launch_template_name: Some(name.to_owned()),
            version: Some("1".to_owned()),
            ..Default::default()
        }),
        overrides,
    }
}

fn own(kind: &str) -> FleetLaunchTemplateOverridesRequest {
    FleetLaunchTemplateOverridesRequest { instance_type: Some(kind.to_owned()), ..Default::default() }
}

fn target(total: i32, on_demand: i32) -> Option<TargetCapacitySpecificationRequest> {
    Some(TargetCapacitySpecificationRequest {
        total_target_capacity: Some(total),
        on_demand_target_capacity: Some(on_demand),
        default_target_capacity_type: Some(DefaultTargetCapacityType::Spot),
        ..Default::default()
    })
}

/// Lets a moment pass, which is enough for a fleet to follow.
fn follow(bed: &mut Bed) {
    bed.settle_after_ms(1_000);
    bed.settle_after_ms(1_000);
}

/// The instances that are there, by id.
fn present(bed: &Bed) -> Vec<resource::Instance> {
    let tables = bed.view().tables().clone();
    let there = tables.instances.values().filter(|instance| !instance.state.is_ending());
    there.map(|instance| resource::Instance::clone(instance)).collect()
}

/// Reports that all that is starting runs, and all that is ending is gone.
fn report_all(bed: &mut Bed) {
    let tables = bed.view().tables().clone();
    for instance in tables.instances.values() {
        let id = instance.id;
        match instance.state {
            types::InstanceState::Pending => {
                let starts = instance.starts;
                assert!(bed.report(|tx, now| lifecycle::mark_running(tx, now, id, starts, "boot".to_owned())));
            }
            types::InstanceState::ShuttingDown => {
                assert!(bed.report(|tx, now| lifecycle::mark_terminated(tx, now, id)));
            }
            _ => {}
        }
    }
}

fn ids(instances: &[resource::Instance]) -> Vec<InstanceId> {
    instances.iter().map(|instance| instance.id).collect()
}
