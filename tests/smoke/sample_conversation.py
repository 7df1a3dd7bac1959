#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a conversation with `firn node`: what is asked, what is answered, and what it shows.

Usage: sample_conversation.py PROGRAM. Exits with 1 if an answer is an error or is missing.
"""
import json
import os
import subprocess
import sys

INIT = ("A node is told its name.",
        [{"type": "init", "node_id": "n1", "node_ids": ["n1"]}])

CONVERSATION = [
    INIT,
    ("Writes go to a memtable, and reads look there first.",
     [{"type": "memtable_put", "key": "user:1", "value": "Alice"},
      {"type": "memtable_put", "key": "user:3", "value": "Bob"},
      {"type": "memtable_put", "key": "user:42", "value": "Zo\u00eb \U0001f600"},
      {"type": "memtable_get", "key": "user:1"},
      {"type": "memtable_get", "key": "nonexistent"},
      {"type": "memtable_scan", "start": "user:1", "end": "user:5"},
      {"type": "memtable_delete", "key": "user:3"},
      {"type": "memtable_scan", "start": "user:1", "end": "user:5"}]),
    ("A flush makes it a table: a sorted file with a Bloom filter and a sparse index.",
     [{"type": "sstable_flush", "memtable_size_bytes": 4194304},
      {"type": "sstable_lookup", "sstable": "L0_001.sst", "key": "user:42"},
      {"type": "sstable_lookup", "sstable": "L0_001.sst", "key": "user:2"}]),
    ("Tables sink through levels as compactions merge them.",
     [{"type": "memtable_put", "key": "user:42", "value": "Yves"},
      {"type": "sstable_flush"},
      {"type": "lsm_read", "key": "user:42"},
      {"type": "lsm_compact", "source_level": 0, "target_level": 1},
      {"type": "lsm_read", "key": "user:42"},
      {"type": "lsm_compact_status"},
      {"type": "lsm_level_info"}]),
    ("A plain log beside the store, for exercises.",
     [{"type": "wal_append", "payload": "set x=1"},
      {"type": "wal_read", "offset": 0},
      {"type": "wal_info"},
      {"type": "wal_recover", "wal_entries": [
          {"offset": 0, "payload": "set x=1", "checksum": "valid"},
          {"offset": 15, "payload": "set y=2", "checksum": "invalid"}]}]),
    ("Everything is counted where it happens.", [{"type": "stats"}]),
]


def farewell(program):
    init = json.dumps({"src": "c1", "dest": "n1", "body": {"msg_id": 1, **INIT[1][0]}})
    put = json.dumps({"src": "c1", "dest": "n1", "body": {
        "msg_id": 2, "type": "memtable_put", "key": "user:1", "value": "Alice"}})
    return f"""
Talk to it yourself, one message a line; --data keeps what you write:

  {os.path.relpath(program)} node --data /tmp/firn-data
  {init}
  {put}

docs/protocol/node.md describes every message."""


def play(node):
    """Returns how many answers were wrong."""
    failures = number = 0
    for title, bodies in CONVERSATION:
        print(f"\n# {title}")
        for body in bodies:
            number += 1
            message = {"src": "c1", "dest": "n1",
                       "body": {"type": body["type"], "msg_id": number, **body}}
            node.stdin.write(json.dumps(message) + "\n")
            node.stdin.flush()
            print("→ " + json.dumps(message["body"], ensure_ascii=False))
            line = node.stdout.readline()
            answer = json.loads(line)["body"] if line else {"type": "no answer"}
            print("← " + json.dumps(answer, ensure_ascii=False))
            if answer["type"] != body["type"] + "_ok" or answer["in_reply_to"] != number:
                failures += 1
                print("  that is not the answer expected")
            if not line:
                return failures
    return failures


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding="utf-8")
    program = sys.argv[1]
    with subprocess.Popen([program, "node"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, encoding="utf-8") as node:
        failures = play(node)
        node.stdin.close()
        exit_code = node.wait(60)
    print(farewell(program))
    return 1 if failures or exit_code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
