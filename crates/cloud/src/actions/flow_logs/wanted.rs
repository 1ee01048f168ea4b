//! What a request for flow logs may ask for. Texts are those that AWS is seen to send, where known.

use ec2_shapes::{CreateFlowLogsRequest, DestinationFileFormat, FlowLogsResourceType};
use types::{FlowLogId, Timestamp};

use crate::error::ApiError;
use crate::resource::{FlowLog, FlowLogResource, LogDestinationType, TrafficType};

/// The fields of a record unless the request says otherwise: version 2.
pub(super) const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} \
    ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// Every field that a record of a VPC may have, in the order of the versions that brought them.
const FIELDS: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
];

/// The longest time that one record speaks of unless the request says otherwise, in seconds.
const DEFAULT_INTERVAL: i32 = 600;

/// What a request wants of each of its flow logs, checked.
#[derive(Debug)]
pub(super) struct Wanted {
    pub resource_type: FlowLogsResourceType,
    traffic: TrafficType,
    place: Place,
    format: String,
    interval_seconds: u32,
    permission_arn: Option<String>,
    cross_account_role: Option<String>,
    hive_compatible_partitions: bool,
    per_hour_partition: bool,
}

/// Where records are meant to go.
#[derive(Debug)]
struct Place {
    kind: LogDestinationType,
    arn: Option<String>,
    log_group: Option<String>,
}

impl Wanted {
    pub(super) fn new(request: &CreateFlowLogsRequest) -> Result<Self, ApiError> {
        let resource_type = resource_type(request)?;
        let traffic = traffic(request)?;
        let place = Place::new(request)?;
        let options = request.destination_options.clone().unwrap_or_default();
        if request.destination_options.is_some() && place.kind != LogDestinationType::S3 {
            return Err(invalid("DestinationOptions can be specified only if LogDestinationType is s3."));
        }
        if options.file_format == Some(DestinationFileFormat::Parquet) {
            return Err(unsupported("The file format 'parquet'"));
        }
        if !request.tag_field_specifications.is_empty() {
            return Err(unsupported("TagFieldSpecifications"));
        }
        let interval = request.max_aggregation_interval.unwrap_or(DEFAULT_INTERVAL);
        let interval_seconds = u32::try_from(interval)
            .ok()
            .filter(|it| matches!(it, 60 | 600))
            .ok_or_else(|| invalid("Invalid Flow Log Max Aggregation Interval"))?;
        Ok(Self {
            resource_type,
            traffic,
            place,
            format: format(request.log_format.as_deref())?,
            interval_seconds,
            permission_arn: request.deliver_logs_permission_arn.clone(),
            cross_account_role: request.deliver_cross_account_role.clone(),
            hive_compatible_partitions: options.hive_compatible_partitions.unwrap_or(false),
            per_hour_partition: options.per_hour_partition.unwrap_or(false),
        })
    }

    /// One of the flow logs.
    pub(super) fn log(&self, id: FlowLogId, resource: FlowLogResource, created: Timestamp) -> FlowLog {
        FlowLog {
            id,
            resource,
            traffic: self.traffic,
            destination_type: self.place.kind,
            destination: self.place.arn.clone(),
            log_group: self.place.log_group.clone(),
            format: self.format.clone(),
            interval_seconds: self.interval_seconds,
            permission_arn: self.permission_arn.clone(),
            cross_account_role: self.cross_account_role.clone(),
            hive_compatible_partitions: self.hive_compatible_partitions,
            per_hour_partition: self.per_hour_partition,
            created,
        }
    }
}

fn resource_type(request: &CreateFlowLogsRequest) -> Result<FlowLogsResourceType, ApiError> {
    use FlowLogsResourceType::{NetworkInterface, Subnet, Vpc};
    match request.resource_type.ok_or_else(|| ApiError::missing("ResourceType"))? {
        known @ (Vpc | Subnet | NetworkInterface) => Ok(known),
        other => Err(unsupported(&format!("A flow log of the resource type '{other}'"))),
    }
}

fn traffic(request: &CreateFlowLogsRequest) -> Result<TrafficType, ApiError> {
    Ok(match request.traffic_type.ok_or_else(|| ApiError::missing("TrafficType"))? {
        ec2_shapes::TrafficType::Accept => TrafficType::Accept,
        ec2_shapes::TrafficType::Reject => TrafficType::Reject,
        ec2_shapes::TrafficType::All => TrafficType::All,
    })
}

