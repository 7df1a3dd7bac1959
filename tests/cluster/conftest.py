# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder stand on. --nodes says of how many nodes a cluster is."""
import pytest
import pytest_asyncio

import firn
from cluster import Cluster

# The specification's memtable is 4 MiB; these make ten thousand small keys flush about twenty
# times. Merging level 0 is left to the tests.
SETTINGS = {"memtable": "64KiB", "auto_compaction": "false"}


def pytest_addoption(parser):
    parser.addoption("--nodes", type=int, default=5, help="how many nodes a cluster has")


@pytest_asyncio.fixture(name="cluster")
async def _cluster(request):
    cluster = Cluster(**SETTINGS)
    try:
        yield await cluster.grow(request.config.getoption("--nodes"))
    finally:
        failed = getattr(request.node, "has_failed", True)
        if failed:
            for number, node in enumerate(cluster.nodes, 1):
                print(f"--- node {number}\n{node.log()}")
        cluster.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.has_failed = outcome.get_result().failed


@pytest_asyncio.fixture(name="find_leader")
async def _find_leader():
    """firn.find_leader, whose clients end with the test."""
    clients = []

    async def find_leader(cluster):
        clients.append(await firn.find_leader(cluster, timeout=30))
        return clients[-1]

    yield find_leader
    for client in clients:
        await client.close()
