# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder stand on. --nodes says of how many nodes a cluster is."""
import contextlib

import pytest
import pytest_asyncio

import firn
import network
from cluster import Cluster

# The specification's memtable is 4 MiB; these make ten thousand small keys flush about twenty
# times. Merging level 0 is left to the tests.
SETTINGS = {"memtable": "64KiB", "auto_compaction": "false"}


def pytest_addoption(parser):
    parser.addoption("--nodes", type=int, default=5, help="how many nodes a cluster has")


@pytest.fixture(name="grown")
def _grown(request):
    """The cluster, with so many nodes. Ends it, and shows what they wrote if the test failed."""
    @contextlib.asynccontextmanager
    async def grown(cluster, size):
        try:
            yield await cluster.grow(size)
        finally:
            if getattr(request.node, "has_failed", True):
                for number, node in enumerate(cluster.nodes, 1):
                    print(f"--- node {number}\n{node.log()}")
            cluster.end()
    return grown


@pytest_asyncio.fixture(name="cluster")
async def _cluster(request, grown):
    async with grown(Cluster(**SETTINGS), request.config.getoption("--nodes")) as cluster:
        yield cluster


@pytest.fixture(name="hosts", scope="session")
def _hosts():
    try:
        network.move_into_a_network()
    except network.Unavailable as unavailable:
        pytest.skip(str(unavailable))


@pytest.fixture(name="net")
def _net(hosts):  # pylint: disable=unused-argument
    """A network that can be cut."""
    net = network.Network()
    yield net
    net.end()


@pytest_asyncio.fixture(name="spread_cluster")
async def _spread_cluster(net, grown):
    """Five nodes, each on a host of the network."""
    async with grown(Cluster(place=net.add_host, memtable="64KiB", insecure="true"), 5) as cluster:
        yield cluster


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
