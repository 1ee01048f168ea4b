"""Requests that no client would send: signed as AWS clients sign, then sent as they are."""

import http.client
import re
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.daemon import ACCESS_KEY, SECRET_KEY

VERSION = "2016-11-15"


class Answer:
    """An answer, with what an error or a success says in it."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        self.text = body.decode(errors="replace")
        self.code = self.element("Code")
        self.message = self.element("Message")

    def element(self, name):
        found = re.search(f"<{name}>(.*?)</{name}>", self.text, re.DOTALL)
        return found.group(1) if found else None

    def __repr__(self):
        return f"{self.status} {self.text[:500]}"


def signed(daemon, parameters, *, method="POST", region="us-east-1", service="ec2", key=ACCESS_KEY, secret=SECRET_KEY,
           body=None, query=False, expires=60):
    """An AWSRequest with these parameters (or this body), signed in its headers or in its query."""
    url = daemon.address + "/"
    data = b""
    if body is not None:
        data = body
    elif method == "POST" and not query:
        data = urlencode(parameters, quote_via=quote).encode()
    else:
        url += "?" + urlencode(parameters, quote_via=quote)
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} if data else {}
    request = AWSRequest(method=method, url=url, data=data, headers=headers)
    credentials = Credentials(key, secret)
    if query:
        SigV4QueryAuth(credentials, service, region, expires=expires).add_auth(request)
    else:
        SigV4Auth(credentials, service, region).add_auth(request)
    return request


def send(daemon, request, timeout=30):
    """Sends a prepared request and gives the answer."""
    url = urlsplit(request.url)
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=timeout)
    try:
        data = request.data if isinstance(request.data, bytes) else (request.data or "").encode()
        path = url.path + ("?" + url.query if url.query else "")
        connection.request(request.method, path, body=data or None, headers=dict(request.headers.items()))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def ask(daemon, action, region="us-east-1", version=VERSION, **parameters):
    """Signs and sends an action whose parameters are spelled as on the wire; `_` stands for `.`."""
    wire = {"Action": action, "Version": version}
    wire.update({name.replace("_", "."): value for name, value in parameters.items()})
    return send(daemon, signed(daemon, {name: value for name, value in wire.items() if value is not None}, region=region))
