"""The settings of TeamSpawner, as traits of the spawner."""

from __future__ import annotations

from traitlets import Bool, Dict, Enum, Float, HasTraits, Unicode, Union

__all__ = ["Settings"]


class Settings(HasTraits):
    """Every trait that TeamSpawner adds to KubeSpawner's."""

    map = Union(
        [Dict(), Unicode()],
        config=True,
        help="""
        The map: which teams may have which tiers, images, volumes, and how much of them.

        Plain values, as chart values give them under ``custom.teamspawner``, or the
        same as YAML text. Empty means no map: then each entry of ``profile_list`` is
        judged as it stands. With both, the page shows both.

        A map that is wrong refuses every start with a sentence and never stops the
        hub; ``teamspawner check`` tells all its faults.

        Sample::

            c.TeamSpawner.map = {
                "tiers": {"small": {"cpu": 2, "memory": "4Gi"}},
                "teams": {"everyone": {"groups": ["*"], "tiers": ["small"]}},
            }

        .. versionadded:: 0.1
        """,
    )

    map_file = Unicode(
        config=True,
        help="""
        A file with the map, such as a mounted ConfigMap; wins over ``map``.

        Read again whenever it changes, without a restart of the hub. After a wrong
        edit the last good copy stays in force and the faults are logged once. Mount the
        ConfigMap as a folder: a file mounted by ``subPath`` never changes.

        Sample: ``c.TeamSpawner.map_file = "/etc/teamspawner/map.yaml"``

        .. versionadded:: 0.1
        """,
    )

    stale_after = Float(
        120.0,
        min=1.0,
        config=True,
        help="""
        Seconds after which what was seen of the cluster is too old for any verdict.

        Counted from the last event or bookmark of the watch. Then every verdict is
        UNKNOWN, and ``when_unknown`` of the tier decides. Two minutes is twice the time
        in which a healthy API server sends a bookmark.

        .. versionadded:: 0.1
        """,
    )

    scheduler_version = Unicode(
        config=True,
        help="""
        Version of the kube-scheduler that places the servers, such as ``1.35``.

        Empty finds it: from the image of the chart's user scheduler in the hub's
        namespace, else from the API server's own version. Set it when another
        scheduler of your own places them.

        .. versionadded:: 0.1
        """,
    )

    admin_bypass = Bool(
        False,
        config=True,
        help="""
        Whether an admin of JupyterHub may start tiers that their teams do not have,
        beyond caps.

        Off by default: an admin is judged like anybody, and a start for someone else is
        judged by that person's groups. Each bypass is logged with both names.

        .. versionadded:: 0.1
        """,
    )

    when_busy = Enum(
        ["refuse", "wait"],
        "refuse",
        config=True,
        help="""
        What to do when an entry of ``profile_list`` has no room now; tiers of the map say
        so themselves.

        ``refuse`` answers at once with the reason and the nearest thing that fits;
        ``wait`` starts the server and lets it wait for room until ``start_timeout``.

        .. versionadded:: 0.1
        """,
    )

    when_unknown = Enum(
        ["allow", "refuse", ""],
        "",
        config=True,
        help="""
        What to do with an entry of ``profile_list`` when the cluster is not seen; tiers of
        the map say so themselves.

        Empty allows what has no accelerator and refuses what has one.

        .. versionadded:: 0.1
        """,
    )

    dry_run = Bool(
        True,
        config=True,
        help="""
        Whether to ask the API server what it would make of a pod (server-side dry-run).

        Only it knows its quotas, LimitRanges, priority classes and webhooks. Needs no
        right beyond the one to create pods. Answers are kept for a minute, or until the
        namespace's quotas change where the hub may read those. Off, or without the right,
        quotas are met only by the start itself.

        .. versionadded:: 0.1
        """,
    )

    unschedulable_grace = Float(
        10.0,
        min=0.0,
        config=True,
        help="""
        Seconds for which a pod may be unplaceable, or its image not pullable, before its
        start is ended with a sentence.

        The scheduler often says no for a moment while volumes bind. A pod for which an
        autoscaler adds a machine, and a tier that may wait, are not counted.

        .. versionadded:: 0.1
        """,
    )
