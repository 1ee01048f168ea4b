"""What instances are set to: attributes, options, profiles, and the settings of the account for new ones."""

import base64
import json

import pytest

from support.daemon import wait_until
from support.errors import fails, refused

UNKNOWN = "i-0123456789abcdef0"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def one(ec2, instance_id):
    [reservation] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    [instance] = reservation["Instances"]
    return instance


@pytest.fixture
def stopped(ec2, run, until_state):
    [launched] = run()
    ec2.stop_instances(InstanceIds=[launched["InstanceId"]])
    until_state([launched["InstanceId"]], "stopped")
    return launched["InstanceId"]


@pytest.fixture
def profile(daemon, region):
    """Makes instance profiles with a role; names are the region's own, since IAM has only one room."""
    iam = daemon.client("iam")

    def make(name):
        name = f"{region}-{name}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        made = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return made

    return make


def test_every_attribute_that_terraform_reads_is_told(ec2, run):
    [launched] = run(UserData="#!/bin/sh")
    ask = lambda name: ec2.describe_instance_attribute(InstanceId=launched["InstanceId"], Attribute=name)
    assert ask("disableApiStop")["DisableApiStop"] == {"Value": False}
    assert ask("disableApiTermination")["DisableApiTermination"] == {"Value": False}
    assert ask("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"] == {"Value": "stop"}
    assert base64.b64decode(ask("userData")["UserData"]["Value"]) == b"#!/bin/sh"
    # An attribute without a value has its element all the same.
    assert ask("kernel")["KernelId"] == {} and ask("ramdisk")["RamdiskId"] == {}
    assert ask("sriovNetSupport")["SriovNetSupport"] == {}


def test_an_instance_without_user_data_has_the_element(ec2, run):
    [launched] = run()
    answer = ec2.describe_instance_attribute(InstanceId=launched["InstanceId"], Attribute="userData")
    assert answer["UserData"] == {}


