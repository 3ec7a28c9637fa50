"""A person in front of the demo's hub: signs in on the form, asks the page and the REST API."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    text: str
    url: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Person:
    """One signed-in browser, without the browser."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.url = url
        self.name = name
        self.cookies = http.cookiejar.CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self.cookies)
        self._opener = urllib.request.build_opener(handler)
        self.get("/hub/login")
        form = {"username": name, "password": password, "_xsrf": self.xsrf}
        self.signed_in = self.request("POST", "/hub/login", form=form)

    @property
    def xsrf(self) -> str:
        return next((one.value for one in self.cookies if one.name == "_xsrf"), "") or ""

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def api(self, method: str, path: str, body: Any = None) -> Reply:
        """Ask the hub's REST API; ``path`` is what follows ``/hub/api``."""
        return self.request(method, f"/hub/api{path}", body=body)

    def start(self, options: Any = None, server: str = "") -> Reply:
        place = f"/servers/{server}" if server else "/server"
        return self.api("POST", f"/users/{self.name}{place}", options)

    def stop(self, server: str = "") -> Reply:
        place = f"/servers/{server}" if server else "/server"
        return self.api("DELETE", f"/users/{self.name}{place}")

    def server(self, name: str = "") -> Any:
        """What the hub says of a server; None when there is none."""
        return self.api("GET", f"/users/{self.name}").json["servers"].get(name)

    def request(self, method: str, path: str, *, body: Any = None, form: Any = None) -> Reply:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"X-XSRFToken": self.xsrf, "Content-Type": "application/json"}
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=90) as response:
                return Reply(response.status, response.read().decode(), response.url)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode(errors="replace"), error.url)
