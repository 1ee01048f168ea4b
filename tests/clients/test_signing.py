"""Nothing is accepted unsigned, and what is wrong with a signature is told in AWS's own codes."""

import datetime
import http.client
from unittest import mock
from urllib.parse import urlencode

import pytest

from support.errors import fails
from support.wire import SECRET_KEY, VERSION, ask, send, signed

DESCRIBE = {"Action": "DescribeVpcs", "Version": VERSION}
REFUSED = "AWS was not able to validate the provided access credentials"


def test_a_wrong_key_and_a_wrong_secret_are_refused(daemon, region):
    with fails("AuthFailure", REFUSED, status=401):
        daemon.client(region=region, key="AKIANOBODYNOBODYNOBO").describe_vpcs()
    with fails("AuthFailure", REFUSED, status=401):
        daemon.client(region=region, secret=SECRET_KEY + "x").describe_vpcs()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_refused(daemon, region, minutes):
    real = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    shifted = real + datetime.timedelta(minutes=minutes)
    with mock.patch("botocore.auth.get_current_datetime", return_value=shifted):
        request = signed(daemon, DESCRIBE, region=region)
    answer = send(daemon, request)
    assert answer.code == "RequestExpired", answer
    assert answer.status in (400, 401, 403)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_a_little_wrong_is_accepted(daemon, region, minutes):
    real = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    shifted = real + datetime.timedelta(minutes=minutes)
    with mock.patch("botocore.auth.get_current_datetime", return_value=shifted):
        request = signed(daemon, DESCRIBE, region=region)
    assert send(daemon, request).status == 200


def unsigned(daemon, body, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_an_unsigned_request_is_refused(daemon):
    status, text = unsigned(daemon, urlencode(DESCRIBE))
    assert status in (400, 401, 403)
    assert "<Code>MissingAuthenticationToken</Code>" in text or "AWSAccessKeyId" in text
    assert "<vpcId>" not in text


@pytest.mark.parametrize(
    "header",
    [
        "", "Basic dXNlcjpwYXNz", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host;x-amz-date",
    ],
)
def test_a_malformed_authorization_is_refused(daemon, header):
    status, text = unsigned(daemon, urlencode(DESCRIBE), {"Authorization": header, "X-Amz-Date": "20260101T000000Z"})
    assert status in (400, 401, 403) and "<Code>" in text and "<vpcId>" not in text


def test_a_presigned_address_works_for_as_long_as_it_says(daemon, region):
    request = signed(daemon, DESCRIBE, method="GET", region=region, query=True)
    answer = send(daemon, request)
    assert answer.status == 200 and "<vpcSet>" in answer.text
    real = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=real - datetime.timedelta(minutes=3)):
        stale = signed(daemon, DESCRIBE, method="GET", region=region, query=True, expires=60)
    assert send(daemon, stale).code == "RequestExpired"


def test_a_signed_get_works_as_a_post_does(daemon, region):
    answer = send(daemon, signed(daemon, DESCRIBE, method="GET", region=region))
    assert answer.status == 200 and "<vpcSet>" in answer.text


def test_a_body_that_was_changed_after_signing_is_refused(daemon, region):
    request = signed(daemon, DESCRIBE, region=region)
    request.data = urlencode({**DESCRIBE, "Action": "DescribeSubnets"}).encode()
    request.headers.replace_header("Content-Length", str(len(request.data))) if "Content-Length" in request.headers else None
    answer = send(daemon, request)
    assert answer.status in (401, 403) and answer.code in ("AuthFailure", "SignatureDoesNotMatch")


def test_a_query_that_was_changed_after_signing_is_refused(daemon, region):
    request = signed(daemon, DESCRIBE, method="GET", region=region)
    request.url = request.url.replace("DescribeVpcs", "DescribeSubnets")
    answer = send(daemon, request)
    assert answer.status in (401, 403) and answer.code in ("AuthFailure", "SignatureDoesNotMatch")


def test_a_signature_for_another_service_or_region_is_not_one_for_this(daemon, region):
    answer = send(daemon, signed(daemon, DESCRIBE, region=region, service="s3"))
    assert answer.status in (400, 401, 403) and answer.code
    request = signed(daemon, DESCRIBE, region=region)
    header = request.headers["Authorization"]
    del request.headers["Authorization"]
    request.headers["Authorization"] = header.replace(region, "us-west-2")
    assert send(daemon, request).status in (401, 403)


def test_signed_headers_are_protected_and_others_may_be_added(daemon, region):
    request = signed(daemon, DESCRIBE, region=region)
    request.headers["X-Added-By-A-Proxy"] = "yes"
    assert send(daemon, request).status == 200
    request = signed(daemon, DESCRIBE, region=region)
    date = request.headers["X-Amz-Date"]
    del request.headers["X-Amz-Date"]
    request.headers["X-Amz-Date"] = date[:-3] + ("01Z" if date[-3:] != "01Z" else "02Z")
    assert send(daemon, request).status in (401, 403)


def test_the_secret_is_never_answered(daemon, region):
    for answer in (ask(daemon, "NoSuchAction", region), ask(daemon, "DescribeVpcs", region)):
        assert SECRET_KEY not in answer.text
    assert SECRET_KEY not in daemon.log.read_text()
