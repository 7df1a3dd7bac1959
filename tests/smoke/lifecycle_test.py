# SPDX-License-Identifier: Apache-2.0
"""How a node begins and ends: end of input, signals, its temporary directory, answers at once."""
import os
import signal
import tempfile
import unittest

from firn_process import Node, SECONDS_MAX


class Lifecycle(unittest.TestCase):
    def setUp(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.parent = parent.name

    def temporary(self):
        return os.listdir(self.parent)

    def test_the_end_of_input_is_the_end_and_leaves_nothing(self):
        with Node(TMPDIR=self.parent) as node:
            node.init()
            node.ask(type="memtable_put", key="a", value="1")
            node.ask(type="sstable_flush")
            self.assertEqual(len(self.temporary()), 1)
            self.assertEqual(node.finish(), 0, node.report())
            self.assertEqual(self.temporary(), [])
            self.assertEqual(node.report(), "")

    def test_signals_end_it_cleanly(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number), Node(TMPDIR=self.parent) as node:
                node.init()
                node.ask(type="wal_append", payload="x")
                node.process.send_signal(number)
                self.assertEqual(node.process.wait(SECONDS_MAX), 0, node.report())
                self.assertEqual(self.temporary(), [])
                self.assertIsNone(node.receive())

    def test_a_signal_in_mid_stream_keeps_what_was_answered(self):
        directory = os.path.join(self.parent, "data")
        with Node(directory) as node:
            node.init()
            for i in range(1000):
                node.send(type="memtable_put", key=f"{i:04}", value="v")
            node.process.stdin.flush()
            answered = 0
            while answered < 10:
                self.assertEqual(node.receive()["type"], "memtable_put_ok")
                answered += 1
            node.process.send_signal(signal.SIGTERM)
            while node.receive() is not None:
                answered += 1
            self.assertEqual(node.process.wait(SECONDS_MAX), 0, node.report())
        with Node(directory) as node:
            node.init()
            entries = node.ask(type="memtable_scan")["entries"]
            self.assertEqual([entry["key"] for entry in entries],
                             [f"{i:04}" for i in range(answered)])

    def test_a_signal_gets_through_while_nobody_reads_the_answers(self):
        with Node(TMPDIR=self.parent) as node:
            node.init()
            node.ask(type="memtable_put", key="large", value="v" * (4 << 20))
            node.send(type="memtable_get", key="large")
            node.process.stdin.flush()
            # One byte shows that the node is in the middle of the answer, which no pipe holds.
            self.assertEqual(node.process.stdout.read(1), b"{")
            node.process.send_signal(signal.SIGTERM)
            self.assertEqual(node.process.wait(SECONDS_MAX), 1)
            self.assertIn("answers that nobody read", node.report())
            self.assertEqual(self.temporary(), [])

    def test_a_reader_that_goes_away_ends_it_with_an_error(self):
        with Node(TMPDIR=self.parent) as node:
            node.init()
            node.process.stdout.close()
            node.send(type="lsm_level_info")
            node.process.stdin.flush()
            self.assertEqual(node.process.wait(SECONDS_MAX), 1)
            self.assertIn("write standard output", node.report())
            self.assertEqual(self.temporary(), [])

    def test_a_directory_in_use_is_refused(self):
        directory = os.path.join(self.parent, "data")
        with Node(directory) as first:
            first.init()
            with Node(directory) as second:
                self.assertEqual(second.process.wait(SECONDS_MAX), 1)
                self.assertIn("busy: ", second.report())
            self.assertEqual(first.ask(type="memtable_put", key="a", value="1")["size_bytes"], 2)

    def test_a_named_directory_stays(self):
        directory = os.path.join(self.parent, "data")
        for expected in (None, "1", "1"):
            with Node(directory) as node:
                node.init()
                self.assertEqual(node.ask(type="memtable_get", key="a")["value"], expected)
                node.ask(type="memtable_put", key="a", value="1")
                self.assertEqual(node.finish(), 0, node.report())


if __name__ == "__main__":
    unittest.main()
