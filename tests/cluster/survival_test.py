# SPDX-License-Identifier: Apache-2.0
"""What a cluster of real processes survives: its nodes killed, paused and stopped under load. No
history may tell of a lost write or of a stale read. How long nothing was acknowledged is printed,
in milliseconds."""
import asyncio
import time

import pytest

from history import Workload

WRITES = 100  # That have to be acknowledged before, during and after.


@pytest.fixture(name="disturb")
def _disturb(cluster, capsys):
    """Does something to a cluster under load, and has the history checked."""
    async def run(disturbance, what):
        async with Workload(cluster) as workload:
            await workload.until(WRITES)
            leader = await cluster.leader()
            since = time.monotonic_ns()
            await disturbance(leader, workload)
            await workload.until(WRITES)
            gap_ms = workload.gap_ms(since)
            await workload.check()
        with capsys.disabled():
            print(f"\n{what}: {gap_ms:.0f} ms without an acknowledged write, "
                  f"{workload.writes} of them and {workload.reads} reads checked")
    return run


async def test_a_killed_leader_that_returns_loses_nothing(cluster, disturb):
    async def kill(leader, workload):
        leader.kill()
        if len(cluster.nodes) > 2:
            await workload.until(WRITES)
        leader.start()
        await leader.ready()
    await disturb(kill, "leader killed")


async def test_two_of_five_killed_lose_nothing(cluster, disturb):
    if len(cluster.nodes) < 5:
        pytest.skip("needs five nodes")

    async def kill_two(leader, workload):
        other = next(node for node in cluster.nodes if node is not leader)
        for node in (leader, other):
            node.kill()
        await workload.until(WRITES)
        for node in (leader, other):
            node.start()
            await node.ready()
    await disturb(kill_two, "two of five killed")


async def test_a_paused_leader_is_replaced(cluster, disturb):
    if len(cluster.nodes) < 3:
        pytest.skip("needs three nodes")

    async def pause(leader, workload):
        leader.pause()
        try:
            await workload.until(WRITES)
        finally:
            leader.resume()
    await disturb(pause, "leader paused")


async def test_a_node_that_is_stopped_ends_well_and_returns(cluster, disturb):
    async def stop(leader, workload):
        assert await asyncio.to_thread(leader.stop) == 0, leader.log()
        if len(cluster.nodes) > 2:
            await workload.until(WRITES)
        leader.start()
        await leader.ready()
    await disturb(stop, "leader stopped")
