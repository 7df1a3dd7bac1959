# SPDX-License-Identifier: Apache-2.0
"""What real processes do when a disk is full: one node alone, then one of five. Nothing that was
acknowledged is lost, what is there is read, and with space writing goes on by itself. How long
nothing was acknowledged is printed, in milliseconds."""
import asyncio
import random
import tempfile
import time

import grpc
import grpc.aio
import pytest

import firn
import small_disk
from cluster import Cluster
from firn.v1 import kv_pb2, kv_pb2_grpc
from history import Workload

MIB = 1 << 20
DISK_BYTES, FREE_BYTES = 24 * MIB, 12 * MIB
VALUE_BYTES = 10_000
VALUES = 20  # Of a batch.
SECONDS_MAX = 60
POLL_SECONDS = 0.02
WRITES = 100
SETTINGS = {"memtable": "1MiB", "memory": "16MiB", "log_segment": "1MiB", "log_kept": "2MiB"}


@pytest.fixture(name="mounts", scope="session")
def _mounts():
    try:
        small_disk.mount_apart()
    except small_disk.Unavailable as unavailable:
        pytest.skip(str(unavailable))


@pytest.fixture(name="disk")
def _disk(mounts):  # pylint: disable=unused-argument
    with tempfile.TemporaryDirectory(prefix="firn-disk-") as directory:
        disk = small_disk.SmallDisk(directory, DISK_BYTES, FREE_BYTES)
        yield disk
        disk.end()


@pytest.fixture(name="cluster_with")
def _cluster_with(disk, grown):
    """A cluster of which the node with this number has the small disk."""
    def cluster_with(number, size):
        return grown(Cluster(**SETTINGS, settings_of=lambda node: (
            {"data": str(disk.directory / "data")} if node == number else {})), size)
    return cluster_with


class Filler:
    """Writes large values, and knows which were acknowledged."""

    def __init__(self, client):
        self.values = {}
        self._client = client
        self._random = random.Random(1)

    async def write(self, **how):
        batch = {f"fill{len(self.values) + i}": self._random.randbytes(VALUE_BYTES)
                 for i in range(VALUES)}
        await self._client.BatchWrite(
            operations=[("put", key, value) for key, value in batch.items()], **how)
        self.values |= batch

    async def check(self):
        for key, value in self.values.items():
            response = await self._client.Get(key=key)
            assert response.found and response.value == value, key


async def _until(is_done):
    deadline = time.monotonic() + SECONDS_MAX
    while not await is_done():
        assert time.monotonic() < deadline
        await asyncio.sleep(POLL_SECONDS)


async def _status_of_a_put(address):
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            await kv_pb2_grpc.KVServiceStub(channel).Put(
                kv_pb2.PutRequest(key=b"x", value=b"1"), timeout=SECONDS_MAX)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
    return grpc.StatusCode.OK, ""


async def test_a_node_alone_says_so_is_read_and_goes_on_with_space(cluster_with, disk, capsys):
    async with cluster_with(1, 1) as cluster, cluster.client() as client:
        node = cluster.nodes[0]
        filler = Filler(client)
        with pytest.raises((firn.Unavailable, firn.UnknownOutcome), match="disk .* is full"):
            while True:
                await filler.write(timeout=5)
        assert len(filler.values) * VALUE_BYTES > FREE_BYTES / 4
        code, text = await _status_of_a_put(node.client_address)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "full" in text, (code, text)
        await filler.check()

        disk.make_space()
        since = time.monotonic()
        await client.Put(key="after", value="1", timeout=SECONDS_MAX)
        with capsys.disabled():
            print(f"\nspace: {(time.monotonic() - since) * 1000:.0f} ms until a write was "
                  f"acknowledged, {len(filler.values)} before it checked")
        await filler.check()
        node.kill()
        node.start()
        await node.ready()
        await filler.check()


@pytest.mark.parametrize("number", [1, 2], ids=["leader", "follower"])
async def test_five_nodes_go_on_without_the_one_whose_disk_is_full(cluster_with, disk, capsys,
                                                                   number):
    async with (cluster_with(number, 5) as cluster, Workload(cluster) as workload,
                cluster.client(timeout=SECONDS_MAX) as client):
        full = cluster.nodes[number - 1]
        if await cluster.leader() is not cluster.nodes[0]:
            await client.TransferLeadership(node_id=1)
        filler = Filler(client)
        since = time.monotonic_ns()

        async def is_behind():
            await filler.write()
            return disk.free() < MIB and await _lags(client, cluster, full)

        await _until(is_behind)
        await workload.until(WRITES)
        gap_ms = workload.gap_ms(since)
        disk.make_space()
        await workload.check()
        await filler.check()
    with capsys.disabled():
        print(f"\ndisk full: {gap_ms:.0f} ms without an acknowledged write, {workload.writes} of "
              f"them, {workload.reads} reads and {len(filler.values)} large values checked")


async def _lags(client, cluster, full):
    """Whether another node leads, and has much that the full one has not."""
    leader = await cluster.leader()
    if leader is full:
        return False
    status = await client.GetStatus(endpoint=leader.client_address)
    return any(member.client_address == full.client_address and member.lag > WRITES
               for member in status.members)
