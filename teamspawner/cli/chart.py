"""The command ``teamspawner chart``: the chart values that follow from the map."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import yaml

from teamspawner.cli.mapfile import read_map
from teamspawner.cli.names import add_namespace, label, natural
from teamspawner.cli.placeholders import MI, deployments, quantities, unused
from teamspawner.cli.words import tell
from teamspawner.map import Image, Map, Tier

HEAD = """\
# Follows from the map; made by `teamspawner chart --map`. Pass it before the site's own
# file, and make it anew when the map changes. Do not edit.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--map", required=True, metavar="MAP", help="the map, or values with one; - is stdin"
    )
    parser.add_argument(
        "--placeholders",
        action="store_true",
        help="print, instead of values, a Deployment of placeholders for each GPU tier and pool",
    )
    parser.add_argument(
        "--replicas",
        type=natural,
        metavar="N",
        default=1,
        help="how many placeholders each gets; default: %(default)s",
    )
    parser.add_argument(
        "--release",
        type=label,
        metavar="NAME",
        default="jupyterhub",
        help="name of the Helm release; default: %(default)s",
    )
    add_namespace(parser)
    parser.add_argument(
        "--skip-gpu-images",
        action="store_true",
        help="leave images that need accelerators out of prePuller.extraImages: the chart pulls"
        " to every node, and they take 10 GB each",
    )


def run(args: argparse.Namespace) -> int:
    """Print values or manifests: 0, or 2 when there is no sound map."""
    the_map = read_map(args.map)
    if args.placeholders:
        made = deployments(the_map, args.replicas, args.release, args.namespace)
        if not made:
            wanted = any(tier.gpu for tier in the_map.tiers.values())
            slices = "tiers of slices alone need a pool that names the resource"
            why = slices if wanted else "no tier of the map has accelerators"
            tell("chart", why)
        print(yaml.safe_dump_all(made, sort_keys=False, explicit_start=True), end="")
        return 0
    print(
        HEAD
        + yaml.safe_dump(values(the_map, skip_gpu_images=args.skip_gpu_images), sort_keys=False),
        end="",
    )
    return 0


def values(the_map: Map, *, skip_gpu_images: bool = False) -> dict[str, Any]:
    """The chart values that follow from a map.

    Args:
        the_map: A sound map.
        skip_gpu_images: Leave out images that need accelerators; the chart's puller
            cannot choose nodes by image and would bring them to CPU nodes too.
    """
    made: dict[str, Any] = {"singleuser": _singleuser(the_map)}
    images = _to_pull(
        (key, image)
        for key, image in the_map.images.items()
        if not (skip_gpu_images and image.needs)
    )
    made["prePuller"] = {"pullProfileListImages": False, "extraImages": images}
    placeholder = _placeholder(the_map)
    if placeholder:
        made["scheduling"] = {"userPlaceholder": {"resources": placeholder}}
    made["cull"] = {"enabled": True, "users": False, "every": _cull_every(the_map)}
    return made


def _first_image(the_map: Map) -> Image | None:
    """The image that most people get: the first one without need of accelerators."""
    plain = (image for image in the_map.images.values() if image.needs is None)
    return next(plain, next(iter(the_map.images.values()), None))


def _singleuser(the_map: Map) -> dict[str, Any]:
    """The chart's own defaults, so that a server outside any tier is small, not unlimited."""
    made: dict[str, Any] = {"profileList": []}
    image = _first_image(the_map)
    if image is not None:
        name, tag = _name_and_tag(image.image)
        made["image"] = {"name": name, "tag": tag}
    smallest = _smallest(the_map)
    if smallest is not None and smallest.cpu and smallest.memory:
        made["cpu"] = _both(
            smallest.cpu.request / 1000,
            smallest.cpu.limit and smallest.cpu.limit / 1000,
        )
        made["memory"] = _both(
            _hub_bytes(smallest.memory.request),
            smallest.memory.limit and _hub_bytes(smallest.memory.limit),
        )
    longest = [tier.start_timeout for tier in the_map.tiers.values() if tier.start_timeout]
    if longest:
        made["startTimeout"] = max(longest)
    return made


def _both(guarantee: float | str, limit: float | str | None) -> dict[str, float | str | None]:
    """Null takes away the limit of a layer below, which could be less than the guarantee."""
    return {"guarantee": guarantee, "limit": limit}


def _smallest(the_map: Map) -> Tier | None:
    """The CPU tier with the least memory; None when every tier is a share or has accelerators."""
    sized = [tier for tier in the_map.tiers.values() if tier.gpu is None and tier.memory]
    return min(sized, key=lambda tier: tier.memory.request if tier.memory else 0, default=None)


def _hub_bytes(size: int) -> str:
    """Bytes in JupyterHub's dialect, where M is 2^20; rounded up to whole M."""
    return f"{-(-size // MI)}M"


def _name_and_tag(image: str) -> tuple[str, str]:
    """Split an image for the chart, which joins name and tag with a colon again.

    A digest stays whole: ``name:tag@sha256`` and its hex digits are the two halves.
    """
    name, _, tag = image.rpartition(":")
    return (image, "latest") if not name or "/" in tag else (name, tag)


def _to_pull(images: Iterable[tuple[str, Image]]) -> dict[str, dict[str, str]]:
    """Each image once, under its key; the chart makes a container's name of it."""
    made: dict[str, dict[str, str]] = {}
    for key, image in images:
        name, tag = _name_and_tag(image.image)
        pulled = {"name": name, "tag": tag}
        if pulled not in made.values():
            made[unused(_pull_key(key), made)] = pulled
    return made


def _pull_key(key: str) -> str:
    """A map key as part of a container name: lower case letters, digits and dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in key.lower())[:40].strip("-")


def _placeholder(the_map: Map) -> dict[str, Any] | None:
    """The smallest CPU tier's requests in Kubernetes' own quantities: the hole it leaves fits."""
    smallest = _smallest(the_map)
    if smallest is None or smallest.cpu is None or smallest.memory is None:
        return None
    size = quantities(smallest.cpu.request, smallest.memory.request)
    return {"requests": size, "limits": dict(size)}


def _cull_every(the_map: Map) -> int:
    """Seconds between looks: a tenth of the shortest idle time, between 30 s and 10 min."""
    culls = [part.cull for part in the_map.tiers.values()]
    culls += [part.cull for part in the_map.teams.values()]
    idle = [cull.idle for cull in culls if cull.idle]
    return min(600, max(30, min(idle, default=3600) // 10))
