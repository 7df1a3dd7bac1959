# SPDX-License-Identifier: Apache-2.0
"""Input that nobody should send: a clear answer or a report for each line, and the node lives on.

Every line of standard output is also compared with what Python's json prints for it: separators,
escapes and numbers are the same.
"""
import json
import random
import unittest

from firn_process import INIT, Node, SECONDS_MAX, line_of


def converse(data):
    """Gives a fresh node `data`; returns the bodies of its answers and its reports."""
    with Node() as node:
        # Small enough answers, so that one exchange without a second thread cannot block.
        output, _ = node.process.communicate(data, timeout=SECONDS_MAX)
        assert node.process.returncode == 0, node.report()
        lines = output.decode("ascii").splitlines()
        for line in lines:
            message = json.loads(line)
            assert json.dumps(message) == line, line[:200]
            assert list(message) == ["src", "dest", "body"], line[:200]
        return [json.loads(line)["body"] for line in lines], node.report().splitlines()


START = line_of({"msg_id": 1, **INIT})
END = line_of({"msg_id": 99, "type": "memtable_get", "key": "still there"})


class HostileInput(unittest.TestCase):
    def answer_to(self, line):
        """The answers and reports that a line gets between an init and a last message."""
        answers, reports = converse(START + line + b"\n" + END)
        self.assertEqual(answers[0]["type"], "init_ok")
        self.assertEqual(answers[-1]["in_reply_to"], 99)
        self.assertEqual([a["msg_id"] for a in answers], list(range(len(answers))))
        return answers[1:-1], reports

    def assert_refused(self, line, text):
        answers, reports = self.answer_to(line)
        self.assertEqual([(a["type"], a["code"]) for a in answers], [("error", 12)])
        self.assertIn(text, answers[0]["text"])
        self.assertEqual(reports, [])

    def assert_reported(self, line, text):
        answers, reports = self.answer_to(line)
        self.assertEqual(answers, [])
        self.assertEqual(len(reports), 1, reports)
        self.assertTrue(reports[0].startswith("firn node: line 2: "), reports)
        self.assertIn(text, reports[0])

    def test_a_line_of_16_mebibytes_is_a_line(self):
        value = "v" * (16 << 20)
        answers, reports = converse(
            START + line_of({"msg_id": 2, "type": "memtable_put", "key": "k", "value": value}) +
            line_of({"msg_id": 3, "type": "memtable_get", "key": "k"}))
        self.assertEqual(answers[1]["type"], "memtable_put_ok")
        self.assertEqual(answers[2]["value"], value)
        self.assertEqual(reports, [])

    def test_a_line_above_32_mebibytes_is_skipped(self):
        line = line_of({"msg_id": 2, "type": "memtable_put", "key": "k", "value": "v" * (33 << 20)})
        self.assert_reported(line.rstrip(), "longer than 33554432 bytes")

    def test_garbage_is_reported(self):
        for line in (b"hello", b"{", b"\x00\x01", b"\xff\xfe", b"[" * 1_000_000, b"{}",
                     b'{"src": "c1", "body": {"type": "stats"}}'):
            self.assert_reported(line, "skipped")

    def test_text_that_is_not_unicode_is_refused(self):
        body = b'{"src": "c1", "dest": "n1", "body": {"type": "memtable_put", "msg_id": 2, '
        self.assert_refused(body + b'"key": "\xff", "value": ""}}', "not UTF-8 at byte")
        self.assert_refused(body + b'"key": "\xed\xa0\x80", "value": ""}}', "not UTF-8 at byte")
        self.assert_refused(body + b'"key": "\\ud800", "value": ""}}', "lone surrogate at byte")

    def test_excess_and_ambiguity_are_refused(self):
        body = b'{"src": "c1", "dest": "n1", "body": {"type": "memtable_put", "msg_id": 2, '
        deep = b"[" * 500_000 + b"]" * 500_000
        self.assert_refused(body + b'"key": "k", "value": ' + deep + b"}}", "nested deeper")
        self.assert_refused(body + b'"key": "k", "key": "l", "value": ""}}', "appears twice")
        self.assert_refused(body + b'"key": "k", "value": [' + b"1," * 300_000 + b"1]}}",
                            "more than 262144 values")

    def test_noise_never_ends_it(self):
        noise = random.Random(5)
        line = line_of({"msg_id": 2, "type": "memtable_put", "key": "k\u00fc", "value": "v"})
        data = bytearray()
        for _ in range(2000):
            copy = bytearray(line)
            for _ in range(noise.randrange(1, 4)):
                copy[noise.randrange(len(copy))] = noise.randrange(256)
            data += copy
        answers, _ = converse(START + bytes(data) + b"\n" + END)
        self.assertEqual(answers[-1]["in_reply_to"], 99)


if __name__ == "__main__":
    unittest.main()