def test_a_stopped_instance_takes_another_type_and_user_data_and_starts(ec2, stopped, until_state):
    ec2.modify_instance_attribute(InstanceId=stopped, InstanceType={"Value": "t3.small"})
    ec2.modify_instance_attribute(InstanceId=stopped, UserData={"Value": b"#!/bin/sh\necho new"})
    assert one(ec2, stopped)["InstanceType"] == "t3.small"
    ec2.start_instances(InstanceIds=[stopped])
    until_state([stopped], "running")
    answer = ec2.describe_instance_attribute(InstanceId=stopped, Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]) == b"#!/bin/sh\necho new"
    with refused(ec2, "IncorrectInstanceState", f"The instance '{stopped}' is not in the 'stopped' state."):
        ec2.modify_instance_attribute(InstanceId=stopped, InstanceType={"Value": "t3.micro"})
    with refused(ec2, "IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=stopped, UserData={"Value": b"x"})


def test_a_changed_attribute_sticks_in_both_forms(ec2, run):
    [launched] = run()
    instance = launched["InstanceId"]
    ask = lambda name: ec2.describe_instance_attribute(InstanceId=instance, Attribute=name)
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    with refused(ec2, "OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, Attribute="disableApiTermination", Value="false")
    assert ask("disableApiTermination")["DisableApiTermination"]["Value"] is False
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiStop={"Value": True})
    with refused(ec2, "OperationNotPermitted"):
        ec2.stop_instances(InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior", Value="terminate")
    assert ask("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    ec2.modify_instance_attribute(InstanceId=instance, SourceDestCheck={"Value": False})
    assert one(ec2, instance)["SourceDestCheck"] is False
    assert one(ec2, instance)["NetworkInterfaces"][0]["SourceDestCheck"] is False
    ec2.reset_instance_attribute(InstanceId=instance, Attribute="sourceDestCheck")
    assert one(ec2, instance)["SourceDestCheck"] is True
    root = one(ec2, instance)["RootDeviceName"]
    ec2.modify_instance_attribute(
        InstanceId=instance, BlockDeviceMappings=[{"DeviceName": root, "Ebs": {"DeleteOnTermination": False}}]
    )
    assert one(ec2, instance)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False
    with refused(ec2, "InvalidParameterCombination"):
        ec2.modify_instance_attribute(
            InstanceId=instance, DisableApiStop={"Value": False}, DisableApiTermination={"Value": False}
        )
    with refused(ec2, "InvalidInstanceID.NotFound"):
        ec2.modify_instance_attribute(InstanceId=UNKNOWN, DisableApiStop={"Value": True})


def test_groups_are_changed(ec2, run, group):
    [launched] = run()
    ec2.modify_instance_attribute(InstanceId=launched["InstanceId"], Groups=[group])
    assert [g["GroupId"] for g in one(ec2, launched["InstanceId"])["SecurityGroups"]] == [group]
    with refused(ec2, "InvalidGroup.NotFound"):
        ec2.modify_instance_attribute(InstanceId=launched["InstanceId"], Groups=["sg-0123456789abcdef0"])


def test_all_that_terraform_says_of_an_instance_comes_back(ec2, run, profile):
    made = profile("web")
    [launched] = run(
        InstanceType="t3.large",
        CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1},
        CreditSpecification={"CpuCredits": "standard"},
        EbsOptimized=True,
        EnclaveOptions={"Enabled": False},
        HibernationOptions={"Configured": False},
        IamInstanceProfile={"Name": made["InstanceProfileName"]},
        MaintenanceOptions={"AutoRecovery": "disabled"},
        MetadataOptions={
            "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled",
            "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "enabled",
        },
        Monitoring={"Enabled": True},
        Placement={"Tenancy": "dedicated"},
        PrivateDnsNameOptions={"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True},
        CapacityReservationSpecification={"CapacityReservationPreference": "none"},
    )
    instance = one(ec2, launched["InstanceId"])
    assert (instance["CpuOptions"]["CoreCount"], instance["CpuOptions"]["ThreadsPerCore"]) == (1, 1)
    assert instance["EbsOptimized"] is True
    assert instance["EnclaveOptions"] == {"Enabled": False}
    assert instance["HibernationOptions"] == {"Configured": False}
    assert instance["IamInstanceProfile"] == {"Arn": made["Arn"], "Id": made["InstanceProfileId"]}
    assert instance["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)
    assert (options["InstanceMetadataTags"], options["State"]) == ("enabled", "applied")
    assert instance["Monitoring"]["State"] == "enabled"
    assert instance["Placement"]["Tenancy"] == "dedicated"
    assert instance["PrivateDnsNameOptions"] == {
        "HostnameType": "resource-name", "EnableResourceNameDnsARecord": True, "EnableResourceNameDnsAAAARecord": False,
    }
    assert instance["PrivateDnsName"].startswith(launched["InstanceId"] + ".")
    assert instance["CapacityReservationSpecification"]["CapacityReservationPreference"] == "none"
    assert instance["NetworkInterfaces"][0]["Attachment"]["DeviceIndex"] == 0
    assert instance["UsageOperation"] == "RunInstances" and instance["CurrentInstanceBootMode"]
    [credit] = ec2.describe_instance_credit_specifications(InstanceIds=[launched["InstanceId"]])[
        "InstanceCreditSpecifications"
    ]
    assert credit["CpuCredits"] == "standard"


def test_metadata_options_follow(ec2, run):
    [launched] = run()
    instance = launched["InstanceId"]
    answer = ec2.modify_instance_metadata_options(
        InstanceId=instance, HttpTokens="required", HttpPutResponseHopLimit=3, HttpEndpoint="enabled"
    )
    assert answer["InstanceMetadataOptions"]["State"] == "pending"
    applied = lambda: one(ec2, instance)["MetadataOptions"]["State"] == "applied"
    wait_until(applied, 5, "the options applied")
    options = one(ec2, instance)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 3)
    with refused(ec2, "InvalidParameterValue"):
        ec2.modify_instance_metadata_options(InstanceId=instance, HttpPutResponseHopLimit=65)


def test_monitoring_goes_on_and_off(ec2, run):
    [launched] = run()
    ids = [launched["InstanceId"]]
    state = lambda: one(ec2, ids[0])["Monitoring"]["State"]
    [answer] = ec2.monitor_instances(InstanceIds=ids)["InstanceMonitorings"]
    assert (answer["InstanceId"], answer["Monitoring"]["State"]) == (ids[0], "pending")
    wait_until(lambda: state() == "enabled", 5, "monitoring on")
    [answer] = ec2.unmonitor_instances(InstanceIds=ids)["InstanceMonitorings"]
    assert answer["Monitoring"]["State"] == "disabling"
    wait_until(lambda: state() == "disabled", 5, "monitoring off")
    ec2.report_instance_status(Instances=ids, Status="impaired", ReasonCodes=["other"])


def test_credits_of_burstable_instances(ec2, run):
    [t3] = run()
    [t2] = run(InstanceType="t2.micro")
    read = lambda instance: ec2.describe_instance_credit_specifications(InstanceIds=[instance["InstanceId"]])[
        "InstanceCreditSpecifications"
    ][0]["CpuCredits"]
    assert (read(t3), read(t2)) == ("unlimited", "standard")
    answer = ec2.modify_instance_credit_specification(
        InstanceCreditSpecifications=[
            {"InstanceId": t3["InstanceId"], "CpuCredits": "standard"},
            {"InstanceId": UNKNOWN, "CpuCredits": "standard"},
        ]
    )
    assert answer["SuccessfulInstanceCreditSpecifications"] == [{"InstanceId": t3["InstanceId"]}]
    [failed] = answer["UnsuccessfulInstanceCreditSpecifications"]
    assert failed["Error"]["Code"] == "InvalidInstanceID.NotFound"
    assert read(t3) == "standard"
    family = lambda: ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"]
    assert family() == {"InstanceFamily": "t3", "CpuCredits": "unlimited"}
    ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="standard")
    assert family()["CpuCredits"] == "standard"
    [new] = run()
    assert read(new) == "standard"


def test_options_of_a_stopped_instance(ec2, stopped):
    ec2.modify_private_dns_name_options(
        InstanceId=stopped, PrivateDnsHostnameType="resource-name", EnableResourceNameDnsARecord=True
    )
    assert one(ec2, stopped)["PrivateDnsName"].startswith(stopped + ".")
    ec2.modify_instance_maintenance_options(InstanceId=stopped, AutoRecovery="disabled")
    assert one(ec2, stopped)["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    ec2.modify_instance_capacity_reservation_attributes(
        InstanceId=stopped, CapacityReservationSpecification={"CapacityReservationPreference": "none"}
    )
    specification = one(ec2, stopped)["CapacityReservationSpecification"]
    assert specification["CapacityReservationPreference"] == "none"
    answer = ec2.modify_instance_cpu_options(InstanceId=stopped, CoreCount=1, ThreadsPerCore=1)
    assert (answer["CoreCount"], answer["ThreadsPerCore"]) == (1, 1)
    assert one(ec2, stopped)["CpuOptions"]["ThreadsPerCore"] == 1
    with refused(ec2, "InvalidPlacementGroup.Unknown"):
        ec2.modify_instance_placement(InstanceId=stopped, GroupName="there-is-none")


def test_a_profile_is_associated_replaced_and_taken_away(ec2, run, profile):
    first, second = profile("first"), profile("second")
    [launched] = run()
    instance = launched["InstanceId"]
    assert "IamInstanceProfile" not in one(ec2, instance)
    made = ec2.associate_iam_instance_profile(
        InstanceId=instance, IamInstanceProfile={"Name": first["InstanceProfileName"]}
    )["IamInstanceProfileAssociation"]
    assert made["AssociationId"].startswith("iip-assoc-") and made["State"] == "associating"
    find = lambda: ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance]}]
    )["IamInstanceProfileAssociations"]
    wait_until(lambda: find()[0]["State"] == "associated", 5, "the association")
    assert one(ec2, instance)["IamInstanceProfile"] == {"Arn": first["Arn"], "Id": first["InstanceProfileId"]}
    replaced = ec2.replace_iam_instance_profile_association(
        AssociationId=made["AssociationId"], IamInstanceProfile={"Arn": second["Arn"]}
    )["IamInstanceProfileAssociation"]
    assert one(ec2, instance)["IamInstanceProfile"]["Arn"] == second["Arn"]
    with refused(ec2, "IncorrectState", "There is an existing association for instance"):
        ec2.associate_iam_instance_profile(
            InstanceId=instance, IamInstanceProfile={"Name": first["InstanceProfileName"]}
        )
    gone = ec2.disassociate_iam_instance_profile(AssociationId=replaced["AssociationId"])
    assert gone["IamInstanceProfileAssociation"]["State"] == "disassociating"
    assert find() == [] and "IamInstanceProfile" not in one(ec2, instance)
    with fails("InvalidAssociationID.NotFound"):
        ec2.describe_iam_instance_profile_associations(AssociationIds=[replaced["AssociationId"]])
    with refused(ec2, "InvalidParameterValue", "Invalid IAM Instance Profile name"):
        ec2.associate_iam_instance_profile(InstanceId=instance, IamInstanceProfile={"Name": "there-is-none"})
    with refused(ec2, "InvalidParameterValue", "iamInstanceProfile"):
        run(IamInstanceProfile={"Name": "there-is-none"})


