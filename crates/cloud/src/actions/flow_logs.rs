//! Flow logs.
//!
//! Follows the VPC guide's pages on flow logs. Neither CloudWatch Logs nor S3 is here: whatever destination is named, the
//! records are written to files below the daemon's state directory, `flow-logs/REGION/ID/YYYY-MM-DD.log`.

#[cfg(test)]
mod tests;
mod wanted;

use ec2_shapes::{
    CreateFlowLogsRequest, CreateFlowLogsResult, DeleteFlowLogsRequest, DeleteFlowLogsResult, DescribeFlowLogsRequest,
    DescribeFlowLogsResult, DestinationFileFormat, DestinationOptionsResponse, FlowLogsResourceType, UnsuccessfulItem,
    UnsuccessfulItemError,
};
use types::FlowLogId;

use self::wanted::Wanted;
use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{FlowLog, FlowLogResource, LogDestinationType, NetworkInterface, Subnet, Tags, Vpc};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// How many resources one request may name.
const MAX_RESOURCES: usize = 300;
/// What `deliverLogsStatus` says.
const DELIVERED: &str = "SUCCESS";
/// The action, as client tokens are filed.
const CREATE: &str = "CreateFlowLogs";

pub(super) fn create_flow_logs(
    context: &Context,
    tx: &mut Transaction,
    request: CreateFlowLogsRequest,
) -> Result<CreateFlowLogsResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["vpc-flow-log"])?;
    let wanted = Wanted::new(&request)?;
    if request.resource_ids.is_empty() {
        return Err(ApiError::missing("ResourceId"));
    }
    if request.resource_ids.len() > MAX_RESOURCES {
        return Err(ApiError::invalid_value(format!("At most {MAX_RESOURCES} resources can be named in one request.")));
    }
    let token = request.client_token.clone().unwrap_or_default();
    let parameters = idempotency::digest(&request);
    let mut answer = CreateFlowLogsResult { client_token: request.client_token, ..CreateFlowLogsResult::default() };
    if let Some(earlier) = idempotency::check(context, tx, CREATE, "", &token, &parameters)? {
        answer.flow_log_ids = earlier.split_whitespace().map(str::to_owned).collect();
        return Ok(answer);
    }
    for text in &request.resource_ids {
        match create_one(context, tx, &wanted, text) {
            Ok(id) => {
                tags.put(tx, "vpc-flow-log", id);
                answer.flow_log_ids.push(id.to_string());
            }
            Err(error) => answer.unsuccessful.push(unsuccessful(text, error)),
        }
    }
    if answer.unsuccessful.is_empty() {
        idempotency::remember(context, tx, CREATE, "", &token, parameters, answer.flow_log_ids.join(" "));
    }
    Ok(answer)
}

fn unsuccessful(resource: &str, error: ApiError) -> UnsuccessfulItem {
    let error = UnsuccessfulItemError { code: Some(error.code.to_owned()), message: Some(error.message) };
    UnsuccessfulItem { error: Some(error), resource_id: Some(resource.to_owned()) }
}

fn create_one(context: &Context, tx: &mut Transaction, wanted: &Wanted, text: &str) -> Result<FlowLogId, ApiError> {
    let resource = match wanted.resource_type {
        FlowLogsResourceType::Subnet => FlowLogResource::Subnet(get::<Subnet>(tx, text)?.id),
        FlowLogsResourceType::NetworkInterface => {
            FlowLogResource::NetworkInterface(get::<NetworkInterface>(tx, text)?.id)
        }
        _ => FlowLogResource::Vpc(get::<Vpc>(tx, text)?.id),
    };
    let log = wanted.log(FlowLogId::from_number(context.id_number()), resource, context.now);
    let place = |log: &FlowLog| (log.destination_type, log.destination.clone(), log.log_group.clone());
    let is_same = |it: &FlowLog| it.resource == resource && it.traffic == log.traffic && place(it) == place(&log);
    if tx.flow_logs.values().any(|it| is_same(it)) {
        let message = "Error. There is an existing Flow Log with the same configuration and log destination.";
        return Err(ApiError::new("FlowLogAlreadyExists", message));
    }
    let id = log.id;
    tx.put(log);
    Ok(id)
}

