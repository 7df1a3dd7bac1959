# SPDX-License-Identifier: Apache-2.0
"""Clients that write, compare and read a few keys at the same time, and note each call: when it
began and ended on one clock, and what came of it. What they saw has to be what a single copy could
have shown (linearizability), which the program history_check decides, key by key.

FIRN_HISTORY_CHECK in the environment names that program."""
import asyncio
import collections
import contextlib
import itertools
import json
import os
import random
import subprocess
import time

import firn

PROGRAM = os.environ.get("FIRN_HISTORY_CHECK", "build/dev/tests/simulation/history_check")
CHECK_SECONDS_MAX = 120
KEYS = 3
CALLS_OF_A_KEY = 150  # Then another takes its place: the search is short for short histories.
ABSENT = 0
CALL_SECONDS_MAX = 30
READ_SECONDS_MAX = 1  # Of a read of one node, which may be cut off.


def check(lines):
    """Nothing when the history is linearizable, else the shortest key's that is not. Each line is
    an object, as history_check.cc describes it."""
    done = subprocess.run([PROGRAM], input="\n".join(map(json.dumps, lines)), text=True,
                          capture_output=True, timeout=CHECK_SECONDS_MAX, check=False)
    if done.returncode == 0:
        return ""
    return done.stdout or f"{PROGRAM} ended with {done.returncode}: {done.stderr}"


class Workload:
    """Writers ask whoever leads; each node has a reader that asks nobody else, so that a node that
    is cut off gets its chance to answer with what is not true any more."""

    def __init__(self, cluster, keys="key", writers=4):
        """`keys` begins the names of keys, which nobody may have written before."""
        self.lines = []
        self.writes = 0  # Acknowledged.
        self._cluster = cluster
        self._writers = writers
        self._values = itertools.count(1)
        self._keys = [f"{keys}{i}.1" for i in range(KEYS)]
        self._calls = collections.Counter()
        self._acknowledged_at = []
        self._is_over = False
        self._tasks, self._clients = [], []

    async def __aenter__(self):
        for number in range(self._writers):
            self._begin(self._write(self._new_client(), random.Random(number)))
        for number, endpoint in enumerate(self._cluster.endpoints):
            self._begin(self._read(self._new_client(), random.Random(number), endpoint))
        return self

    def _new_client(self):
        self._clients.append(self._cluster.client(timeout=CALL_SECONDS_MAX))
        return self._clients[-1]

    def _begin(self, work):
        self._tasks.append(asyncio.create_task(work))

    async def __aexit__(self, *unused):
        await self._stop()
        for client in self._clients:
            await client.close()

    async def _stop(self):
        self._is_over = True
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def until(self, count):
        """Returns when so many more writes were acknowledged."""
        goal = self.writes + count
        while self.writes < goal:
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)

    async def check(self):
        """Ends the work, looks once more at every key, through all nodes in turn, and has the
        history checked."""
        await self._stop()
        for key, endpoint in zip(sorted(self._calls), itertools.cycle(self._cluster.endpoints)):
            await self._look(self._clients[0], key, {"endpoint": endpoint})
        assert not (found := check(self.lines)), found

    @property
    def reads(self):
        return sum(line["kind"] == "get" for line in self.lines)

    def gap_ms(self, since):
        """The longest time after `since`, of time.monotonic_ns, without an acknowledged write."""
        times = [since] + [moment for moment in self._acknowledged_at if moment > since]
        return max(b - a for a, b in zip(times, times[1:])) / 1e6

    def _key(self, chance):
        place = chance.randrange(KEYS)
        key = self._keys[place]
        self._calls[key] += 1
        if self._calls[key] == CALLS_OF_A_KEY:
            name, generation = key.split(".")
            self._keys[place] = f"{name}.{int(generation) + 1}"
        return key

    async def _write(self, client, chance):
        seen = collections.defaultdict(int)  # What this client believes a key to hold.
        while not self._is_over:
            key = self._key(chance)
            line = {"key": key, "value": next(self._values), "start": time.monotonic_ns()}
            match chance.randrange(6):
                case 0:
                    line |= {"kind": "delete", "value": ABSENT}
                    call = client.Delete(key=key)
                case 1 | 2:
                    line |= {"kind": "cas", "expected": seen[key]}
                    call = client.CompareAndSet(
                        key=key, new_value=str(line["value"]),
                        **({"value": str(seen[key])} if seen[key] else {"absent": True}))
                case _:
                    line |= {"kind": "put"}
                    call = client.Put(key=key, value=str(line["value"]))
            if not await self._carry_out(line, call):
                continue
            if line.get("applied", True):
                seen[key] = line["value"]
            else:
                with contextlib.suppress(firn.Unavailable):
                    seen[key] = await self._look(client, key, {})

    async def _carry_out(self, line, call):
        """Whether it was answered."""
        try:
            response = await call
        except firn.UnknownOutcome:
            self.lines.append(line)
            return False
        except (firn.Unavailable, firn.Refused):
            return False  # Certainly not done: as if it had never been asked for.
        line["end"] = time.monotonic_ns()
        if line["kind"] == "cas":
            line["applied"] = response.applied
        self.lines.append(line)
        self.writes += 1
        self._acknowledged_at.append(line["end"])
        return True

    async def _read(self, client, chance, endpoint):
        while not self._is_over:
            with contextlib.suppress(firn.Unavailable, firn.Refused):
                await self._look(client, self._key(chance),
                                 {"endpoint": endpoint, "timeout": READ_SECONDS_MAX})

    async def _look(self, client, key, how):
        start = time.monotonic_ns()
        response = await client.Get(key=key, **how)
        value = int(response.value) if response.found else ABSENT
        self.lines.append({"key": key, "kind": "get", "value": value, "start": start,
                           "end": time.monotonic_ns()})
        return value
