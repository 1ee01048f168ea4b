"""Errors of the EC2 API, expected."""

import contextlib

from botocore.exceptions import ClientError


class Failure:
    """What was answered, once it was."""

    code = None
    message = None
    status = None


@contextlib.contextmanager
def fails(code, message=None, status=400):
    """The calls inside must end in this error; `message`, if given, must be part of its text."""
    failure = Failure()
    try:
        yield failure
    except ClientError as error:
        failure.code = error.response["Error"]["Code"]
        failure.message = error.response["Error"]["Message"]
        failure.status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert failure.code == code, f"{failure.code}: {failure.message}, expected {code}"
        if message is not None:
            assert message in failure.message, f"{failure.message!r} does not contain {message!r}"
        assert failure.message.strip(), "an error says what is wrong"
        assert error.response["ResponseMetadata"]["RequestId"], "an error names its request"
        if status is not None:
            assert failure.status == status, f"HTTP status {failure.status}, expected {status}"
    else:
        raise AssertionError(f"expected {code}, but it succeeded")


def everything(ec2):
    """All that a region knows, as one value: a refused request must not change it."""
    strip = lambda answer: {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return [
        strip(call())
        for call in (
            ec2.describe_instances, ec2.describe_security_groups, ec2.describe_security_group_rules,
            ec2.describe_key_pairs, ec2.describe_addresses, ec2.describe_network_interfaces, ec2.describe_tags,
            ec2.describe_subnets, ec2.describe_vpcs, ec2.describe_internet_gateways, ec2.describe_dhcp_options,
            ec2.describe_egress_only_internet_gateways,
            ec2.describe_volumes, ec2.describe_snapshots,
        )
    ]


@contextlib.contextmanager
def refused(ec2, code, message=None, status=400):
    """Like `fails`, and nothing in the region may have changed."""
    before = everything(ec2)
    with fails(code, message, status) as failure:
        yield failure
    assert everything(ec2) == before, "a refused request changed something"
