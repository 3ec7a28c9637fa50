"""Signing in to the demo: every user with one password, admins included."""

from __future__ import annotations

import hmac
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Unicode

__all__ = ["DemoAuthenticator"]


class DemoAuthenticator(Authenticator):
    """For the demo only: it guards a cluster of make-believe."""

    password = Unicode(config=True, help="The password of every user.")

    async def authenticate(self, _handler: Any, data: dict[str, str]) -> str | None:
        """Return the name when the password is right; who may sign in is decided elsewhere."""
        given = data.get("password", "").encode()
        if not self.password or not hmac.compare_digest(given, self.password.encode()):
            return None
        return data.get("username")
