# SPDX-License-Identifier: Apache-2.0
"""The client over real gRPC, against a service of this process that answers as it is told."""
import asyncio

import grpc
import grpc.aio
import pytest_asyncio

import firn
from firn.v1 import kv_pb2, kv_pb2_grpc


class FakeNode(kv_pb2_grpc.KVServiceServicer):
    def __init__(self):
        self.results = {}
        self.failures = []  # (code, trailers) of the next answers to Put, given after it was done.

    async def OpenSession(self, request, context):
        return kv_pb2.OpenSessionResponse(session=77)

    async def Put(self, request, context):
        sequence = request.request_id.sequence
        self.results.setdefault(sequence, len(self.results) + 1)
        if self.failures:
            code, trailers = self.failures.pop(0)
            context.set_trailing_metadata(trailers)
            await context.abort(code, "as told")
        return kv_pb2.PutResponse(revision=self.results[sequence])

    async def ScanStream(self, request, context):
        for key in (b"a", b"b"):
            yield kv_pb2.ScanResponse(entries=[kv_pb2.KeyValue(key=key)])

    async def Get(self, request, context):
        await asyncio.Event().wait()  # Silence.


@pytest_asyncio.fixture(name="node")
async def _node():
    node = FakeNode()
    server = grpc.aio.server()
    kv_pb2_grpc.add_KVServiceServicer_to_server(node, server)
    node.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield node
    await server.stop(None)


async def test_a_write_whose_answer_is_lost_is_done_once(node):
    node.failures = [(grpc.StatusCode.UNAVAILABLE, ())] * 2
    async with firn.Client(node.address) as client:
        assert (await client.Put(key="k", value="v")).revision == 1
        assert (await client.Put(key="k", value="w")).revision == 2
    assert len(node.results) == 2


async def test_trailers_name_the_leader_and_nonsense_does_no_harm(node):
    node.failures = [(grpc.StatusCode.FAILED_PRECONDITION,
                      (("firn-reason", "NOT_LEADER"), ("firn-leader", node.address),
                       ("firn-retry-after-ms", "soon"))),
                     (grpc.StatusCode.UNAVAILABLE, (("firn-reason", "WORSE_THAN_EVER"),))]
    async with firn.Client(node.address) as client:
        assert (await client.Put(key="k", value="v")).revision == 1
        assert client.leader == node.address


async def test_a_dead_node_is_passed_over(node):
    server = grpc.aio.server()
    dead = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    await server.stop(None)
    async with firn.Client([dead, node.address]) as client:
        assert (await client.Put(key="k", value="v")).revision == 1


async def test_a_silent_node_costs_one_attempt(node):
    async with firn.Client(node.address, attempt_timeout=0.02) as client:
        try:
            await client.Get(key="k", timeout=0.06)
            raise AssertionError("nobody answered")
        except firn.Unavailable:
            pass


async def test_many_writes_at_once_have_ids_of_their_own(node):
    async with firn.Client(node.address, timeout=60) as client:
        await asyncio.gather(*(client.Put(key="k", value="v") for _ in range(1000)))
    assert len(node.results) == 1000


async def test_a_stream_of_pages_is_read_to_its_end(node):
    async with firn.Client(node.address) as client:
        pages = [page async for page in client.ScanStream(endpoint=node.address)]
    assert [page.entries[0].key for page in pages] == [b"a", b"b"]
