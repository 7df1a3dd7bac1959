# SPDX-License-Identifier: Apache-2.0
"""The program under test as a process, and a client of its line protocol.

FIRN_PROGRAM in the environment names the program. Every wait has a limit; a node that outlives its
test is killed.
"""
import contextlib
import json
import os
import subprocess
import tempfile

PROGRAM = os.environ.get("FIRN_PROGRAM", "build/dev/bin/firn")
SECONDS_MAX = 120
INIT = {"type": "init", "node_id": "n1", "node_ids": ["n1"]}


def run(*arguments, program=PROGRAM, **options):
    """Runs the program to its end and returns what subprocess.run does, with text."""
    return subprocess.run([program, *arguments], capture_output=True, text=True,
                          timeout=SECONDS_MAX, check=False, **options)


def line_of(body):
    """The line that carries `body`, as bytes."""
    message = {"src": "c1", "dest": "n1", "body": body}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Node:
    """A running node. Its messages are numbered by this class."""

    def __init__(self, directory=None, **environment):
        arguments = [PROGRAM, "node"] + (["--data", directory] if directory else [])
        self.reports = tempfile.TemporaryFile()
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.reports, env={**os.environ, **environment})
        self.next_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS_MAX)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.reports.close()

    def send(self, **body):
        """Writes one message without waiting for its answer; returns its number."""
        self.next_id += 1
        self.process.stdin.write(line_of({"msg_id": self.next_id, **body}))
        return self.next_id

    def receive(self):
        """The body of the next answer, or None at the end of the output."""
        line = self.process.stdout.readline()
        return json.loads(line)["body"] if line.endswith(b"\n") else None

    def ask(self, **body):
        """Sends one message and returns the body of its answer."""
        number = self.send(**body)
        self.process.stdin.flush()
        answer = self.receive()
        assert answer is not None, "the node ended: " + self.report()
        assert answer["in_reply_to"] == number, answer
        return answer

    def init(self):
        assert self.ask(**INIT)["type"] == "init_ok"
        return self

    def finish(self):
        """Closes the input and returns the exit code."""
        self.process.stdin.close()
        return self.process.wait(SECONDS_MAX)

    def report(self):
        """What the node has written to standard error so far."""
        self.reports.seek(0)
        return self.reports.read().decode()
