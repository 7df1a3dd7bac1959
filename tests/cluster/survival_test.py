# SPDX-License-Identifier: Apache-2.0
"""What a cluster of real processes survives: its nodes killed and paused under load. A checker
notes what was acknowledged; nothing of it may be missing afterwards."""
import asyncio
import collections

import pytest

import firn

WRITERS = 4


class Ledger:
    """Writers that put numbered values under keys of their own, and what they were told."""

    def __init__(self, endpoints):
        self.client = firn.Client(endpoints, timeout=30)
        self.acknowledged = collections.Counter()  # By key: the last number that was acknowledged.
        self.unknown = set()
        self.is_over = False

    async def write(self, key):
        number = 0
        while not self.is_over:
            number += 1
            try:
                await self.client.Put(key=key, value=str(number))
                self.acknowledged[key] = number
            except (firn.UnknownOutcome, firn.Unavailable):
                self.unknown.add((key, number))

    async def until(self, count):
        """Returns when so many more writes were acknowledged."""
        goal = self.acknowledged.total() + count
        while self.acknowledged.total() < goal:
            await asyncio.sleep(0.01)

    async def check(self):
        """No key holds less than was acknowledged last."""
        for key, number in self.acknowledged.items():
            response = await self.client.Get(key=key)
            assert response.found, key
            assert int(response.value) >= number, (key, response.value, number)


@pytest.fixture(name="run_under_load")
def _run_under_load(cluster):
    async def run(disturb):
        ledger = Ledger(cluster.endpoints)
        writers = [asyncio.create_task(ledger.write(f"key{i}")) for i in range(WRITERS)]
        try:
            await ledger.until(100)
            await asyncio.wait_for(disturb(ledger), 120)
            await ledger.until(100)
        finally:
            ledger.is_over = True
            await asyncio.gather(*writers)
        await ledger.check()
        await ledger.client.close()
    return run


async def test_a_killed_leader_that_returns_loses_nothing(cluster, find_leader, run_under_load):
    async def disturb(ledger):
        leader = cluster.node_at((await find_leader(cluster)).leader)
        leader.kill()
        if len(cluster.nodes) > 2:
            await ledger.until(100)
        leader.start()
        await leader.ready()
    await run_under_load(disturb)


async def test_two_of_five_killed_lose_nothing(cluster, find_leader, run_under_load):
    if len(cluster.nodes) < 5:
        pytest.skip("needs five nodes")

    async def disturb(ledger):
        leader = cluster.node_at((await find_leader(cluster)).leader)
        other = next(node for node in cluster.nodes if node is not leader)
        for node in (leader, other):
            node.kill()
        await ledger.until(100)
        for node in (leader, other):
            node.start()
            await node.ready()
    await run_under_load(disturb)


async def test_a_paused_leader_is_replaced(cluster, find_leader, run_under_load):
    if len(cluster.nodes) < 3:
        pytest.skip("needs three nodes")

    async def disturb(ledger):
        leader = cluster.node_at((await find_leader(cluster)).leader)
        leader.pause()
        try:
            await ledger.until(100)
        finally:
            leader.resume()
    await run_under_load(disturb)


async def test_a_node_that_is_stopped_ends_well_and_returns(cluster, find_leader, run_under_load):
    async def disturb(ledger):
        leader = cluster.node_at((await find_leader(cluster)).leader)
        assert leader.stop() == 0, leader.log()
        if len(cluster.nodes) > 2:
            await ledger.until(100)
        leader.start()
        await leader.ready()
    await run_under_load(disturb)
