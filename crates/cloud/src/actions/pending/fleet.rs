use super::*;

pending! {
    Write allocate_hosts AllocateHostsRequest -> ec2_shapes::AllocateHostsResult;
    Write cancel_capacity_reservation CancelCapacityReservationRequest -> ec2_shapes::CancelCapacityReservationResult;
    Write cancel_spot_fleet_requests CancelSpotFleetRequestsRequest -> ec2_shapes::CancelSpotFleetRequestsResponse;
    Write create_capacity_reservation CreateCapacityReservationRequest -> ec2_shapes::CreateCapacityReservationResult;
    Write create_fleet CreateFleetRequest -> ec2_shapes::CreateFleetResult;
    Write delete_fleets DeleteFleetsRequest -> ec2_shapes::DeleteFleetsResult;
    Read describe_capacity_reservation_fleets DescribeCapacityReservationFleetsRequest -> ec2_shapes::DescribeCapacityReservationFleetsResult;
    Read describe_capacity_reservations DescribeCapacityReservationsRequest -> ec2_shapes::DescribeCapacityReservationsResult;
    Read describe_fleet_history DescribeFleetHistoryRequest -> ec2_shapes::DescribeFleetHistoryResult;
    Read describe_fleet_instances DescribeFleetInstancesRequest -> ec2_shapes::DescribeFleetInstancesResult;
    Read describe_fleets DescribeFleetsRequest -> ec2_shapes::DescribeFleetsResult;
    Read describe_host_reservation_offerings DescribeHostReservationOfferingsRequest -> ec2_shapes::DescribeHostReservationOfferingsResult;
    Read describe_host_reservations DescribeHostReservationsRequest -> ec2_shapes::DescribeHostReservationsResult;
    Read describe_hosts DescribeHostsRequest -> ec2_shapes::DescribeHostsResult;
    Read describe_spot_fleet_instances DescribeSpotFleetInstancesRequest -> ec2_shapes::DescribeSpotFleetInstancesResponse;
    Read describe_spot_fleet_request_history DescribeSpotFleetRequestHistoryRequest -> ec2_shapes::DescribeSpotFleetRequestHistoryResponse;
    Read describe_spot_fleet_requests DescribeSpotFleetRequestsRequest -> ec2_shapes::DescribeSpotFleetRequestsResponse;
    Write modify_capacity_reservation ModifyCapacityReservationRequest -> ec2_shapes::ModifyCapacityReservationResult;
    Write modify_fleet ModifyFleetRequest -> ec2_shapes::ModifyFleetResult;
    Write modify_hosts ModifyHostsRequest -> ec2_shapes::ModifyHostsResult;
    Write modify_spot_fleet_request ModifySpotFleetRequestRequest -> ec2_shapes::ModifySpotFleetRequestResponse;
    Write release_hosts ReleaseHostsRequest -> ec2_shapes::ReleaseHostsResult;
    Write request_spot_fleet RequestSpotFleetRequest -> ec2_shapes::RequestSpotFleetResponse;
}
