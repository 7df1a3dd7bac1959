# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of a stream: every write that was answered is there after a start.

FIRN_SOAK_MINUTES makes the rounds go on for so long.
"""
import os
import random
import tempfile
import threading
import time
import unittest

from firn_process import Node

ROUNDS = 6
BATCH = 4000


class Kill(unittest.TestCase):
    def setUp(self):
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.directory = os.path.join(parent.name, "data")
        self.seed = int(os.environ.get("FIRN_SEED", time.time_ns() % 2**32))
        self.random = random.Random(self.seed)
        # What a key may hold: the last answered value and those sent after it. None: absent.
        self.possible = {}

    def stream(self, node):
        """Writes a batch from another thread; returns the operations in order."""
        operations = []
        for _ in range(BATCH):
            key = f"key{self.random.randrange(3000)}"
            deletes = self.random.random() < 0.1
            value = None if deletes else f"{self.random.getrandbits(64):x}" * 20
            operations.append((key, value))

        def write():
            try:
                for key, value in operations:
                    if value is None:
                        node.send(type="memtable_delete", key=key)
                    else:
                        node.send(type="memtable_put", key=key, value=value)
                node.process.stdin.flush()
            except OSError:
                pass  # It was killed.

        writer = threading.Thread(target=write)
        writer.start()
        return writer, operations

    def play_round(self):
        with Node(self.directory) as node:
            node.init()
            self.check(node)
            node.ask(type="sstable_flush", memtable_size_bytes=200_000)
            writer, operations = self.stream(node)
            answered = 0
            for _ in range(self.random.randrange(BATCH)):
                self.assertIn(node.receive()["type"], ("memtable_put_ok", "memtable_delete_ok"))
                answered += 1
            node.process.kill()
            # Answers that were on their way count too.
            while node.receive() is not None:
                answered += 1
            writer.join()
        for number, (key, value) in enumerate(operations):
            if number < answered:
                self.possible[key] = [value]
            else:
                self.possible.setdefault(key, [None]).append(value)
        return answered

    def check(self, node):
        found = {e["key"]: e["value"] for e in node.ask(type="memtable_scan")["entries"]}
        for key, values in self.possible.items():
            self.assertIn(found.get(key), values, f"{key}, seed {self.seed}")
            self.possible[key] = [found.get(key)]
        self.assertLessEqual(found.keys(), self.possible.keys(), f"seed {self.seed}")
        if found:
            key = self.random.choice(sorted(found))
            self.assertEqual(node.ask(type="memtable_get", key=key)["value"], found[key])

    def test_no_answered_write_is_lost(self):
        end = time.monotonic() + 60 * float(os.environ.get("FIRN_SOAK_MINUTES", 0))
        rounds = answered = 0
        while rounds < ROUNDS or time.monotonic() < end:
            answered += self.play_round()
            rounds += 1
        with Node(self.directory) as node:
            node.init()
            self.check(node)
            self.assertEqual(node.finish(), 0, node.report())
        print(f"{rounds} kills, {answered} answered writes, all there; seed {self.seed}")
        self.assertGreater(answered, 0)

    def test_no_answered_log_entry_is_lost(self):
        offsets = {}
        for number in range(4):
            with Node(self.directory) as node:
                node.init()
                for offset, payload in offsets.items():
                    entry = node.ask(type="wal_read", offset=offset)
                    self.assertEqual((entry["payload"], entry["checksum_valid"]), (payload, True))
                for i in range(5):
                    payload = f"set round{number}={i}"
                    offsets[node.ask(type="wal_append", payload=payload)["offset"]] = payload
                node.send(type="wal_append", payload="perhaps")
                node.process.stdin.flush()
                node.process.kill()
                while (answer := node.receive()) is not None:
                    offsets[answer["offset"]] = "perhaps"
        self.assertGreaterEqual(len(offsets), 20)


if __name__ == "__main__":
    unittest.main()
