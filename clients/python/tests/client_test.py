# SPDX-License-Identifier: Apache-2.0
"""What the client does for each way in which nodes fail, on scripted nodes and virtual time."""
import grpc
import pytest

import firn
from firn.diagnosis import Reason, diagnose
from firn.v1 import cluster_pb2, kv_pb2
from scripted import LOST, NO_LEADER, ScriptedWorld, fails_because, fails_with

FOUND = kv_pb2.GetResponse(found=True, value=b"v")
SESSION = kv_pb2.OpenSessionResponse(session=7)
WRITTEN = kv_pb2.PutResponse(revision=5)


def client_in(world, **options):
    return firn.Client(["a:1", "b:2", "c:3"], world=world, **options)


async def test_keys_and_values_are_text_or_bytes():
    world = ScriptedWorld(SESSION, WRITTEN, WRITTEN, FOUND)
    client = client_in(world)
    assert (await client.Put(key="schlüssel", value=b"\x00\xff")).revision == 5
    await client.Put(key=b"\xff", value="text")
    assert (await client.Get(key="k")).value == b"v"
    assert world.request(1).key == "schlüssel".encode()
    assert world.request(1).value == b"\x00\xff"
    assert world.request(2).key == b"\xff"


async def test_the_leader_is_followed_at_once_and_kept():
    world = ScriptedWorld(fails_because(Reason.NOT_LEADER, "x:9"), FOUND, FOUND)
    client = client_in(world)
    await client.Get(key="k")
    await client.Get(key="k")
    assert world.asked == ["a:1", "x:9", "x:9"]
    assert world.waits == []
    assert client.leader == "x:9"


async def test_the_others_are_asked_in_turn_while_there_is_no_leader():
    world = ScriptedWorld(NO_LEADER, LOST, fails_because(Reason.DRAINING), FOUND)
    await client_in(world).Get(key="k")
    assert world.asked == ["a:1", "b:2", "c:3", "a:1"]
    assert world.waits == pytest.approx([0.01, 0.02, 0.04])
    assert [may_forward for *_, may_forward in world.sent] == [False, False, False, True]


async def test_nodes_that_name_each_other_are_not_followed_for_ever():
    world = ScriptedWorld(*(fails_because(Reason.NOT_LEADER, node) for node in ["x:9", "y:9"] * 2),
                          FOUND)
    await client_in(world).Get(key="k")
    assert len(world.waits) == 1


async def test_time_runs_out():
    world = ScriptedWorld()
    with pytest.raises(firn.Unavailable, match="as scripted"):
        await client_in(world).Get(key="k")
    assert 9 < world.now <= 10


async def test_an_overloaded_node_is_given_the_time_it_asks_for():
    world = ScriptedWorld(fails_because(Reason.OVERLOADED, retry_after=0.7), FOUND)
    await client_in(world).Get(key="k")
    assert world.asked == ["a:1", "a:1"]
    assert world.waits[0] >= 0.7


async def test_a_write_is_sent_again_under_the_same_id():
    world = ScriptedWorld(SESSION, fails_because(Reason.OUTCOME_UNKNOWN), LOST,
                          fails_because(Reason.NODE_STOPPED), WRITTEN, WRITTEN)
    client = client_in(world)
    await client.Put(key="k", value="v")
    await client.Put(key="k", value="w")
    ids = [(request.request_id.session, request.request_id.sequence)
           for _, request, *_ in world.sent[1:]]
    assert ids == [(7, 1)] * 4 + [(7, 2)]


async def test_a_write_without_id_that_was_perhaps_done_is_not_repeated():
    world = ScriptedWorld(NO_LEADER, LOST)
    with pytest.raises(firn.UnknownOutcome):
        await client_in(world, request_ids=False).Put(key="k", value="v")
    assert len(world.sent) == 2


async def test_a_membership_change_that_was_perhaps_done_is_not_repeated():
    world = ScriptedWorld(NO_LEADER, LOST)
    with pytest.raises(firn.UnknownOutcome):
        await client_in(world).RemoveMember(node_id=3)
    assert len(world.sent) == 2


async def test_an_expired_session_is_renewed_if_nothing_was_done_under_it():
    world = ScriptedWorld(SESSION, fails_because(Reason.SESSION_EXPIRED),
                          kv_pb2.OpenSessionResponse(session=8), WRITTEN)
    await client_in(world).Put(key="k", value="v")
    assert world.request(3).request_id == kv_pb2.RequestId(session=8, sequence=1)


async def test_what_was_perhaps_done_under_a_session_is_not_repeated_under_another():
    world = ScriptedWorld(SESSION, LOST, fails_because(Reason.SESSION_EXPIRED))
    client = client_in(world)
    with pytest.raises(firn.UnknownOutcome):
        await client.Put(key="k", value="v")
    world.script = [kv_pb2.OpenSessionResponse(session=8), WRITTEN]
    await client.Put(key="k", value="v")


