"""The very pod that a choice would create, made beforehand and without side effects.

A twin of the spawner loads the choice and writes its manifest, with sidecars,
init containers, volumes and the admin's hook; the spawner itself stays as it is.
"""

from __future__ import annotations

import copy
from typing import Any

from jupyterhub.utils import maybe_future
from kubespawner import KubeSpawner

from teamspawner.hub.overrides import as_profile, own_copy
from teamspawner.offers.model import Choice

__all__ = ["manifest", "plain_manifest", "twin_of"]


def twin_of(spawner: Any) -> Any:
    """Copy a spawner so that changing the copy's settings leaves the original alone.

    User, server and handler are shared; settings are the twin's own, and such as they were
    before a start laid its choice onto the original: a server that runs keeps that choice on
    it. It has no API token: its manifest is shown to the API server, never started.
    """
    twin = copy.copy(spawner)
    # what was asked for is not copied: it may be of any depth, and the choice replaces it
    for name, value in twin._trait_values.items():  # traitlets has no public way
        if name != "user_options":
            twin._trait_values[name] = own_copy(value)
    for name, value in spawner.before_choice.items():
        setattr(twin, name, own_copy(value))
    twin.api_token = ""
    twin.user_options = {}
    return twin


async def manifest(spawner: Any, choice: Choice) -> dict[str, Any]:
    """Write the pod that this choice would create now, as the API server would be sent it.

    Raises:
        Exception: Whatever a setting or a hook of the admin's raises.
    """
    twin = twin_of(spawner)
    twin.profile_list = [as_profile(twin, choice)]
    twin.user_options = dict(choice.user_options)
    twin.extra_labels = {**twin.extra_labels, **choice.labels}
    await KubeSpawner.load_user_options(twin)
    pod = await KubeSpawner.get_pod_manifest(twin)
    if twin.modify_pod_hook:
        pod = await maybe_future(twin.modify_pod_hook(twin, pod))
    written: dict[str, Any] = twin.api.api_client.sanitize_for_serialization(pod)
    return written


async def plain_manifest(spawner: Any) -> dict[str, Any]:
    """Write the pod that the settings alone make, without any choice: nothing hides in it.

    Raises:
        Exception: Whatever a setting of the admin's raises.
    """
    twin = twin_of(spawner)
    pod = await KubeSpawner.get_pod_manifest(twin)
    written: dict[str, Any] = twin.api.api_client.sanitize_for_serialization(pod)
    return written
