"""A Stripe in states that the local one cannot be brought into: a proxy between a service and the local
Stripe, whose answers tests bend."""

import http.client
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT = ("authorization", "content-type", "idempotency-key", "stripe-version")


def missing(parameter):
    """Stripe's word for an object that it does not know; `parameter` names it in the request."""
    return 404, {"error": {
        "type": "invalid_request_error", "code": "resource_missing", "param": parameter,
        "message": "No such object"}}


def refused(message):
    return 400, {"error": {"type": "invalid_request_error", "message": message}}


def each(value, kind, change):
    """Changes every object of a kind, wherever it is within an answer."""
    if isinstance(value, dict):
        for member in value.values():
            each(member, kind, change)
        if value.get("object") == kind:
            change(value)
    elif isinstance(value, list):
        for member in value:
            each(member, kind, change)


class StripeProxy:
    """`before(method, path, form)` may answer in Stripe's place with a status and an object;
    `after(method, path, form, answer)` may change what Stripe answers. Where `loses(method, path)`,
    the call is carried out and its answer lost. `calls` lists them all."""

    def __init__(self, stripe):
        address = urllib.parse.urlsplit(stripe)
        self.calls, self.before, self.after = [], [], []
        self.loses = lambda method, path: False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                url = urllib.parse.urlsplit(self.path)
                form = dict(urllib.parse.parse_qsl(
                    body.decode() or url.query, keep_blank_values=True))
                outer.calls.append(
                    (self.command, url.path, form, self.headers.get("idempotency-key")))
                status, value = outer.decide(self.command, url.path, form) \
                    or self.forward(body)
                if outer.loses(self.command, url.path):
                    self.close_connection = True
                    return
                for change in outer.after:
                    change(self.command, url.path, form, value)
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def forward(self, body):
                connection = http.client.HTTPConnection(address.netloc, timeout=60)
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() in KEPT}
                connection.request(self.command, self.path, body or None, headers)
                response = connection.getresponse()
                value = json.loads(response.read() or b"{}")
                connection.close()
                return response.status, value

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def decide(self, method, path, form):
        for answer in self.before:
            found = answer(method, path, form)
            if found:
                return found
        return None

    def made(self, method, path):
        """The calls of a method to paths that begin so."""
        return [call for call in self.calls if call[0] == method and call[1].startswith(path)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
