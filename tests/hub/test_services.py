"""Services of the hub: each may what its scopes say, and gets for a person what the person may."""

import json

import pytest
import pytest_asyncio

from tests.hub.hubs import Answer, a_hub
from tests.hub.test_starts import MAP

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default")]

SCOPES = {"bot": ["servers", "read:servers"], "ada": ["read:servers!user=bob"], "weak": []}
"""One service has the name of a person; that makes it no such person."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def call(cluster, tmp_path_factory):
    services = {
        "services": [{"name": name, "api_token": name * 12} for name in SCOPES],
        "load_roles": [
            {"name": f"role-of-{name}", "scopes": scopes, "services": [name]}
            for name, scopes in SCOPES.items()
        ],
    }
    kube = {"namespace": "hub", "port": cluster.port, "image": "x", "storage_pvc_ensure": False}
    settings = {"KubeSpawner": kube, "TeamSpawner": {"map": MAP}, "JupyterHub": services}
    async with a_hub(tmp_path_factory.mktemp("hub"), **settings) as hub:
        ada, _ = await hub.someone("ada", "arts"), await hub.someone("bob")

        async def called(service, method, path, body=None):
            headers = {"Authorization": f"token {service * 12}"}
            url = f"{hub.url}/hub/api{path}"
            data = None if body is None else json.dumps(body)
            async with ada.session.request(method, url, headers=headers, data=data) as response:
                assert hub.failures == 0
                return Answer(response.status, await response.text(), url)

        yield called


@pytest.mark.parametrize(
    ("service", "query", "status"),
    [
        pytest.param("bot", "", 404, id="a-service-has-no-servers"),
        pytest.param("bot", "?user=ada", 200, id="with-the-scope"),
        pytest.param("ada", "", 404, id="a-service-is-not-the-person-of-its-name"),
        pytest.param("ada", "?user=ada", 404, id="of-somebody-beyond-the-scope"),
        pytest.param("ada", "?user=bob", 200, id="of-somebody-within-the-scope"),
        pytest.param("weak", "?user=ada", 403, id="without-scopes"),
    ],
)
async def test_offers_are_shown_to_a_service_by_its_scopes(call, service, query, status):
    assert (await call(service, "GET", f"/teamspawner/offers{query}")).status == status


@pytest.mark.parametrize(
    ("person", "options", "status"),
    [
        pytest.param("ada", {"profile": "small"}, 201, id="what-the-person-may"),
        pytest.param("ada", {"profile": "nothing"}, 403, id="what-does-not-exist"),
        pytest.param("bob", {"profile": "small"}, 403, id="what-the-person-may-not"),
    ],
)
async def test_a_service_starts_for_a_person_what_the_person_may(call, person, options, status):
    assert (await call("bot", "POST", f"/users/{person}/server", options)).status == status
    await call("bot", "DELETE", f"/users/{person}/server")


async def test_a_service_without_the_scope_starts_nothing(call):
    for service in ("ada", "weak"):
        answer = await call(service, "POST", "/users/ada/server", {"profile": "small"})
        assert answer.status == 403
