"""Operators of a service under test, and their authenticators."""

import base64
import hashlib
import hmac
import re
import struct
import time
import urllib.parse

from browser import Browser
from conftest import PASSWORD


class Operator(Browser):
    """A browser of somebody who runs the service, with the authenticator at hand."""

    def __init__(self, service, email, role):
        super().__init__(service)
        self.email, self.role = email, role
        added = add(service, email, role)
        assert added.returncode == 0, added.stderr
        self.address = re.search(r"^otpauth://\S+$", added.stdout, re.M).group()
        self.recovery = re.findall(r"^[0-9A-Z]{5}-[0-9A-Z]{5}$", added.stdout, re.M)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.address).query)
        self.secret = base64.b32decode(query["secret"][0])

    def code(self, offset=0):
        """RFC 6238, by the wall's clock."""
        step = int(time.time()) // 30 + offset
        digest = hmac.digest(self.secret, struct.pack(">q", step), hashlib.sha1)
        place = digest[-1] & 15
        number = struct.unpack(">I", digest[place:place + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"

    def enter(self, code=None, page="/console", **more):
        """Signs in, by a recovery code if no other is given: those wait for no next half minute."""
        form = self.get(page)
        fields = {"email": self.email, "password": PASSWORD,
                  "operator_code": code or self.recovery.pop(), **more}
        return form.send("/console/signin", **fields)


def add(service, email, role, password=PASSWORD):
    return service.command(
        "operators", "add", email, "--role", role, CUEBX_OPERATOR_PASSWORD=password)
