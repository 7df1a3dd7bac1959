# SPDX-License-Identifier: Apache-2.0
"""What a cluster of five real processes does while its network is cut: each node is on a host of
its own, and every client reaches every node all the time, so that those that are cut off from their
peers get their chance to answer with what is not true any more. No history may tell of a lost write
or of a stale read. How long nothing was acknowledged is printed, in milliseconds."""
import pathlib
import subprocess
import tempfile
import time

import pytest
import pytest_asyncio

import firn
import network
from cluster import PROGRAM, Cluster
from history import Workload

NODES = 5
WRITES = 300  # That have to be acknowledged before, during and after a cut.
SECONDS_MAX = 60


class Certificates:
    """An authority of the test's own, and what it signed."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        subprocess.run([PROGRAM, "cert", "dev", "--directory", directory, "--nodes", str(NODES),
                        *(word for number in range(1, NODES + 1)
                          for word in ("--host", f"10.77.0.{number}"))],
                       check=True, capture_output=True, timeout=SECONDS_MAX)

    def of_node(self, number):
        name = str(self.directory / f"node-{number}")
        authority = str(self.directory / "ca.pem")
        return {"tls-certificate": f"{name}.pem", "tls-key": f"{name}.key",
                "tls-client-ca": authority, "tls-client-certificates": "required",
                "peer-tls-certificate": f"{name}.pem", "peer-tls-key": f"{name}.key",
                "peer-tls-ca": authority}

    def of_client(self):
        return firn.Tls(*((self.directory / name).read_bytes()
                          for name in ("ca.pem", "client.pem", "client.key")))


@pytest_asyncio.fixture(name="tls_cluster")
async def _tls_cluster(net, grown):
    with tempfile.TemporaryDirectory(prefix="firn-certificates-") as directory:
        certificates = Certificates(directory)
        cluster = Cluster(place=net.add_host, memtable="64KiB", settings_of=certificates.of_node,
                          tls=certificates.of_client())
        async with grown(cluster, NODES):
            yield cluster


@pytest.fixture(name="cut_and_heal")
def _cut_and_heal(net, capsys):
    """Cuts the network under load, heals it, and has the history checked."""
    async def run(cluster, cut, what):
        async with Workload(cluster) as workload:
            await workload.until(WRITES)
            leader = await cluster.leader()
            since = time.monotonic_ns()
            cut(leader.place)
            await workload.until(WRITES)
            gap_ms = workload.gap_ms(since)
            net.heal()
            await workload.until(WRITES)
            await workload.check()
        with capsys.disabled():
            print(f"\n{what}: {gap_ms:.0f} ms without an acknowledged write, "
                  f"{workload.writes} of them and {workload.reads} reads checked")
    return run


async def test_a_leader_without_peers_tells_nothing_stale(spread_cluster, cut_and_heal):
    await cut_and_heal(spread_cluster, lambda leader: leader.unplug(network.PEERS),
                       "leader without peers")


async def test_a_leader_that_is_gone_is_replaced(spread_cluster, cut_and_heal):
    await cut_and_heal(spread_cluster,
                       lambda leader: leader.unplug(network.PEERS, network.CLIENTS), "leader gone")


async def test_a_leader_that_nobody_hears_is_replaced(spread_cluster, cut_and_heal):
    await cut_and_heal(spread_cluster, lambda leader: leader.mute(), "mute leader")


async def test_a_leader_that_hears_nobody_gives_up(spread_cluster, cut_and_heal):
    await cut_and_heal(spread_cluster, lambda leader: leader.deafen(), "deaf leader")


def _split(net):
    """Two of five with the leader on one side, three on the other."""
    def split(leader):
        other = next(host for host in net.hosts if host is not leader)
        leader.split_off()
        other.split_off()
    return split


async def test_the_larger_part_goes_on(net, spread_cluster, cut_and_heal):
    await cut_and_heal(spread_cluster, _split(net), "leader among two of five")


async def test_the_larger_part_goes_on_under_tls(net, tls_cluster, cut_and_heal):
    await cut_and_heal(tls_cluster, _split(net), "leader among two of five, TLS")