async def test_a_session_is_asked_for_until_one_opens():
    world = ScriptedWorld(NO_LEADER, LOST, SESSION, WRITTEN)
    await client_in(world).Put(key="k", value="v")
    assert world.asked == ["a:1", "b:2", "c:3", "c:3"]


@pytest.mark.parametrize("code, failure", [
    (grpc.StatusCode.INVALID_ARGUMENT, firn.InvalidRequest),
    (grpc.StatusCode.UNAUTHENTICATED, firn.Refused),
    (grpc.StatusCode.DATA_LOSS, firn.ServerFailure),
    (grpc.StatusCode.ABORTED, firn.ScanExpired)])
async def test_what_can_never_be_ends_at_once(code, failure):
    world = ScriptedWorld(fails_with(code))
    with pytest.raises(failure):
        await client_in(world).Get(key="k")
    assert world.waits == []


async def test_a_node_that_is_named_is_asked_alone():
    world = ScriptedWorld(NO_LEADER, cluster_pb2.GetStatusResponse(node_id=3),
                          fails_because(Reason.NOT_LEADER, "x:9"))
    client = client_in(world)
    assert (await client.GetStatus(endpoint="c:3")).node_id == 3
    with pytest.raises(firn.Refused):
        await client.Get(key="k", endpoint="c:3")
    assert world.asked == ["c:3"] * 3
    assert client.leader == ""


async def test_a_scan_stays_with_its_node_and_ends_at_its_limit():
    def page(*keys, token=b""):
        return kv_pb2.ScanResponse(entries=[kv_pb2.KeyValue(key=key) for key in keys],
                                   next_page_token=token)
    world = ScriptedWorld(fails_because(Reason.NOT_LEADER, "x:9"), page(b"a1", b"a2", token=b"t"),
                          page(b"a3", b"a4", token=b"u"))
    keys = [entry.key async for entry in client_in(world).scan(prefix="a", limit=3)]
    assert keys == [b"a1", b"a2", b"a3"]
    assert world.asked == ["a:1", "x:9", "x:9"]
    assert (world.request(1).start, world.request(1).end) == (b"a", b"b")
    assert world.request(2).page_token == b"t"


async def test_the_end_of_a_prefix_is_behind_all_its_keys():
    world = ScriptedWorld(kv_pb2.ScanResponse(), kv_pb2.ScanResponse())
    client = client_in(world)
    await client.Scan(prefix=b"a\xff\xff")
    await client.Scan(prefix=b"\xff")
    assert [world.request(i).end for i in (0, 1)] == [b"b", b""]


async def test_batches_and_comparisons_hold_what_they_are_given():
    world = ScriptedWorld(SESSION, kv_pb2.BatchWriteResponse(), kv_pb2.CompareAndSetResponse())
    client = client_in(world)
    await client.BatchWrite(operations=[("put", "a", "1"), ("delete", b"b")])
    await client.CompareAndSet(key="k", value="", new_value="w")
    put, delete = world.request(1).operations
    assert (put.put.key, put.put.value, delete.delete.key) == (b"a", b"1", b"b")
    assert world.request(2).WhichOneof("expected") == "value"
    for wrong in [{"absent": True, "value": "v", "new_value": "w"}, {"absent": True},
                  {"new_value": "w"}, {"absent": True, "new_value": "w", "delete": True}]:
        with pytest.raises(ValueError):
            await client.CompareAndSet(key="k", **wrong)
    for wrong in [("put", "a"), ("set", "a", "b"), ()]:
        with pytest.raises(ValueError):
            await client.BatchWrite(operations=[wrong])


async def test_find_leader_asks_all_and_those_that_they_name():
    follower = cluster_pb2.GetStatusResponse(role=cluster_pb2.ROLE_FOLLOWER)
    world = ScriptedWorld(follower, fails_with(grpc.StatusCode.UNIMPLEMENTED),
                          cluster_pb2.GetStatusResponse(role=cluster_pb2.ROLE_FOLLOWER,
                                                        leader_address="x:9"),
                          cluster_pb2.GetStatusResponse(role=cluster_pb2.ROLE_LEADER),
                          FOUND)
    client = await firn.find_leader(["a:1", "b:2", "c:3"], world=world)
    await client.Get(key="k")
    assert world.asked == ["a:1", "b:2", "c:3", "x:9", "x:9"]
    with pytest.raises(firn.Unavailable, match="a:1, b:2"):
        await firn.find_leader(["a:1", "b:2"], world=ScriptedWorld(), timeout=2)


def test_only_what_a_node_says_was_not_done_counts_as_not_done():
    perhaps = {name for name, reason in Reason.Reason.items()
               if diagnose(fails_because(reason)).perhaps_done}
    assert perhaps == {"REASON_UNSPECIFIED", "OUTCOME_UNKNOWN", "NODE_STOPPED", "RESULT_FORGOTTEN"}


@pytest.mark.parametrize("endpoints", [[], ["nowhere"], "nowhere"])
def test_endpoints_that_make_no_sense_are_refused(endpoints):
    with pytest.raises(ValueError):
        firn.Client(endpoints)
