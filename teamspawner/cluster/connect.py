"""How to reach the API server: from a kubeconfig, the pod's own account, or KubeSpawner's settings.

The client library reads the settings (tokens, certificates, exec plugins); it
makes no request for us.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from teamspawner.errors import ClusterError

__all__ = ["Connection"]

_BUFFER = 1 << 17
"""Bytes read from a socket at once: about twenty pods, decoded in well under a millisecond."""


class Connection:
    """An API server and the right to ask it.

    Args:
        configuration: Settings as the client library holds them.
        reload: Reads the settings again when the server no longer takes the token;
            None when they cannot be.
    """

    def __init__(
        self, configuration: Any, reload: Callable[[], Awaitable[Any]] | None = None
    ) -> None:
        self._configuration = configuration
        self._reload = reload
        self._tls: ssl.SSLContext | None = None

    @classmethod
    async def load(cls, kubeconfig: str | None = None) -> Connection:
        """Use a kubeconfig (given, ``KUBECONFIG``, ``~/.kube/config``), else the pod's account.

        Raises:
            ClusterError: When none of them can be used; ``status`` is None.
        """

        async def read() -> Any:
            from kubernetes_asyncio import config  # slow to import
            from kubernetes_asyncio.client import Configuration

            found = Configuration()
            # the library reads KUBECONFIG once, when it is imported
            given = kubeconfig or os.environ.get("KUBECONFIG")
            try:
                if given:
                    await config.load_kube_config(given, client_configuration=found)
                else:
                    await config.load_config(client_configuration=found)
            except Exception as error:  # whatever is wrong with a file or an exec plugin
                what = f"no usable kubeconfig or service account: {error}"
                raise ClusterError("reach", "the cluster", None, what) from error
            return found

        return cls(await read(), read)

    @property
    def base(self) -> str:
        """The address of the server, without a slash at the end."""
        return str(self._configuration.host).rstrip("/")

    async def headers(self) -> dict[str, str]:
        """Return what proves who we are, refreshed when it is about to end."""
        token = await self._configuration.get_api_key_with_prefix("BearerToken")
        if token:
            return {"Authorization": token}
        user, word = self._configuration.username, self._configuration.password
        if user:
            pair = base64.b64encode(f"{user}:{word or ''}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    async def renew(self) -> None:
        """Read the settings again, after our token was refused; without success, keep them."""
        if self._reload is None:
            return
        with contextlib.suppress(ClusterError):
            self._configuration = await self._reload()
        self._tls = None

    async def request_options(self) -> dict[str, Any]:
        """Return the arguments every request needs: certificates, proxy, headers."""
        if self._tls is None and self.base.startswith("https:"):
            # Certificates are read from files, so not on the loop.
            self._tls = await asyncio.to_thread(_tls, self._configuration)
        options: dict[str, Any] = {"headers": await self.headers()}
        if self._tls is not None:
            options["ssl"] = self._tls
        name = getattr(self._configuration, "tls_server_name", None)
        if name:
            options["server_hostname"] = name
        if getattr(self._configuration, "proxy", None):
            options["proxy"] = self._configuration.proxy
            options["proxy_headers"] = getattr(self._configuration, "proxy_headers", None)
        return options

    def session(self) -> aiohttp.ClientSession:
        """Open a session for long streams; the caller closes it."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=_BUFFER,
        )


def _tls(configuration: Any) -> ssl.SSLContext:
    """Return the TLS settings that a client configuration describes."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if getattr(configuration, "disable_strict_ssl_verification", False):
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
