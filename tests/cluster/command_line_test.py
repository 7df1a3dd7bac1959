# SPDX-License-Identifier: Apache-2.0
"""The verbs of the command line against a cluster of real processes. What they write in every case
stands in docs/protocol/cli.md; here they have to agree with the nodes."""
import json
import os
import subprocess

import pytest

from cluster import PROGRAM

SECONDS_MAX = 60
DONE, ANSWER_IS_NO, MAKES_NO_SENSE, REFUSED = 0, 1, 2, 4


@pytest.fixture(name="firn")
def _firn(cluster):
    """Runs a verb as JSON, through the node that knows least: the last. Returns exit code and
    what it wrote, one value a line."""
    def run(*arguments, given=b"", exit_code=DONE):
        done = subprocess.run([PROGRAM, *arguments, "--json"], input=given, capture_output=True,
                              timeout=SECONDS_MAX, check=False,
                              env={**os.environ, "FIRN_ENDPOINTS": cluster.endpoints[-1]})
        assert done.returncode == exit_code, (arguments, done.stdout, done.stderr)
        values = [json.loads(line) for line in done.stdout.splitlines()]
        return values[0] if len(values) == 1 else values
    return run


async def test_keys_are_put_read_compared_and_deleted(firn):
    assert firn("put", "user:1", "Alice")["revision"] > 0
    assert firn("get", "user:1")["value"] == "Alice"
    assert firn("get", "user:2", exit_code=ANSWER_IS_NO) == {"found": False}
    revision = firn("cas", "user:1", "--if-value", "Alice", "Bob")["revision"]
    assert not firn("cas", "user:1", "--if-absent", "x", exit_code=ANSWER_IS_NO)["applied"]
    assert firn("cas", "user:1", "--if-revision", str(revision), "--delete")["applied"]
    firn("get", "user:1", exit_code=ANSWER_IS_NO)
    firn("del", "user:1")


async def test_any_bytes_go_there_and_back(firn):
    value = bytes(range(256)) * 4
    firn("put", "any\\x00key", given=value)
    assert bytes.fromhex(firn("get", "--hex", b"any\0key".hex())["value"]) == value


async def test_batches_are_scanned_in_order(firn):
    firn("batch", given=b"put a 1\nput b two\\x20words\nput c 3\ndel a\n")
    firn("batch", given=b"put a 1\nnonsense\n", exit_code=MAKES_NO_SENSE)
    assert firn("scan", "a", "d") == [{"key": "b", "value": "two words"},
                                      {"key": "c", "value": "3"}]
    assert firn("scan", "--reverse", "--keys-only", "--limit", "1") == {"key": "c"}
    assert firn("scan", "--prefix", "b", "--stale", "0")["key"] == "b"


async def test_a_long_scan_has_many_pages(firn):
    lines = [f"put key{i:05} {'v' * 500}" for i in range(20000)]
    for start in range(0, len(lines), 2000):
        firn("batch", given="\n".join(lines[start:start + 2000]).encode())
    assert [entry["key"] for entry in firn("scan", "--keys-only")] == [
        f"key{i:05}" for i in range(20000)]
    assert len(firn("scan", "--limit", "15000")) == 15000


async def test_stores_are_flushed_compacted_and_described(firn, cluster):
    firn("put", "a", "1")
    node = cluster.endpoints[0]
    assert firn("flush", "--node", node)["entries"] > 0
    assert firn("compact", "--node", node, "--all")["tables_read"] > 0
    levels = firn("levels", "--node", node)["levels"]
    assert len(levels) == 7 and not levels[0]["sstables"]
    assert firn("stats", "--node", node)["memory_budget"] > 0


async def test_the_cluster_is_described_and_changed(firn, cluster):
    size = len(cluster.nodes)
    status = firn("status")
    assert len(status["nodes"]) == size and all(node["reachable"] for node in status["nodes"])
    members = firn("members")
    assert sorted(member["client_address"] for member in members["members"]) == sorted(
        cluster.endpoints)
    leader = members["leader_id"]
    if size == 1:
        firn("transfer", exit_code=REFUSED)
        return
    other = next(member["node_id"] for member in members["members"] if member["node_id"] != leader)
    assert firn("transfer", str(other)) == {"leader_id": other}
    firn("remove-member", str(leader))
    assert len(firn("members")["members"]) == size - 1
    firn("promote", str(leader), exit_code=REFUSED)
    firn("put", "still", "works")
