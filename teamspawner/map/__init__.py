"""The map: the admin's file of what may be offered to whom, checked and explained."""

from teamspawner.map.groups import is_member, teams_of
from teamspawner.map.load import Loaded, json_schema, load
from teamspawner.map.schema import Accelerator, Cull, Image, Map, Pool, Team, Tier, Volume

__all__ = [
    "Accelerator",
    "Cull",
    "Image",
    "Loaded",
    "Map",
    "Pool",
    "Team",
    "Tier",
    "Volume",
    "is_member",
    "json_schema",
    "load",
    "teams_of",
]
