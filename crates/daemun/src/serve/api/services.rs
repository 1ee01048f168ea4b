//! The doors of STS, IAM, Systems Manager and EC2 Instance Connect.

use cloud::ApiError;
use cloud::access::{self, Wish};
use cloud::services::{self, Action, Run};
use ec2_wire::aws_query::{self, Api as QueryApi};
use ec2_wire::sigv4::Service;
use ec2_wire::{WireError, aws_json};
use serde_json::Value;

use super::{Api, Asked, Caller, Refusal};

/// Where IAM's records are written, whatever region a request is signed for: the account has one IAM.
const IAM_REGION: &str = "us-east-1";

/// How a service is spoken to.
enum Protocol {
    /// Parameters in, XML out.
    Query(QueryApi),
    /// JSON in, JSON out; what the names of its actions begin with.
    Json(&'static str),
}

/// What is behind the door; `None` at EC2's and our own, which are doors by themselves.
fn door(service: Service) -> Option<(services::Service, Protocol)> {
    match service {
        Service::Ec2 | Service::Daemun => None,
        Service::Sts => Some((services::Service::Sts, Protocol::Query(aws_query::STS))),
        Service::Iam => Some((services::Service::Iam, Protocol::Query(aws_query::IAM))),
        Service::Ssm => Some((services::Service::Ssm, Protocol::Json(aws_json::SSM))),
        Service::InstanceConnect => {
            Some((services::Service::InstanceConnect, Protocol::Json(aws_json::INSTANCE_CONNECT)))
        }
    }
}

impl Api {
    /// The answer of a service beside EC2.
    pub(super) async fn answer_service(&self, caller: Caller, asked: Asked<'_>) -> Result<Vec<u8>, Refusal> {
        let at = caller.service;
        let Some((service, protocol)) = door(at) else { return Err(Refusal::api(at, ApiError::internal())) };
        let wire = |error: WireError| Refusal::wire(at, error);
        let (name, input) = match &protocol {
            Protocol::Query(api) => api.decode(&asked.parameters().map_err(wire)?),
            Protocol::Json(prefix) => aws_json::decode(prefix, asked.header("x-amz-target"), asked.body),
        }
        .map_err(wire)?;
        let action = service.action(&name).ok_or_else(|| match &protocol {
            Protocol::Query(api) => wire(WireError::new(
                "InvalidAction",
                format!(
                    "Could not find operation {} for version {}",
                    name.chars().take(128).collect::<String>(),
                    api.version
                ),
            )),
            Protocol::Json(_) => wire(aws_json::unknown_operation(&name)),
        })?;
        let result = self.perform_service(caller, service, action, input, asked.request_id).await;
        let result = result.map_err(|error| Refusal::api(at, error))?;
        Ok(match &protocol {
            Protocol::Query(api) => api.encode(action.name, &result, asked.request_id),
            Protocol::Json(_) => aws_json::encode(&result),
        })
    }

    async fn perform_service(
        &self,
        mut caller: Caller,
        service: services::Service,
        action: &'static Action,
        input: Value,
        request_id: &str,
    ) -> Result<Value, ApiError> {
        if service == services::Service::Iam {
            caller.region = IAM_REGION.parse().map_err(|_| ApiError::internal())?;
        }
        let state = self.ledger.state();
        let is_reading = matches!(action.run, Run::Read(_));
        let wish = Wish { service: service.name(), action: action.name, is_reading };
        access::authorize(&state, &self.config.account, &caller.who, &wish)?;
        let mut context = self.context(&caller, request_id);
        context.session_key = Some(self.session_key.clone());
        match action.run {
            Run::Read(run) => run(&context, &state, input),
            Run::Write(run) => {
                self.write(&caller, action.name, request_id, context.now, move |tx| run(&context, tx, input)).await
            }
        }
    }
}