def test_the_account_has_defaults_for_metadata(ec2, run):
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {"ManagedBy": "account"}
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=4)
    level = ec2.get_instance_metadata_defaults()["AccountLevel"]
    assert (level["HttpTokens"], level["HttpPutResponseHopLimit"]) == ("required", 4)
    [launched] = run()
    options = one(ec2, launched["InstanceId"])["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 4)
    ec2.modify_instance_metadata_defaults(HttpTokensEnforced="enabled")
    with refused(ec2, "UnsupportedOperation", "httpTokensEnforced"):
        run(MetadataOptions={"HttpTokens": "optional"})


def test_protection_holds_back_only_its_own_zone(ec2, run, region, until_state):
    in_zone = lambda letter, **more: run(Placement={"AvailabilityZone": f"{region}{letter}"}, **more)[0]["InstanceId"]
    spared, protected, goes = in_zone("a"), in_zone("a", DisableApiTermination=True), in_zone("b")
    with fails("OperationNotPermitted", protected):
        ec2.terminate_instances(InstanceIds=[spared, protected, goes])
    until_state([goes], "terminated")
    assert one(ec2, spared)["State"]["Name"] == one(ec2, protected)["State"]["Name"] == "running"
    assert one(ec2, goes)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_types_and_where_they_are_offered(ec2, region):
    names = [t["InstanceType"] for p in ec2.get_paginator("describe_instance_types").paginate() for t in p["InstanceTypes"]]
    assert {"t3.micro", "m5.large", "m7i.large", "c7i.xlarge", "r6i.large", "c6g.medium"} <= set(names)
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}]
    )["InstanceTypeOfferings"]
    assert {"InstanceType": "t3.micro", "LocationType": "availability-zone", "Location": f"{region}a"} in offered
    chosen = ec2.get_instance_types_from_instance_requirements(
        ArchitectureTypes=["x86_64"], VirtualizationTypes=["hvm"],
        InstanceRequirements={
            "VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 4096, "Max": 8192}, "AllowedInstanceTypes": ["m*"],
        },
    )["InstanceTypes"]
    assert {t["InstanceType"] for t in chosen} == {"m5.large", "m6i.large", "m7i.large"}


def test_what_the_account_is_set_to(ec2, region, default_vpc, run):
    attributes = {
        a["AttributeName"]: [v["AttributeValue"] for v in a["AttributeValues"]]
        for a in ec2.describe_account_attributes()["AccountAttributes"]
    }
    assert attributes["supported-platforms"] == ["VPC"] and attributes["default-vpc"] == [default_vpc]
    assert attributes["max-elastic-ips"] == ["5"]
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    ec2.enable_serial_console_access()
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is True
    ec2.disable_serial_console_access()
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]
    assert ec2.modify_availability_zone_group(GroupName=zone["GroupName"], OptInStatus="opted-in")["Return"] is True
    assert all(status["UseLongIds"] for status in ec2.describe_id_format()["Statuses"])
    assert ec2.describe_principal_id_format()["Principals"] == []
    [launched] = run()
    assert ec2.get_password_data(InstanceId=launched["InstanceId"])["PasswordData"] == ""
    with fails("InvalidInstanceID.NotFound"):
        ec2.get_password_data(InstanceId=UNKNOWN)
    assert ec2.describe_instance_event_windows()["InstanceEventWindows"] == []
    assert ec2.describe_classic_link_instances()["Instances"] == []
