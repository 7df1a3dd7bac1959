# SPDX-License-Identifier: Apache-2.0
"""A million puts at full speed. The rate is printed, not judged: machines differ. Memory is judged.

FIRN_STREAM_LINES changes the number.
"""
import json
import os
import subprocess
import tempfile
import time
import unittest

from firn_process import INIT, PROGRAM, line_of

LINES = int(os.environ.get("FIRN_STREAM_LINES", 1_000_000))
# The node's budget is 256 MiB and a quarter more; sanitizers and mapped log pages take their share.
RESIDENT_BYTES_MAX = 1 << 30


class Stream(unittest.TestCase):
    def test_streams_through_in_bounded_memory(self):
        with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as answers:
            lines.write(line_of({"msg_id": 0, **INIT}))
            step = 7_368_787  # A prime: visits the keys in an order that looks random.
            for i in range(1, LINES + 1):
                lines.write(b'{"src":"c1","dest":"n1","body":{"type":"memtable_put","msg_id":%d,'
                            b'"key":"user:%07d","value":"value of %d, padded to a hundred bytes '
                            b'%s"}}\n' % (i, i * step % LINES, i, b"." * 60))
            lines.seek(0)
            start = time.monotonic()
            process = subprocess.Popen([PROGRAM, "node"], stdin=lines, stdout=answers)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - start
            self.assertEqual(process.returncode, 0)
            print(f"{LINES} lines in {seconds:.2f} s, {LINES / seconds:,.0f} lines/s, "
                  f"{usage.ru_maxrss / 1024:.0f} MiB resident at most")
            self.assertLess(usage.ru_maxrss * 1024, RESIDENT_BYTES_MAX)
            answers.seek(0)
            self.check(answers)

    def check(self, answers):
        count = -1
        for count, line in enumerate(answers):
            if count > 0:
                self.assertIn(b'"type": "memtable_put_ok", "in_reply_to": %d,' % count, line)
        self.assertEqual(count, LINES)
        self.assertEqual(json.loads(line)["body"]["msg_id"], LINES)


if __name__ == "__main__":
    unittest.main()
