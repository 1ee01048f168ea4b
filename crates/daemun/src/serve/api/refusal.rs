//! What is answered to a request that is refused, in the form of the service that was asked.

use cloud::ApiError;
use ec2_wire::sigv4::Service;
use ec2_wire::{WireError, aws_json, aws_query, http_status};
use hyper::StatusCode;

/// The type of the XML that EC2, STS and IAM answer.
const XML: &str = "text/xml;charset=UTF-8";

/// What the body of an answer of this service is.
pub(super) fn content_type(service: Service) -> &'static str {
    match service {
        Service::Ec2 | Service::Sts | Service::Iam => XML,
        Service::Ssm | Service::InstanceConnect | Service::Daemun => aws_json::CONTENT_TYPE,
    }
}

/// A refusal on its way to the wire.
pub(super) struct Refusal {
    pub service: Service,
    pub code: String,
    pub message: String,
    status: Option<StatusCode>,
}

impl Refusal {
    /// What the decoder or the signature's check says.
    pub(super) fn wire(service: Service, error: WireError) -> Self {
        Self { service, code: error.code.to_owned(), message: error.message, status: None }
    }

    /// What the action says.
    pub(super) fn api(service: Service, error: ApiError) -> Self {
        // A fault of ours has a name of its own at some services.
        let code = match (service, error.code) {
            (Service::Iam, "InternalError") => "ServiceFailure",
            (Service::Sts, "InternalError") => "InternalFailure",
            (Service::Ssm, "InternalError") => "InternalServerError",
            (Service::InstanceConnect, "InternalError") => "ServiceException",
            (_, code) => code,
        };
        let status = (code == "ServiceException").then_some(StatusCode::INTERNAL_SERVER_ERROR);
        Self { service, code: code.to_owned(), message: error.message, status }
    }

    /// What is wrong with the request as HTTP; which service it is for is not known yet.
    pub(super) fn http(status: StatusCode, code: &str, message: String) -> Self {
        Self { service: Service::Ec2, code: code.to_owned(), message, status: Some(status) }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status.or_else(|| StatusCode::from_u16(http_status(&self.code)).ok()).unwrap_or(StatusCode::BAD_REQUEST)
    }

    /// The body of the answer.
    pub(super) fn document(&self, request_id: &str) -> Vec<u8> {
        let (code, message) = (&self.code, &self.message);
        match self.service {
            Service::Ec2 => ec2_wire::encode_error(code, message, request_id),
            Service::Sts => aws_query::STS.encode_error(code, message, request_id),
            Service::Iam => aws_query::IAM.encode_error(code, message, request_id),
            Service::Ssm | Service::InstanceConnect | Service::Daemun => aws_json::encode_error(code, message),
        }
    }
}
