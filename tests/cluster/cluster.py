# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes: `firn serve` on loopback or on hosts of a network that can be cut,
on ports that the system chose, in a temporary directory. Ends exactly what it started, also when a
test fails; every wait has a limit; a node that outlives the test's process is killed by the kernel.

FIRN_PROGRAM in the environment names the program."""
import asyncio
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import firn

PROGRAM = os.environ.get("FIRN_PROGRAM", "build/dev/bin/firn")
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def die_with_the_test():
    """To be called in the child of a fork."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Loopback:
    """The place of a node that shares the network of the test."""
    addresses = {"client": "127.0.0.1:0", "peer": "127.0.0.1:0", "http": "127.0.0.1:0"}

    def enter(self):
        pass


class NotReady(Exception):
    """A node ended, or did not serve in time; the text holds what it wrote."""


class Node:
    """One process and its directory. The addresses are those of its first start, ever after; the
    process enters its place before it becomes the node."""

    def __init__(self, directory, settings, place):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.settings = settings
        self.process = None
        self.place = place
        self.addresses = dict(place.addresses)
        self._ready_file = self.directory / "ready"
        self._log = self.directory / "log"

    @property
    def client_address(self):
        return self.addresses["client"]

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self, join=""):
        assert not self.is_running
        self._ready_file.unlink(missing_ok=True)
        arguments = {"data": self.directory / "data", "ready-file": self._ready_file,
                     "listen": self.addresses["client"], "peer-listen": self.addresses["peer"],
                     "http-listen": self.addresses["http"], **self.settings}
        if join:
            arguments["join"] = join
        words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("FIRN_")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, preexec_fn=self._prepare)

    def _prepare(self):
        die_with_the_test()
        self.place.enter()

    async def ready(self):
        """Returns once the node serves."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self._ready_file.exists():
            if self.process.poll() is not None:
                raise NotReady(f"the node ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise NotReady(f"the node does not serve:\n{self.log()}")
            await asyncio.sleep(POLL_SECONDS)
        self.addresses.update(json.loads(self._ready_file.read_text()))
        return self

    def kill(self):
        """As kill -9. Returns when the process is gone."""
        if self.is_running:
            self.process.kill()
        if self.process is not None:
            self.process.wait(STOP_SECONDS_MAX)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        """As its operator would stop it. Returns the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS_MAX)


class Cluster:
    """Nodes, of which the first began the cluster and the others joined it. Settings are those of
    `firn serve`, with _ for -; `settings_of` gives those of the node with a number, from 1, `place`
    where it lives. `tls` is what clients need."""

    def __init__(self, *, place=Loopback, settings_of=lambda number: {}, tls=None, **settings):
        self.settings = {name.replace("_", "-"): value for name, value in settings.items()}
        self.nodes = []
        self._place = place
        self._settings_of = settings_of
        self._tls = tls
        self._parent = tempfile.TemporaryDirectory(prefix="firn-cluster-")

    @property
    def endpoints(self):
        return [node.client_address for node in self.nodes]

    def client(self, **options):
        return firn.Client(self.endpoints, tls=self._tls, **options)

    async def leader(self):
        """The node that leads, as soon as one does."""
        async with self.client(timeout=READY_SECONDS_MAX) as client:
            return self.node_at((await client.follow_leader()).leader)

    async def grow(self, size):
        """Adds nodes, one after another, until there are so many and all have their votes."""
        while len(self.nodes) < size:
            number = len(self.nodes) + 1
            directory = pathlib.Path(self._parent.name) / f"node{number}"
            node = Node(directory, {**self.settings, **self._settings_of(number)}, self._place())
            join = self.nodes[0].client_address if self.nodes else ""
            self.nodes.append(node)
            node.start(join)
            await node.ready()
        await self._all_vote()
        return self

    async def _all_vote(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        async with self.client() as client:
            while True:
                await client.follow_leader()
                members = (await client.GetStatus()).members
                if sum(not member.is_learner for member in members) == len(self.nodes):
                    return
                if time.monotonic() > deadline:
                    raise NotReady(f"not all nodes have their votes: {members}")
                await asyncio.sleep(POLL_SECONDS)

    def node_at(self, client_address):
        return next(node for node in self.nodes if node.client_address == client_address)

    def end(self):
        """Kills what is left of it and removes its directories."""
        for node in self.nodes:
            node.kill()
        self._parent.cleanup()
