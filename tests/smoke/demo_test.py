# SPDX-License-Identifier: Apache-2.0
"""firn demo: its script is carried out, its figures add up, and it leaves nothing behind."""
import os
import re
import select
import signal
import subprocess
import tempfile
import unittest

from firn_process import PROGRAM, SECONDS_MAX, run


def processes_of(directory):
    """The processes whose command line names the directory."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as command:
                if directory.encode() in command.read() and int(process) != os.getpid():
                    found.append(int(process))
        except OSError:
            pass  # It has ended meanwhile.
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.TemporaryDirectory()
        self.directory = os.path.join(self.parent.name, "demo")

    def tearDown(self):
        self.assertEqual(processes_of(self.directory), [])
        self.parent.cleanup()

    def test_a_killed_leader_costs_no_write(self):
        done = run("demo", "--data", self.directory, "--nodes", "3", "--script",
                   "wait 1; kill leader; wait 3; restart; pause follower; wait 1; restart; wait 1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"node \d, the leader, was killed\n")
        last = done.stdout.splitlines()[-1]
        figures = re.match(r"acknowledged (\d+), lost 0, unavailable (\d+) ms", last)
        self.assertIsNotNone(figures, last)
        self.assertGreater(int(figures[1]), 0)
        self.assertGreater(int(figures[2]), 0)

    def test_an_interrupt_leaves_nothing_running(self):
        demo = subprocess.Popen([PROGRAM, "demo", "--data", self.directory, "--nodes", "3"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with demo:
            for line in demo.stdout:
                if "acknowledged" in line:
                    break
            self.assertEqual(len(processes_of(self.directory)), 4)
            demo.send_signal(signal.SIGINT)
            rest = demo.stdout.read()
            self.assertEqual(demo.wait(SECONDS_MAX), 0, rest)
            self.assertIn("lost 0", rest)

    def test_a_killed_demo_takes_its_nodes_along(self):
        demo = subprocess.Popen([PROGRAM, "demo", "--data", self.directory, "--nodes", "1"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with demo:
            self.assertIn("node 1 serves", demo.stdout.readline())
            node, = [process for process in processes_of(self.directory) if process != demo.pid]
            ended = os.pidfd_open(node)
            try:
                demo.kill()
                demo.wait(SECONDS_MAX)
                self.assertTrue(select.select([ended], [], [], SECONDS_MAX)[0])
            finally:
                os.close(ended)

    def test_what_makes_no_sense_is_refused(self):
        for arguments in (["--script", "kill nobody"], ["--nodes", "0"], ["--nodes", "10"],
                          ["--writers", "0"], ["--seconds", "-1"], ["extra"]):
            done = run("demo", "--data", self.directory, *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "", arguments)


if __name__ == "__main__":
    unittest.main()
