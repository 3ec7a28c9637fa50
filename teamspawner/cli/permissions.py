"""Ask the API server what the hub may do (SelfSubjectAccessReview, SubjectAccessReview)."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import aiohttp

from teamspawner.cli.findings import FAULT, WARNING, Finding
from teamspawner.cli.rights import FEATURES, USUAL
from teamspawner.cluster.connect import Connection
from teamspawner.errors import ClusterError
from teamspawner.offers.amounts import listed

WORDS = 300
"""The most characters that are kept of an answer that is none."""

GROUP = "authorization.k8s.io/v1"
STARTS = (
    ("pods", "create"),
    ("pods", "delete"),
    ("pods", "list"),
    ("persistentvolumeclaims", "create"),
    ("secrets", "create"),
    ("services", "create"),
    ("events", "watch"),
)
"""What the chart's own Role lets the hub do, in its namespace."""


class Question(NamedTuple):
    """One right: ``namespace`` is empty for all of them."""

    feature: str
    group: str
    resource: str
    verb: str
    namespace: str


def questions(namespace: str) -> Iterator[Question]:
    """Every right that the hub needs, the chart's own included."""
    for resource, verb in STARTS:
        yield Question("chart", "", resource, verb, namespace)
    for feature in USUAL:
        rights = FEATURES[feature]
        for place, rules in (("", rights.cluster), (namespace, rights.namespaced)):
            for group, resources in rules:
                for resource in resources:
                    for verb in ("list", "watch"):
                        yield Question(feature, group, resource, verb, place)


async def ask(kubeconfig: str | None, namespace: str, account: str | None) -> list[Question]:
    """The rights that are missing.

    Args:
        kubeconfig: Path; None takes the usual places, else the pod's own account.
        namespace: Where the hub runs.
        account: The hub's ServiceAccount, asked about with SubjectAccessReview; None asks
            about whoever is asking.

    Raises:
        ClusterError: When the cluster is not reachable, or does not answer this question.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client library warns before it fails
        connection = await Connection.load(kubeconfig)
    asked = list(questions(namespace))
    async with connection.session() as session:
        allowed = await asyncio.gather(
            *(_allowed(connection, session, each, _user(namespace, account)) for each in asked)
        )
    return [each for each, yes in zip(asked, allowed, strict=True) if not yes]


def _user(namespace: str, account: str | None) -> str | None:
    return f"system:serviceaccount:{namespace}:{account}" if account else None


async def _allowed(
    connection: Connection, session: aiohttp.ClientSession, asked: Question, user: str | None
) -> bool:
    attributes = {key: value for key, value in asked._asdict().items() if key != "feature"}
    spec: dict[str, Any] = {"resourceAttributes": attributes}
    kind = "SelfSubjectAccessReview"
    if user is not None:
        kind, namespace = "SubjectAccessReview", user.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        spec |= {"user": user, "groups": [*groups, "system:authenticated"]}
    url = f"{connection.base}/apis/{GROUP}/{kind.lower()}s"
    body = {"apiVersion": GROUP, "kind": kind, "spec": spec}
    options = await connection.request_options()
    try:
        async with session.post(url, json=body, **options) as answer:
            status, text = answer.status, await answer.text(errors="replace")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise ClusterError("reach", "the cluster", None, str(error)) from error
    return _read(text, status, f"{kind.lower()}s")


def _read(text: str, status: int, kind: str) -> bool:
    """Read the answer to a review; anything else is told by its status and first words."""
    try:
        found = json.loads(text)
        if status < 400:
            return bool(found["status"]["allowed"])
        said = str(found["message"])
    except (ValueError, LookupError, TypeError, RecursionError):
        said = " ".join(text.split())[:WORDS]
    raise ClusterError("create", kind, status, said)


def told(missing: list[Question], namespace: str, account: str | None) -> Iterator[Finding]:
    """The missing rights, together for each feature, with the command that gives them."""
    by_feature: dict[str, list[Question]] = {}
    for each in missing:
        by_feature.setdefault(each.feature, []).append(each)
    for feature, rights in by_feature.items():
        found = f"the hub may not {_spelled(rights)}"
        if feature == "chart":
            cure = "set rbac.create: true in the chart's values, and run as the account it makes"
            yield Finding(FAULT, "rights to start servers", found, cure)
            continue
        flags = f"--features {feature} --namespace {namespace} --service-account {account or 'hub'}"
        level = FAULT if feature == "core" else WARNING
        purpose = f"rights to see {FEATURES[feature].purpose}"
        yield Finding(level, purpose, found, f"teamspawner rbac {flags} | kubectl apply -f -")


def _spelled(rights: Iterable[Question]) -> str:
    """What is done to the same things in the same place is said once."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for each in rights:
        verbs.setdefault((each.resource, each.namespace), []).append(each.verb)
    resources: dict[tuple[str, str], list[str]] = {}
    for (resource, namespace), done in verbs.items():
        place = f"in {namespace}" if namespace else "in all namespaces"
        resources.setdefault((listed(done), place), []).append(resource)
    return "; ".join(f"{done} {listed(found)} {p}" for (done, p), found in resources.items())


def not_asked(error: ClusterError) -> Finding:
    """Said when the one who asks may not ask about another account."""
    cure = "leave out --service-account and run it in the hub's pod, or ask as an administrator"
    return Finding(FAULT, "rights", f"they could not be asked about: {error}", cure)
