//! EC2 Instance Connect Endpoints: there are none, since nothing here carries their tunnels.

use ec2_shapes::{
    CreateInstanceConnectEndpointRequest, CreateInstanceConnectEndpointResult, DeleteInstanceConnectEndpointRequest,
    DeleteInstanceConnectEndpointResult,
};
use types::InstanceConnectEndpointId;

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{get, not_found, parse_id};
use crate::resource::{SecurityGroup, Subnet};
use crate::tagging::NewTags;
use crate::transaction::Transaction;

pub(super) fn create_instance_connect_endpoint(
    _: &Context,
    tx: &mut Transaction,
    request: CreateInstanceConnectEndpointRequest,
) -> Result<CreateInstanceConnectEndpointResult, ApiError> {
    NewTags::new(&request.tag_specifications, &["instance-connect-endpoint"])?;
    get::<Subnet>(tx, &request.subnet_id)?;
    for group in &request.security_group_ids {
        get::<SecurityGroup>(tx, group)?;
    }
    Err(ApiError::new("UnsupportedOperation", "An EC2 Instance Connect Endpoint is not available."))
}

pub(super) fn delete_instance_connect_endpoint(
    _: &Context,
    _: &mut Transaction,
    request: DeleteInstanceConnectEndpointRequest,
) -> Result<DeleteInstanceConnectEndpointResult, ApiError> {
    let text = request.instance_connect_endpoint_id;
    let malformed = "InvalidInstanceConnectEndpointId.Malformed";
    parse_id::<InstanceConnectEndpointId>(&text, InstanceConnectEndpointId::PREFIX, malformed)?;
    Err(not_found("InvalidInstanceConnectEndpointId.NotFound", "instance connect endpoint ID", &[text]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::testbed::Bed;

    #[test]
    fn none_can_be_made_and_none_is_there() {
        let mut bed = Bed::new();
        let subnet = bed.view().subnets.keys().next().unwrap().to_string();
        let create = |subnet_id: &str, group: Option<&str>| CreateInstanceConnectEndpointRequest {
            subnet_id: subnet_id.to_owned(),
            security_group_ids: group.map(str::to_owned).into_iter().collect(),
            ..CreateInstanceConnectEndpointRequest::default()
        };
        for (request, code) in [
            (create(&subnet, None), "UnsupportedOperation"),
            (create("subnet-00000000000000009", None), "InvalidSubnetID.NotFound"),
            (create(&subnet, Some("sg-00000000000000009")), "InvalidGroup.NotFound"),
        ] {
            assert_eq!(bed.error(request).0, code);
        }
        for (id, code) in [
            ("eice-00000000000000009", "InvalidInstanceConnectEndpointId.NotFound"),
            ("eice-x", "InvalidInstanceConnectEndpointId.Malformed"),
        ] {
            let request = DeleteInstanceConnectEndpointRequest {
                instance_connect_endpoint_id: id.to_owned(),
                ..DeleteInstanceConnectEndpointRequest::default()
            };
            assert_eq!(bed.error(request).0, code);
        }
    }
}
