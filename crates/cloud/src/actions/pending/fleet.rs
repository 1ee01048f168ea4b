use super::*;

pending! {
    Write cancel_spot_fleet_requests CancelSpotFleetRequestsRequest -> ec2_shapes::CancelSpotFleetRequestsResponse;
    Read describe_fleet_history DescribeFleetHistoryRequest -> ec2_shapes::DescribeFleetHistoryResult;
    Read describe_fleet_instances DescribeFleetInstancesRequest -> ec2_shapes::DescribeFleetInstancesResult;
    Write modify_fleet ModifyFleetRequest -> ec2_shapes::ModifyFleetResult;
    Write modify_spot_fleet_request ModifySpotFleetRequestRequest -> ec2_shapes::ModifySpotFleetRequestResponse;
    Write request_spot_fleet RequestSpotFleetRequest -> ec2_shapes::RequestSpotFleetResponse;
}
