//! MonitorInstances, UnmonitorInstances and ReportInstanceStatus.

use ec2_shapes::{
    InstanceMonitoring, MonitorInstancesRequest, MonitorInstancesResult, Monitoring, MonitoringState,
    ReportInstanceStatusRequest, UnmonitorInstancesRequest, UnmonitorInstancesResult,
};
use types::InstanceState;

use super::find_instances;
use super::modify::check_alive;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Instance;
use crate::settle::SETTLE_MS;
use crate::transaction::Transaction;

/// How far detailed monitoring of an instance is.
pub(super) fn state(instance: &Instance) -> MonitoringState {
    let changes = instance.options.monitoring_changes || instance.state == InstanceState::Pending;
    match (instance.monitoring, changes) {
        (true, true) => MonitoringState::Pending,
        (true, false) => MonitoringState::Enabled,
        (false, _) if instance.options.monitoring_changes => MonitoringState::Disabling,
        (false, _) => MonitoringState::Disabled,
    }
}

pub(in crate::actions) fn monitor_instances(
    context: &Context,
    tx: &mut Transaction,
    request: MonitorInstancesRequest,
) -> Result<MonitorInstancesResult, ApiError> {
    let instance_monitorings = switch(context, tx, &request.instance_ids, &request.metric_category_ids, true)?;
    Ok(MonitorInstancesResult { instance_monitorings })
}

pub(in crate::actions) fn unmonitor_instances(
    context: &Context,
    tx: &mut Transaction,
    request: UnmonitorInstancesRequest,
) -> Result<UnmonitorInstancesResult, ApiError> {
    let instance_monitorings = switch(context, tx, &request.instance_ids, &request.metric_category_ids, false)?;
    Ok(UnmonitorInstancesResult { instance_monitorings })
}

fn switch(
    context: &Context,
    tx: &mut Transaction,
    ids: &[String],
    categories: &[String],
    on: bool,
) -> Result<Vec<InstanceMonitoring>, ApiError> {
    if !categories.is_empty() {
        let message = "The parameter MetricCategoryId asks for something that is not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    let mut instances: Vec<Instance> =
        find_instances(tx, ids)?.into_iter().map(|instance| Instance::clone(instance)).collect();
    if instances.is_empty() {
        return Err(ApiError::missing("InstanceId"));
    }
    instances.iter().try_for_each(check_alive)?;
    let mut answer = Vec::with_capacity(instances.len());
    for instance in &mut instances {
        if instance.monitoring != on {
            instance.monitoring = on;
            instance.options.monitoring_changes = true;
            instance.options.settles = Some(context.now.plus_ms(SETTLE_MS));
            tx.put(instance.clone());
        }
        answer.push(InstanceMonitoring {
            instance_id: Some(instance.id.to_string()),
            monitoring: Some(Monitoring { state: Some(state(instance)), ..Monitoring::default() }),
        });
    }
    Ok(answer)
}

/// Takes a caller's word about running instances. As on AWS it changes nothing that anybody is shown.
pub(in crate::actions) fn report_instance_status(
    context: &Context,
    tx: &mut Transaction,
    request: ReportInstanceStatusRequest,
) -> Result<(), ApiError> {
    let instances = find_instances(tx, &request.instances)?;
    if instances.is_empty() {
        return Err(ApiError::missing("InstanceId"));
    }
    if let Some(other) = instances.iter().find(|instance| instance.state != InstanceState::Running) {
        let message = format!("The instance '{}' is not in the 'running' state.", other.id);
        return Err(ApiError::new("IncorrectInstanceState", message));
    }
    if request.status.is_none() {
        return Err(ApiError::missing("Status"));
    }
    if request.reason_codes.is_empty() {
        return Err(ApiError::missing("ReasonCode"));
    }
    let ms = |at: Option<ec2_shapes::Timestamp>| at.map(|at| at.unix_ms);
    let (start, end) = (ms(request.start_time), ms(request.end_time));
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        return Err(ApiError::invalid_value("The end time must not be before the start time."));
    }
    if start.is_some_and(|start| start > context.now.unix_ms) {
        return Err(ApiError::invalid_value("The start time must not be in the future."));
    }
    Ok(())
}
