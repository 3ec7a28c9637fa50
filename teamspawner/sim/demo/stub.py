"""A stand-in for a notebook server, started in a blink: says where it runs and what it got."""

from __future__ import annotations

import html
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_SHOWN = ("JUPYTERHUB_USER", "JUPYTERHUB_SERVER_NAME", "HOSTNAME", "CPU_LIMIT",
          "MEM_LIMIT", "CPU_GUARANTEE", "MEM_GUARANTEE", "CUDA_VISIBLE_DEVICES")  # fmt: skip


class _Stub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        rows = (f"{name} = {html.escape(os.environ.get(name, '–'))}" for name in _SHOWN)
        body = f"<!doctype html><title>Server</title><pre>{chr(10).join(rows)}</pre>".encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", os.environ.get("TEAMSPAWNER_STUB_VERSION", ""))
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing about each request."""


def main() -> None:
    """Serve until killed, where the hub expects the server."""
    at = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((at.hostname or "127.0.0.1", at.port or 8888), _Stub).serve_forever()


if __name__ == "__main__":
    main()
