# SPDX-License-Identifier: Apache-2.0
"""firn bench cluster: its rows and its JSON are complete, and it leaves nothing behind."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

from firn_process import PROGRAM, SECONDS_MAX, run

FIGURES = {"operations_per_second", "keys_per_second", "p50_us", "p99_us", "p999_us", "max_us",
           "server_cpu_us_per_op", "client_cpu_us_per_op", "client_cpu_share", "resident_peak_mib",
           "written_bytes_per_op", "sync_p50_us", "sync_p99_us", "seconds", "missing"}
SMALL = ["--peer", "none", "--nodes", "1", "--keys", "1000", "--warm-up", "0"]


class BenchCluster(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.TemporaryDirectory()
        self.directory = os.path.join(self.parent.name, "data")
        self.json = os.path.join(self.parent.name, "rows.json")

    def tearDown(self):
        if os.path.exists(self.directory):
            self.assertEqual(os.listdir(self.directory), [])
        self.parent.cleanup()

    def test_every_row_has_all_its_figures(self):
        done = run("bench", "cluster", *SMALL, "--workload", "put,get,batch,mixed",
                   "--in-flight", "1,8", "--seconds", "60", "--operations", "50",
                   "--data", self.directory, "--json", self.json)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.json, encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual(set(report), {"machine", "file_system", "versions", "options", "seed",
                                       "runs", "medians"})
        names = [f"{workload} {count}" for workload in ("put", "get", "batch", "mixed")
                 for count in (1, 8)]
        self.assertEqual([row["name"] for row in report["runs"]], names)
        self.assertEqual([row["name"] for row in report["medians"]], names)
        for row in report["runs"]:
            figures = row["figures"]
            self.assertLessEqual(FIGURES, set(figures), row["name"])
            self.assertEqual(row["errors"], {})
            self.assertEqual(figures["missing"], 0)
            self.assertGreater(figures["operations_per_second"], 0)
            self.assertLessEqual(figures["p50_us"], figures["max_us"])
            self.assertIn(row["name"], done.stdout)

    def test_a_node_that_was_killed_comes_back(self):
        done = run("bench", "cluster", *SMALL, "--workload", "restart", "--rounds", "1",
                   "--seconds", "0.1", "--data", self.directory, "--json", self.json)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.json, encoding="utf-8") as file:
            row, = json.load(file)["runs"]
        self.assertGreater(row["figures"]["restart_ms"], 0)

    def test_an_interrupt_reports_what_there_is_and_leaves_nothing(self):
        arguments = [PROGRAM, "bench", "cluster", *SMALL, "--workload", "put", "--in-flight", "4",
                     "--seconds", "3600", "--data", self.directory]
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as bench:
            for line in bench.stderr:
                if "put 4" in line:
                    break
            bench.send_signal(signal.SIGINT)
            rest = bench.stderr.read()
            self.assertEqual(bench.wait(SECONDS_MAX), 1, rest)
            self.assertIn("told to stop", rest)

    def test_what_makes_no_sense_is_refused(self):
        for arguments in (["--workload", "dance"], ["--nodes", "0"], ["extra"],
                          ["--batch", "9", "--keys", "8"]):
            done = run("bench", "cluster", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_a_peer_that_is_not_there_is_named_with_what_to_do(self):
        done = run("bench", "cluster", "--firn", "false", "--etcd", "/nowhere/etcd",
                   "--data", self.directory)
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install etcd-server", done.stderr)


if __name__ == "__main__":
    unittest.main()
