# SPDX-License-Identifier: Apache-2.0
"""A network of hosts inside this machine that can be cut: every host is a network namespace with
two links, one to where clients are and one to the other hosts, each through a bridge.

            clients: this process (10.77.0.254)
    -------------------- bridge "clients" ----------
     10.77.0.1  |          10.77.0.2  |
              host 1                host 2      ...
     10.78.0.1  |          10.78.0.2  |
    -------------------- bridge "peers" ------------      "apart": a bridge for those split off

Nothing of it has a name outside of this process: the bridges are in a namespace of the process,
the hosts in namespaces of processes that die with it, so that all of it is gone when the test is,
however it ends, and two of them never meet. Needs root, and `ip` and `tc` of iproute2."""
import contextlib
import ctypes
import os
import shutil
import subprocess

from cluster import die_with_the_test

CLONE_NEWNET = 0x40000000
SECONDS_MAX = 20
CLIENTS, PEERS, APART = "clients", "peers", "apart"
# A token bucket that is smaller than any packet: all are dropped, in the one direction that a
# link's queue stands for.
NOTHING_PASSES = ("root", "tbf", "rate", "8bit", "burst", "1b", "limit", "1b")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine, or this user of it, makes no networks; the text says why."""


def _call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")


def _live_apart():
    die_with_the_test()
    _call(_LIBC.unshare, CLONE_NEWNET)


class Host:
    """A place for a node. A process enters it before it becomes the node."""

    def __init__(self, number):
        self.number = number
        client, peer = f"10.77.0.{number}", f"10.78.0.{number}"
        self.addresses = {"client": f"{client}:0", "peer": f"{peer}:0", "http": ""}
        # What keeps the namespace; the pipe tells when it is made.
        self._keeper = subprocess.Popen(["sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=_live_apart)
        self._keeper.stdout.readline()
        self._namespace = os.open(f"/proc/{self._keeper.pid}/ns/net", os.O_RDONLY)
        self._inside("ip", "link", "set", "lo", "up")
        self._join(CLIENTS, client)
        self._join(PEERS, peer)

    def enter(self):
        """The calling process is on this host from now on."""
        _call(_LIBC.setns, self._namespace, CLONE_NEWNET)

    def link(self, bridge):
        """The bridge's end of a link. It is called like the bridge in the host."""
        return f"{bridge}{self.number}"

    def _join(self, bridge, address):
        _run("ip", "link", "add", self.link(bridge), "type", "veth", "peer", "name", bridge,
             "netns", str(self._keeper.pid))
        _run("ip", "link", "set", self.link(bridge), "master", bridge, "up")
        self._inside("ip", "address", "add", f"{address}/24", "dev", bridge)
        self._inside("ip", "link", "set", bridge, "up")

    def _inside(self, *words):
        _run("nsenter", f"--net=/proc/{self._keeper.pid}/ns/net", *words)

    def unplug(self, *bridges):
        for bridge in bridges or (PEERS,):
            _run("ip", "link", "set", self.link(bridge), "down")

    def plug(self):
        """All is well again, whatever was done to this host."""
        for bridge in (CLIENTS, PEERS):
            _run("ip", "link", "set", self.link(bridge), "master", bridge, "up")
            with contextlib.suppress(Unavailable):  # There is nothing to take away.
                _run("tc", "qdisc", "delete", "dev", self.link(bridge), "root")
            with contextlib.suppress(Unavailable):
                self._inside("tc", "qdisc", "delete", "dev", bridge, "root")

    def split_off(self):
        """Only hosts that are split off too are reached."""
        _run("ip", "link", "set", self.link(PEERS), "master", APART)

    def mute(self):
        """Other hosts hear nothing of it any more, it hears them."""
        self._inside("tc", "qdisc", "add", "dev", PEERS, *NOTHING_PASSES)

    def deafen(self):
        """It hears nothing of other hosts any more, they hear it."""
        _run("tc", "qdisc", "add", "dev", self.link(PEERS), *NOTHING_PASSES)

    def end(self):
        """The namespace goes when the last process in it does, and its links with it."""
        os.close(self._namespace)
        self._keeper.kill()
        self._keeper.communicate(timeout=SECONDS_MAX)


class Network:
    def __init__(self):
        self.hosts = []

    def add_host(self):
        self.hosts.append(Host(len(self.hosts) + 1))
        return self.hosts[-1]

    def heal(self):
        for host in self.hosts:
            host.plug()

    def end(self):
        for host in self.hosts:
            host.end()
            for bridge in (CLIENTS, PEERS):
                with contextlib.suppress(Unavailable):  # The kernel was faster.
                    _run("ip", "link", "delete", host.link(bridge))
        self.hosts.clear()


def move_into_a_network():
    """Takes this process, for good, into a namespace with bridges. To be done before it has other
    threads, which would stay behind."""
    for program in ("ip", "tc", "nsenter"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program}: install iproute2 and util-linux")
    if len(os.listdir("/proc/self/task")) != 1:
        raise Unavailable("this process has threads by now: run this file of tests alone")
    try:
        _call(_LIBC.unshare, CLONE_NEWNET)
    except OSError as error:
        raise Unavailable(f"network namespaces need root: {error.strerror}") from error
    _run("ip", "link", "set", "lo", "up")
    for bridge in (CLIENTS, PEERS, APART):
        _run("ip", "link", "add", bridge, "type", "bridge")
        _run("ip", "link", "set", bridge, "up")
    _run("ip", "address", "add", "10.77.0.254/24", "dev", CLIENTS)