pub(super) fn delete_flow_logs(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteFlowLogsRequest,
) -> Result<DeleteFlowLogsResult, ApiError> {
    if request.flow_log_ids.is_empty() {
        return Err(ApiError::missing("FlowLogId"));
    }
    let parse = |text: &String| text.parse::<FlowLogId>().map_err(|_| FlowLog::KIND.malformed(text));
    let ids = request.flow_log_ids.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let is_missing = |id: &&FlowLogId| !tx.flow_logs.contains_key(*id);
    let missing: Vec<String> = ids.iter().filter(is_missing).map(ToString::to_string).collect();
    if !missing.is_empty() {
        let message = format!(
            "These flow log ids in the input list are not found: [TotalCount: {}] {}",
            missing.len(),
            missing.join(" ")
        );
        return Err(ApiError::new(FlowLog::KIND.not_found, message));
    }
    for id in ids {
        tx.delete(Key::FlowLog(id));
    }
    Ok(DeleteFlowLogsResult::default())
}

pub(super) fn describe_flow_logs(
    _: &Context,
    view: &View<'_>,
    request: DescribeFlowLogsRequest,
) -> Result<DescribeFlowLogsResult, ApiError> {
    let token = request.next_token.as_deref();
    let asked = Listing::paged(&request.flow_log_ids, &request.filter, request.max_results, token).limits(1, 1000);
    let (rows, next_token) = list::<FlowLog, _>(view.tables(), asked, |log| Row { tables: view.tables(), log })?;
    Ok(DescribeFlowLogsResult { flow_logs: rows.iter().map(Row::to_shape).collect(), next_token })
}

struct Row<'a> {
    tables: &'a Tables,
    log: &'a FlowLog,
}

impl Row<'_> {
    fn to_shape(&self) -> ec2_shapes::FlowLog {
        let log = self.log;
        let destination_type = log.destination_type.as_str();
        let options = DestinationOptionsResponse {
            file_format: Some(DestinationFileFormat::PlainText),
            hive_compatible_partitions: Some(log.hive_compatible_partitions),
            per_hour_partition: Some(log.per_hour_partition),
        };
        ec2_shapes::FlowLog {
            creation_time: Some(show::moment(log.created)),
            deliver_cross_account_role: log.cross_account_role.clone(),
            deliver_logs_error_message: None,
            deliver_logs_permission_arn: log.permission_arn.clone(),
            deliver_logs_status: Some(DELIVERED.to_owned()),
            destination_options: Some(options).filter(|_| log.destination_type == LogDestinationType::S3),
            flow_log_id: Some(log.id.to_string()),
            flow_log_status: Some("ACTIVE".to_owned()),
            log_destination: log.destination.clone(),
            log_destination_type: ec2_shapes::LogDestinationType::from_wire(destination_type),
            log_format: Some(log.format.clone()),
            log_group_name: log.log_group.clone(),
            max_aggregation_interval: i32::try_from(log.interval_seconds).ok(),
            resource_id: Some(log.resource.to_string()),
            tag_field_specifications: Vec::new(),
            tags: tagging::to_shape(self.tables.tags_of(&log.id.to_string())),
            traffic_type: ec2_shapes::TrafficType::from_wire(log.traffic.as_str()),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] =
        &["deliver-log-status", "flow-log-id", "log-destination-type", "log-group-name", "resource-id", "traffic-type"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let log = self.log;
        match name {
            "deliver-log-status" => found(DELIVERED),
            "flow-log-id" => found(&log.id.to_string()),
            "log-destination-type" => found(log.destination_type.as_str()),
            "log-group-name" => log.log_group.iter().for_each(|name| found(name)),
            "resource-id" => found(&log.resource.to_string()),
            "traffic-type" => found(log.traffic.as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.log.id.to_string()))
    }
}