impl Place {
    fn new(request: &CreateFlowLogsRequest) -> Result<Self, ApiError> {
        let group = request.log_group_name.as_deref().filter(|name| !name.is_empty());
        let arn = request.log_destination.as_deref().filter(|arn| !arn.is_empty());
        match request.log_destination_type.unwrap_or(ec2_shapes::LogDestinationType::CloudWatchLogs) {
            ec2_shapes::LogDestinationType::CloudWatchLogs => {
                let has_role = request.deliver_logs_permission_arn.as_deref().is_some_and(|role| !role.is_empty());
                Self::log_group(group, arn, has_role)
            }
            ec2_shapes::LogDestinationType::S3 => {
                if group.is_some() {
                    return Err(invalid("LogDestination type must be cloud-watch-logs if LogGroupName is provided."));
                }
                if request.deliver_logs_permission_arn.is_some() {
                    return Err(invalid("DeliverLogsPermissionArn is not applicable for s3 delivery"));
                }
                Self::bucket(arn.ok_or_else(|| invalid("LogDestination can't be empty if LogDestinationType is s3."))?)
            }
            other @ ec2_shapes::LogDestinationType::KinesisDataFirehose => {
                Err(unsupported(&format!("The log destination type '{other}'")))
            }
        }
    }

    fn log_group(name: Option<&str>, arn: Option<&str>, has_role: bool) -> Result<Self, ApiError> {
        let log_group = match (name, arn) {
            (Some(_), Some(_)) => {
                return Err(invalid("Please only provide LogGroupName or only provide LogDestination."));
            }
            (None, None) => {
                return Err(invalid("LogDestination can't be empty if LogGroupName is not provided."));
            }
            (Some(name), None) => name,
            (None, Some(arn)) => group_of(arn).ok_or_else(|| bad_arn(arn))?,
        };
        if !has_role {
            return Err(invalid("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."));
        }
        let (arn, log_group) = (arn.map(str::to_owned), Some(log_group.to_owned()));
        Ok(Self { kind: LogDestinationType::CloudWatchLogs, arn, log_group })
    }

    fn bucket(arn: &str) -> Result<Self, ApiError> {
        let path = arn.strip_prefix("arn:aws:s3:::").ok_or_else(|| bad_arn(arn))?;
        let (bucket, folder) = path.split_once('/').unwrap_or((path, ""));
        // The name under which AWS keeps the logs itself.
        if bucket.is_empty() || folder.split('/').next() == Some("AWSLogs") {
            return Err(bad_arn(arn));
        }
        Ok(Self { kind: LogDestinationType::S3, arn: Some(arn.to_owned()), log_group: None })
    }
}

/// The name in a log group's ARN: `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, with or without `:*`.
fn group_of(arn: &str) -> Option<&str> {
    let mut parts = arn.strip_prefix("arn:aws:logs:")?.splitn(4, ':');
    let (_region, _account, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let name = parts.next().map(|name| name.strip_suffix(":*").unwrap_or(name))?;
    (kind == "log-group" && !name.is_empty()).then_some(name)
}

/// The format, if every field of it is known.
fn format(wanted: Option<&str>) -> Result<String, ApiError> {
    let Some(wanted) = wanted else { return Ok(DEFAULT_FORMAT.to_owned()) };
    let field = |word: &str| word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::to_owned);
    let is_known = |word: &str| field(word).is_some_and(|name| FIELDS.contains(&name.as_str()));
    let unknown: Vec<&str> = wanted.split_whitespace().filter(|word| !is_known(word)).collect();
    if !unknown.is_empty() {
        return Err(invalid(format!("Unknown fields provided: {}", unknown.join(", "))));
    }
    if wanted.trim().is_empty() {
        return Err(invalid("LogFormat must include at least one field."));
    }
    Ok(wanted.to_owned())
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameter", message)
}

fn bad_arn(arn: &str) -> ApiError {
    ApiError::invalid_value(format!("Value ({arn}) for parameter LogDestination is invalid. Invalid ARN."))
}

fn unsupported(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}
