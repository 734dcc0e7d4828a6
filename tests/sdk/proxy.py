"""A proxy in front of the daemon that does what networks and busy servers do to the first requests.

Faults, in the order given: "503" and "429" answer so with Retry-After and hand nothing on; "lost" hands the request on
and hangs up without passing the answer back; "late" hands it on and answers 503. The last two are how events come to be
sent twice. Nothing here knows what is in a request but how many events it has.
"""
import gzip
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    """Listens on a free port of this machine; `seen` has a line for each request."""

    def __init__(self, target, faults):
        self.seen, self.faults, self.lock = [], list(faults), threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with proxy.lock:
                    fault = proxy.faults.pop(0) if proxy.faults else None
                    proxy.seen.append(proxy.look(self, body, fault))
                status, answer = 503, b"{}"
                if fault not in ("503", "429"):
                    status, answer = proxy.hand_on(target, self, body)
                if fault == "lost":
                    self.close_connection = True
                    return
                retry = {"503": 503, "429": 429, "late": 503}.get(fault)
                if retry:
                    status, answer = retry, json.dumps({"code": "busy", "message": "come back later"}).encode()
                self.send_response(status)
                if retry:
                    self.send_header("Retry-After", "1")
                if status != 204:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def look(request, body, fault):
        packed = request.headers.get("Content-Encoding") == "gzip"
        body = json.loads(gzip.decompress(body) if packed else body)
        return {"path": request.path, "gzip": packed, "events": len(body.get("batch", [])), "fault": fault}

    @staticmethod
    def hand_on(target, request, body):
        connection = http.client.HTTPConnection(target.removeprefix("http://"), timeout=30)
        try:
            connection.request("POST", request.path, body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
