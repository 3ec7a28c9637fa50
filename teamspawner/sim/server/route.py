"""From an address to what is meant: a kind, maybe a namespace, a name and a subresource."""

from __future__ import annotations

from dataclasses import dataclass

from teamspawner.sim.server.kinds import BY_PATH, Kind
from teamspawner.sim.server.rbac import Action
from teamspawner.sim.server.refusal import no_such_path, not_allowed, not_supported

__all__ = ["Route", "find_route"]

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch",
          "DELETE": "delete"}  # fmt: skip
_PARTS = {
    ("pods", "binding"): {"POST"},
    ("pods", "eviction"): {"POST"},
    ("pods", "log"): {"GET"},
    ("serviceaccounts", "token"): {"POST"},
}
_ELSEWHERE = frozenset(
    {
        "exec",
        "attach",
        "portforward",
        "proxy",
        "resize",
        "ephemeralcontainers",
        "scale",
        "finalize",
        "approval",
    }
)
"""Subresources that the real server has and this one has not."""


@dataclass(frozen=True, slots=True)
class Route:
    """What an address means."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    part: str = ""

    def verb(self, method: str, *, watch: bool) -> str:
        """Return the API verb of a request to this address."""
        verb = _VERBS.get(method, method.lower())
        if self.name:
            return verb
        return {"get": "watch" if watch else "list", "delete": "deletecollection"}.get(verb, verb)

    def action(self, method: str, *, watch: bool) -> Action:
        """Return what RBAC is asked about a request to this address."""
        resource = self.kind.plural + (f"/{self.part}" if self.part else "")
        verb = self.verb(method, watch=watch)
        return Action(verb, self.kind.group, resource, self.namespace, self.name)

    def check_method(self, method: str) -> None:
        """Refuse methods that this address does not take.

        Raises:
            Refusal: 405.
        """
        if method not in self._methods():
            raise not_allowed(method)

    def _methods(self) -> set[str]:
        if not self.kind.writable:
            return {"POST"}
        if self.part:
            return _PARTS.get((self.kind.plural, self.part), {"GET", "PUT", "PATCH"})
        if self.name:
            return {"GET", "PUT", "PATCH", "DELETE"}
        whole = {"GET", "DELETE"} if self.kind.plural not in {"namespaces", "services"} else {"GET"}
        if self.kind.namespaced and not self.namespace:
            return {"GET"}
        return whole | {"POST"}


def find_route(path: str) -> Route | None:
    """Read an address below ``/api`` or ``/apis``; None for every other address.

    Raises:
        Refusal: 404 for a resource that nobody serves, 501 for a subresource served elsewhere.
    """
    steps = [step for step in path.split("/") if step]
    if steps[:1] == ["api"] and len(steps) > 2:
        group, version, rest = "", steps[1], steps[2:]
    elif steps[:1] == ["apis"] and len(steps) > 3:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        return None
    if rest[0] == "watch":
        raise not_supported("the old watch addresses; use ?watch=true")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and (group or rest[2] not in _OF_NAMESPACE):
        namespace, rest = rest[1], rest[2:]
    kind = BY_PATH.get((group, version, rest[0]))
    if kind is None or len(rest) > 3 or bool(namespace) > kind.namespaced:
        raise no_such_path()
    return _checked(Route(kind, namespace, *rest[1:]))


_OF_NAMESPACE = frozenset({"status", "finalize"})


def _checked(route: Route) -> Route:
    if route.kind.namespaced and route.name and not route.namespace:
        raise no_such_path()
    if route.part in _ELSEWHERE:
        raise not_supported(f"{route.kind.plural}/{route.part}")
    known = (route.kind.plural, route.part) in _PARTS or (
        route.part == "status" and route.kind.status
    )
    if route.part and not known:
        raise no_such_path()
    return route
