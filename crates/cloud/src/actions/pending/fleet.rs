use super::*;

pending! {
    Write allocate_hosts AllocateHostsRequest -> ec2_shapes::AllocateHostsResult;
    Write cancel_capacity_reservation CancelCapacityReservationRequest -> ec2_shapes::CancelCapacityReservationResult;
    Write cancel_spot_fleet_requests CancelSpotFleetRequestsRequest -> ec2_shapes::CancelSpotFleetRequestsResponse;
    Write create_capacity_reservation CreateCapacityReservationRequest -> ec2_shapes::CreateCapacityReservationResult;
    Read describe_fleet_history DescribeFleetHistoryRequest -> ec2_shapes::DescribeFleetHistoryResult;
    Read describe_fleet_instances DescribeFleetInstancesRequest -> ec2_shapes::DescribeFleetInstancesResult;
    Write modify_capacity_reservation ModifyCapacityReservationRequest -> ec2_shapes::ModifyCapacityReservationResult;
    Write modify_fleet ModifyFleetRequest -> ec2_shapes::ModifyFleetResult;
    Write modify_hosts ModifyHostsRequest -> ec2_shapes::ModifyHostsResult;
    Write modify_spot_fleet_request ModifySpotFleetRequestRequest -> ec2_shapes::ModifySpotFleetRequestResponse;
    Write release_hosts ReleaseHostsRequest -> ec2_shapes::ReleaseHostsResult;
    Write request_spot_fleet RequestSpotFleetRequest -> ec2_shapes::RequestSpotFleetResponse;
}
