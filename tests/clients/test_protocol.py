"""What is wrong with a request, and requests that mean harm."""

import contextlib
import http.client
import re
import socket
import time

import pytest

from support.wire import VERSION, ask, send, signed

TIMEOUT = 20


def test_an_error_has_the_form_of_ec2(daemon, region):
    answer = ask(daemon, "DescribeVpcs", region, VpcId_1="vpc-0123456789abcdef0")
    assert answer.status == 400
    assert re.search(r"<Response><Errors><Error><Code>[^<]+</Code><Message>[^<]+</Message></Error></Errors><RequestID>[^<]+</RequestID></Response>", answer.text)


def test_a_success_has_the_form_of_ec2(daemon, region):
    answer = ask(daemon, "DescribeInstances", region)
    assert answer.status == 200
    assert f'<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/{VERSION}/">' in answer.text
    assert re.search(r"<requestId>[0-9a-f-]{36}</requestId>", answer.text)
    assert answer.headers["Content-Type"].startswith("text/xml")


@pytest.mark.parametrize("action", ["NoSuchAction", "describeVpcs", "Describe Vpcs", "<script>", "한글", "x" * 5000])
def test_an_unknown_action_is_refused(daemon, region, action):
    answer = ask(daemon, action, region)
    assert (answer.status, answer.code) == (400, "InvalidAction"), answer
    assert "is not valid for this web service" in answer.message
    assert "<script>" not in answer.text


def test_an_action_of_ec2_that_is_not_built_yet_says_so(daemon, region):
    answer = ask(daemon, "CreateVpnConnection", region)
    assert answer.status in (400, 501) and answer.code in ("InvalidAction", "UnsupportedOperation", "NotImplemented"), answer


def test_no_action_and_no_or_another_version_are_refused(daemon, region):
    answer = send(daemon, signed(daemon, {"Version": VERSION}, region=region))
    assert answer.status == 400 and answer.code in ("MissingAction", "MissingParameter", "InvalidAction")
    assert ask(daemon, "DescribeVpcs", region, version="1999-01-01").code in ("NoSuchVersion", "InvalidAction")


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("DescribeVpcs", {"Colour": "red"}, "UnknownParameter"),
        ("DescribeVpcs", {"vpcid.1": "vpc-1"}, "UnknownParameter"),
        ("DescribeVpcs", {"Filter.1.Colour": "red"}, "UnknownParameter"),
        ("CreateKeyPair", {}, "MissingParameter"),
        ("RunInstances", {"ImageId": "ami-0123456789abcdef0"}, "MissingParameter"),
        ("CreateSecurityGroup", {"GroupName": "x"}, "MissingParameter"),
        ("GetConsoleOutput", {}, "MissingParameter"),
        ("TerminateInstances", {}, "MissingParameter"),
        ("RunInstances", {"ImageId": "ami-0123456789abcdef0", "MinCount": "one", "MaxCount": "1"}, "InvalidParameterValue"),
        ("RunInstances", {"ImageId": "ami-0123456789abcdef0", "MinCount": "1", "MaxCount": "99999999999999"}, "InvalidParameterValue"),
        ("DescribeInstances", {"DryRun": "perhaps"}, "InvalidParameterValue"),
        ("DescribeInstances", {"MaxResults": "-"}, "InvalidParameterValue"),
        ("ImportKeyPair", {"KeyName": "x", "PublicKeyMaterial": "%%%"}, None),
    ],
)
def test_parameters_that_are_wrong_are_told_apart(daemon, region, action, parameters, code):
    answer = send(daemon, signed(daemon, {"Action": action, "Version": VERSION, **parameters}, region=region))
    assert answer.status == 400, answer
    if code is None:
        assert answer.code in ("InvalidKey.Format", "InvalidKeyPair.Format", "InvalidParameterValue"), answer
    else:
        assert answer.code == code, answer


def test_user_data_that_is_no_base64_is_refused(daemon, region, image):
    answer = ask(daemon, "RunInstances", region, ImageId=image, MinCount="1", MaxCount="1", UserData="%%%")
    assert (answer.status, answer.code, answer.message) == (400, "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")


@pytest.mark.parametrize(
    "body",
    [
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.1=%ff%fe",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.1=\xff\xfe",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.1=%zz",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.0=vpc-0123456789abcdef0",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.-1=x",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.99999999999999999999=x",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.4000000000=x",
        b"Action=DescribeVpcs&Version=2016-11-15&VpcId.=x",
        b"Action=DescribeVpcs&Version=2016-11-15&Filter.1=x&Filter.1.Name=y",
        b"Action=DescribeVpcs&Version=2016-11-15&" + b"Filter.1." * 5000 + b"Name=y",
        b"Action=DescribeVpcs&Action=DescribeSubnets&Version=2016-11-15",
        b"&&&===&&&",
        b"\x00\x01\x02",
        b"{\"Action\": \"DescribeVpcs\"}",
    ],
)
def test_a_body_that_is_no_query_is_an_error_and_no_fault(daemon, region, body):
    answer = send(daemon, signed(daemon, {}, body=body, region=region))
    assert 400 <= answer.status < 500 and answer.code, answer


def test_control_characters_do_not_come_back_as_broken_xml(daemon, region):
    answer = ask(daemon, "DescribeKeyPairs", region, KeyName_1="a\x01b<&>\"'")
    assert answer.status == 400
    import xml.etree.ElementTree as tree

    tree.fromstring(answer.body)


def still_answers(daemon, region):
    started = time.monotonic()
    assert ask(daemon, "DescribeVpcs", region).status == 200
    assert time.monotonic() - started < 5


def test_a_huge_body_is_refused_before_it_is_read(daemon, region):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=TIMEOUT)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(10 << 30))
        connection.endheaders()
        try:
            for _ in range(2000):
                connection.send(b"A" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It closed the door, which is what is wanted.
        else:
            raise AssertionError("it took 128 MB of a body without a word")
    still_answers(daemon, region)


def test_endless_headers_are_refused(daemon, region):
    with contextlib.closing(socket.create_connection(("127.0.0.1", daemon.port), TIMEOUT)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        try:
            for number in range(100_000):
                connection.sendall(f"X-{number}: {'a' * 100}\r\n".encode())
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            raise AssertionError("it took 10 MB of headers without a word")
    still_answers(daemon, region)


def test_what_is_no_http_is_answered_or_closed(daemon, region):
    for noise in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 1000 + b"\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"SSH-2.0-x\r\n"):
        with contextlib.closing(socket.create_connection(("127.0.0.1", daemon.port), TIMEOUT)) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(TIMEOUT)
            while connection.recv(65536):
                pass
    still_answers(daemon, region)


def test_slow_clients_do_not_keep_others_waiting(daemon, region):
    slow = [socket.create_connection(("127.0.0.1", daemon.port), TIMEOUT) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nA")
        for _ in range(5):
            still_answers(daemon, region)
    finally:
        for connection in slow:
            connection.close()
    still_answers(daemon, region)


def test_a_client_that_leaves_in_the_middle_leaves_nothing(daemon, region):
    for _ in range(50):
        connection = socket.create_connection(("127.0.0.1", daemon.port), TIMEOUT)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nAction=")
        connection.close()
    still_answers(daemon, region)


def test_other_paths_and_methods_are_refused(daemon, region):
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=TIMEOUT)) as connection:
            connection.request(method, "/")
            assert 400 <= connection.getresponse().status < 500, method
