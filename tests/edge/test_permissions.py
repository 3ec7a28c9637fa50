"""What the hub may do is asked of the API server; whatever answers, it is told in words."""

import json

import pytest
import pytest_asyncio
from aiohttp import web

from teamspawner.cli.permissions import ask, questions
from teamspawner.errors import ClusterError
from teamspawner.sim.kubeconfig import Access, write_kubeconfig

pytestmark = pytest.mark.asyncio


class Reviewer:
    """Answers reviews as the test says."""

    def __init__(self, path):
        self.kubeconfig, self.status = str(path), 201
        self.said = {"status": {"allowed": True}}
        self.asked = []

    async def answer(self, request):
        self.asked.append((request.path, await request.json()))
        text = self.said if isinstance(self.said, str) else json.dumps(self.said)
        return web.Response(status=self.status, text=text)


@pytest_asyncio.fixture
async def reviewer(tmp_path):
    found, app = Reviewer(tmp_path / "kubeconfig"), web.Application()
    app.router.add_post("/{path:.*}", found.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    write_kubeconfig(tmp_path / "kubeconfig", Access(f"http://127.0.0.1:{port}"), "hub")
    yield found
    await runner.cleanup()


async def test_rights_that_are_not_given_are_missing(reviewer):
    assert await ask(reviewer.kubeconfig, "hub", None) == []
    reviewer.said = {"status": {"allowed": False}}
    assert await ask(reviewer.kubeconfig, "hub", None) == list(questions("hub"))


async def test_an_account_is_asked_about_by_its_name(reviewer):
    await ask(reviewer.kubeconfig, "hub", "jupyter")
    path, body = reviewer.asked[0]
    assert path.endswith("/subjectaccessreviews")
    assert body["spec"]["user"] == "system:serviceaccount:hub:jupyter"


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        pytest.param(403, {"message": "not you"}, "HTTP 403: not you", id="a-refusal"),
        pytest.param(502, "<html>Bad  gateway", "HTTP 502: <html>Bad gateway", id="a-page"),
        pytest.param(201, "<html>Sign in", "HTTP 201: <html>Sign in", id="a-page-that-is-well"),
        pytest.param(201, "{}", "HTTP 201: {}", id="no-review"),
        pytest.param(201, "[]", "HTTP 201: []", id="a-list"),
        pytest.param(201, '{"status": "ok"}', 'HTTP 201: {"status"', id="no-status"),
        pytest.param(201, "[" * 100_000, "HTTP 201: [[[", id="too-deep"),
    ],
)
async def test_an_answer_that_is_none_is_told_in_its_own_words(reviewer, status, said, told):
    reviewer.status, reviewer.said = status, said
    with pytest.raises(ClusterError) as caught:
        await ask(reviewer.kubeconfig, "hub", None)
    assert told in str(caught.value)


async def test_a_server_that_is_away_is_told(tmp_path):
    write_kubeconfig(tmp_path / "away", Access("http://127.0.0.1:1"), "hub")
    with pytest.raises(ClusterError, match="cannot reach the cluster"):
        await ask(str(tmp_path / "away"), "hub", None)
