"""Refusals as the Kubernetes API words them: one exception, one ``Status`` object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "Refusal",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "invalid",
    "no_such_path",
    "not_allowed",
    "not_found",
    "not_supported",
    "unauthorized",
]


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the server
    """The request is refused; carries the ``Status`` that the client receives.

    Attributes:
        code: HTTP status.
        reason: The API's machine word, such as ``NotFound``.
        message: The API's sentence.
        details: The ``details`` of the Status, empty when there are none.
    """

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.meta: dict[str, Any] = {}
        """``metadata`` of the Status: a token to go on with, for lists."""

    def status(self) -> dict[str, Any]:
        """Return the ``Status`` object."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.meta,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return body | {"code": self.code}


def bad_request(message: str) -> Refusal:
    """The request cannot be read: 400."""
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    """Nobody knows the token: 401."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(resource: str, name: str, why: str, group: str = "") -> Refusal:
    """Not allowed, or refused by admission: 403."""
    subject = f'{_qualified(resource, group)} "{name}"' if name else _qualified(resource, group)
    return Refusal(
        403, "Forbidden", f"{subject} is forbidden: {why}", _details(resource, name, group)
    )


def not_found(resource: str, name: str, group: str = "") -> Refusal:
    """No such object: 404."""
    message = f'{_qualified(resource, group)} "{name}" not found'
    return Refusal(404, "NotFound", message, _details(resource, name, group))


def no_such_path() -> Refusal:
    """No such resource at all: 404, as the API server says of an unknown path."""
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def not_allowed(method: str) -> Refusal:
    """This resource does not take this method: 405."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, {"method": method})


def already_exists(resource: str, name: str, group: str = "") -> Refusal:
    """An object of this name is there: 409."""
    message = f'{_qualified(resource, group)} "{name}" already exists'
    return Refusal(409, "AlreadyExists", message, _details(resource, name, group))


def conflict(resource: str, name: str, why: str, group: str = "") -> Refusal:
    """The object is not as the client thought: 409."""
    message = f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}'
    return Refusal(409, "Conflict", message, _details(resource, name, group))


def expired(message: str) -> Refusal:
    """The resource version asked for is not kept any more: 410."""
    return Refusal(410, "Expired", message)


def invalid(
    kind: str, name: str, faults: Sequence[tuple[str, str, str]], group: str = ""
) -> Refusal:
    """The object breaks the rules of its kind: 422.

    Args:
        kind: Kind of the object, such as ``Pod``.
        name: Its name, or the prefix to be completed.
        faults: Field path, reason such as ``FieldValueInvalid``, and sentence of each.
        group: API group, empty for the core.
    """
    words = [f"{field}: {message}" for field, _, message in faults]
    told = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    qualified = f"{kind}.{group}" if group else kind
    causes = [
        {"reason": reason, "message": message, "field": field} for field, reason, message in faults
    ]
    details = {"name": name, **({"group": group} if group else {}), "kind": kind, "causes": causes}
    return Refusal(422, "Invalid", f'{qualified} "{name}" is invalid: {told}', details)


def not_supported(what: str) -> Refusal:
    """The real server does this, this one does not: 501."""
    return Refusal(501, "NotImplemented", f"the embedded API server does not do {what}")


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def _details(resource: str, name: str, group: str) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return named | ({"group": group} if group else {}) | {"kind": resource}
