"""One cluster for each module of hub tests; each module starts the hub it needs."""

import gc
import warnings

import pytest_asyncio

with warnings.catch_warnings():
    # KubeSpawner 7.0.0 declares a trait in a way that newer traitlets deprecate
    warnings.simplefilter("ignore")
    import jupyterhub.app  # noqa: F401
    import kubespawner  # noqa: F401

    from tests.hub.cluster import a_cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory):
    async with a_cluster(tmp_path_factory.mktemp("cluster")) as running:
        await running.add_node()
        yield running
    # what hubs leave is collected here, and not during a test of others; they set some of it apart
    gc.unfreeze()
    gc.collect()
