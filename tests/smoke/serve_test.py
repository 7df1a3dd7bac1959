# SPDX-License-Identifier: Apache-2.0
"""`firn serve` as a process: how it starts, says so, stops when told to, and what it still knows
after kill -9. Every wait has a limit; a server that outlives its test is killed."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import grpc

from firn.v1 import cluster_pb2, cluster_pb2_grpc, kv_pb2, kv_pb2_grpc

PROGRAM = os.environ.get("FIRN_PROGRAM", "build/dev/bin/firn")
SECONDS_MAX = 60
POLL_SECONDS = 0.02
ANY_PORT = "127.0.0.1:0"


def clean_environment(**more):
    """Without the variables of the tests, which a server would take for settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIRN_")}
    return {**kept, **more}


class Server:
    """A running server in `directory`."""

    def __init__(self, directory, *arguments, **environment):
        self.ready_file = pathlib.Path(directory, "ready")
        self.ready_file.unlink(missing_ok=True)
        self.reports = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--data", os.path.join(directory, "data"), "--listen", ANY_PORT,
             "--peer-listen", ANY_PORT, "--http-listen", "", "--tick", "10ms",
             "--ready-file", str(self.ready_file), *arguments],
            stdin=subprocess.DEVNULL, stdout=self.reports, stderr=self.reports,
            env=clean_environment(**environment))
        self.channel = None

    def __enter__(self):
        deadline = time.monotonic() + SECONDS_MAX
        while not self.ready_file.exists():
            assert self.process.poll() is None, self.report()
            assert time.monotonic() < deadline, self.report()
            time.sleep(POLL_SECONDS)
        self.ready = json.loads(self.ready_file.read_text())
        self.channel = grpc.insecure_channel(self.ready["client"])
        self.kv = kv_pb2_grpc.KVServiceStub(self.channel)
        self.cluster = cluster_pb2_grpc.ClusterServiceStub(self.channel)
        return self

    def __exit__(self, *unused):
        if self.channel:
            self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS_MAX)
        self.reports.close()

    def report(self):
        self.reports.seek(0)
        return self.reports.read().decode(errors="replace")

    def put(self, key, value):
        """Once the node leads."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                return self.kv.Put(kv_pb2.PutRequest(key=key, value=value), timeout=SECONDS_MAX)
            except grpc.RpcError as error:
                reason = dict(error.trailing_metadata()).get("firn-reason")
                if reason != "NO_LEADER" or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def get(self, key):
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                return self.kv.Get(kv_pb2.GetRequest(key=key), timeout=SECONDS_MAX)
            except grpc.RpcError as error:
                reason = dict(error.trailing_metadata()).get("firn-reason")
                if reason != "NO_LEADER" or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(SECONDS_MAX)


class Serve(unittest.TestCase):
    def setUp(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.directory = parent.name

    def test_what_was_put_is_there_after_a_clean_stop(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                with Server(self.directory) as server:
                    server.put(b"hello", b"world")
                    self.assertEqual(server.get(b"hello").value, b"world")
                    self.assertEqual(server.stop(number), 0, server.report())
                with Server(self.directory) as server:
                    self.assertEqual(server.get(b"hello").value, b"world")

    def test_process_durability_survives_kill_9_and_says_when_the_machine_has_not(self):
        process = ("--durability", "process")
        for number in range(2):
            with Server(self.directory, *process) as server:
                if number > 0:
                    self.assertEqual(server.get(b"hello").value, b"world")
                server.put(b"hello", b"world")
                status = server.cluster.GetStatus(cluster_pb2.GetStatusRequest())
                self.assertEqual(status.durability, "process")
                server.stop(signal.SIGKILL)
        data = pathlib.Path(self.directory, "data")
        [mark] = data.glob("UNSYNCED-*")
        mark.rename(data / "UNSYNCED-of-another-run")
        with Server(self.directory) as server:
            self.assertEqual(server.get(b"hello").value, b"world")
            self.assertIn("the machine has started again", server.report())
            self.assertEqual(list(data.glob("UNSYNCED-*")), [])

    def test_every_acknowledged_put_is_there_after_kill_9(self):
        written = 0
        for _ in range(3):
            with Server(self.directory) as server:
                for i in range(written):
                    self.assertEqual(server.get(b"key%d" % i).value, b"value%d" % i)
                for _ in range(100):
                    server.put(b"key%d" % written, b"value%d" % written)
                    written += 1
                server.process.kill()
                server.process.wait(SECONDS_MAX)

    def test_puts_under_way_at_a_stop_are_answered_or_refused_and_none_is_lost(self):
        with Server(self.directory) as server:
            server.put(b"warm", b"up")
            calls = [server.kv.Put.future(kv_pb2.PutRequest(key=b"k%d" % i, value=b"v"),
                                          timeout=SECONDS_MAX) for i in range(200)]
            self.assertEqual(server.stop(), 0, server.report())
            acknowledged = [i for i, call in enumerate(calls) if call.exception() is None]
        with Server(self.directory) as server:
            for i in acknowledged:
                self.assertTrue(server.get(b"k%d" % i).found, i)

    def test_the_same_node_comes_back_on_the_same_ports(self):
        with Server(self.directory) as first:
            self.assertEqual(first.stop(), 0)
            ready = first.ready
        with Server(self.directory) as second:
            for name in ("cluster", "node", "client", "peer"):
                self.assertEqual(second.ready[name], ready[name])

    def test_a_directory_in_use_is_refused_with_a_reason(self):
        with Server(self.directory):
            other = subprocess.run(
                [PROGRAM, "serve", "--data", os.path.join(self.directory, "data"), "--listen",
                 ANY_PORT, "--peer-listen", ANY_PORT, "--http-listen", ""],
                env=clean_environment(), capture_output=True, text=True, timeout=SECONDS_MAX,
                check=False)
            self.assertEqual(other.returncode, 1)
            self.assertIn("firn serve: ", other.stderr)

    def test_settings_that_make_no_sense_are_a_matter_of_usage(self):
        for arguments, environment, told in (
                (["--lisen", "x"], {}, "--lisen"),
                (["--memory", "lots"], {}, "64MiB"),
                (["--listen", "192.0.2.1:1"], {}, "TLS"),
                ([], {"FIRN_MEMROY": "1GiB"}, "FIRN_MEMORY")):
            with self.subTest(arguments=arguments, environment=environment):
                run = subprocess.run([PROGRAM, "serve", *arguments], capture_output=True,
                                     env=clean_environment(**environment), text=True,
                                     timeout=SECONDS_MAX, check=False, cwd=self.directory)
                self.assertEqual(run.returncode, 2, run.stderr)
                self.assertIn(told, run.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_config_show_tells_where_values_come_from(self):
        path = pathlib.Path(self.directory, "firn.toml")
        path.write_text('memory = "1GiB"\n')
        run = subprocess.run([PROGRAM, "config", "show", "--config", str(path), "--data", "here"],
                             env=clean_environment(FIRN_DRAIN="3s"), capture_output=True,
                             text=True, timeout=SECONDS_MAX, check=True)
        lines = {line.split(" = ")[0]: line for line in run.stdout.splitlines()}
        self.assertIn('"1GiB"', lines["memory"])
        self.assertIn(f"file {path}", lines["memory"])
        self.assertIn("environment FIRN_DRAIN", lines["drain"])
        self.assertIn("flag --data", lines["data"])
        self.assertIn("# default", lines["listen"])
        path.write_text(run.stdout)  # The file takes back what was shown.
        again = subprocess.run([PROGRAM, "config", "show", "--config", str(path)],
                               env=clean_environment(), capture_output=True, text=True,
                               timeout=SECONDS_MAX, check=True)
        self.assertEqual([line.split("  #")[0].strip() for line in again.stdout.splitlines()],
                         [line.split("  #")[0].strip() for line in run.stdout.splitlines()])

    def test_the_service_manager_is_told(self):
        path = os.path.join(self.directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(SECONDS_MAX)
            with Server(self.directory, NOTIFY_SOCKET=path) as server:
                self.assertEqual(manager.recv(100), b"READY=1")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_three_nodes_survive_the_kill_of_one(self):
        servers = []
        try:
            first = Server(self.directory).__enter__()
            servers.append(first)
            first.put(b"k", b"v")
            for name in ("second", "third"):
                directory = os.path.join(self.directory, name)
                os.mkdir(directory)
                servers.append(Server(directory, "--join", first.ready["client"]).__enter__())
            deadline = time.monotonic() + SECONDS_MAX
            while sum(not member.is_learner for member in first.cluster.GetStatus(
                    cluster_pb2.GetStatusRequest(), timeout=SECONDS_MAX).members) < 3:
                self.assertLess(time.monotonic(), deadline, [s.report() for s in servers])
                time.sleep(POLL_SECONDS)
            first.put(b"k2", b"v2")
            first.process.kill()
            self.assertEqual(servers[1].get(b"k2").value, b"v2")
            servers[2].put(b"k3", b"v3")
            self.assertEqual(servers[1].get(b"k3").value, b"v3")
            for server in servers[1:]:
                server.process.terminate()
            for server in servers[1:]:
                self.assertEqual(server.process.wait(SECONDS_MAX), 0, server.report())
        finally:
            for server in servers:
                server.__exit__()


if __name__ == "__main__":
    unittest.main()
