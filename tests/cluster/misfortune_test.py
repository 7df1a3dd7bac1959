# SPDX-License-Identifier: Apache-2.0
"""A cluster of five real processes under misfortunes of all kinds, several at a time, one round
after another: a seed decides which. After each round all is well again and the cluster has to go
on; after each episode of some rounds the history of it, which begins with new keys, is checked.

A few rounds, or as many as fit into FIRN_SOAK_MINUTES. FIRN_MISFORTUNE_SEED repeats a run, as far
as real processes can be repeated."""
import asyncio
import contextlib
import os
import random
import time

import network
from history import Workload

MINUTES = float(os.environ.get("FIRN_SOAK_MINUTES", "0"))
SEED = int(os.environ.get("FIRN_MISFORTUNE_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
ROUNDS = 5  # Of an episode.
WRITES = 60  # That have to be acknowledged after each round, and are waited for in it.
ROUND_SECONDS_MAX = 4  # Of misfortune: there may be no majority.
HEALING_SECONDS_MAX = 60

MISFORTUNES = {
    "killed": lambda node: node.kill(),
    "paused": lambda node: node.pause(),
    "without peers": lambda node: node.place.unplug(network.PEERS),
    "without clients": lambda node: node.place.unplug(network.CLIENTS),
    "mute": lambda node: node.place.mute(),
    "deaf": lambda node: node.place.deafen(),
    "split off": lambda node: node.place.split_off(),
}


class Rounds:
    def __init__(self, cluster, net):
        self.told = []
        self._cluster, self._net = cluster, net
        self._chance = random.Random(SEED)

    async def one(self, workload):
        struck = self._chance.sample(self._cluster.nodes, self._chance.randint(1, 3))
        if self._chance.randrange(2):  # The leader is worth more than the others.
            leader = await self._cluster.leader()
            struck = [leader] + [node for node in struck if node is not leader][:2]
        for node in struck:
            what = self._chance.choice(list(MISFORTUNES))
            self.told.append(f"node {self._cluster.nodes.index(node) + 1} {what}")
            MISFORTUNES[what](node)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(workload.until(WRITES), ROUND_SECONDS_MAX)
        await self._heal(struck)
        self.told.append("healed")
        await asyncio.wait_for(workload.until(WRITES), HEALING_SECONDS_MAX)

    async def _heal(self, struck):
        self._net.heal()
        for node in struck:
            if node.is_running:
                node.resume()
            else:
                node.start()
        for node in struck:
            await node.ready()


async def test_a_cluster_keeps_its_promises_in_all_misfortunes(net, spread_cluster, capsys):
    rounds = Rounds(spread_cluster, net)
    deadline = time.monotonic() + 60 * MINUTES
    episodes = writes = reads = 0
    try:
        while episodes == 0 or time.monotonic() < deadline:
            episodes += 1
            async with Workload(spread_cluster, keys=f"episode{episodes}/key") as workload:
                for _ in range(ROUNDS):
                    await rounds.one(workload)
                await workload.check()
            writes += workload.writes
            reads += workload.reads
    except BaseException:
        print(f"FIRN_MISFORTUNE_SEED={SEED}: {', '.join(rounds.told)}")
        raise
    with capsys.disabled():
        print(f"\n{episodes * ROUNDS} rounds: {writes} writes and {reads} reads checked")
