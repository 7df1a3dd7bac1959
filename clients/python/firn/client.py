# SPDX-License-Identifier: Apache-2.0
"""The client: the methods of the services as coroutines with keyword arguments."""
import dataclasses

from firn import failures
from firn.caller import Caller, World
from firn.diagnosis import AttemptFailed, diagnose
from firn.methods import METHODS
from firn.options import Options
from firn.transport import GrpcTransport
from firn.v1 import cluster_pb2, kv_pb2, storage_pb2


def _bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


def _consistency(stale_ms):
    """None: linearizable; else a state that is at most so old, 0: of any age."""
    if stale_ms is None:
        return None
    return kv_pb2.Consistency(stale=kv_pb2.Consistency.Stale(max_age_ms=stale_ms))


def _operation(operation):
    """("put", key, value) or ("delete", key), or the message itself."""
    if isinstance(operation, kv_pb2.Operation):
        return operation
    match tuple(operation):
        case ("put", key, value):
            return kv_pb2.Operation(put=kv_pb2.Operation.PutOperation(key=_bytes(key),
                                                                      value=_bytes(value)))
        case ("delete", key):
            return kv_pb2.Operation(delete=kv_pb2.Operation.DeleteOperation(key=_bytes(key)))
    raise ValueError('an operation is ("put", key, value) or ("delete", key)')


def _prefix_end(prefix):
    """The first key behind all that begin with the prefix; empty: there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b""


def _scan_request(*, start=b"", end=b"", prefix=None, limit=0, reverse=False, keys_only=False,
                  page_token=b"", stale_ms=None):
    if prefix is not None:
        start = _bytes(prefix)
        end = _prefix_end(start)
    return kv_pb2.ScanRequest(start=_bytes(start), end=_bytes(end), limit=limit, reverse=reverse,
                              keys_only=keys_only, page_token=page_token,
                              consistency=_consistency(stale_ms))


class Client:
    """A client of the cluster that the nodes at `endpoints`, "host:port", belong to.

    Calls take str (as UTF-8) or bytes for keys and values, and two arguments besides what their
    requests hold: `timeout`, in seconds for the whole call, and `endpoint`, to ask that node and
    no other. They raise what firn.failures lists. For one event loop; any number of calls at once.
    """

    def __init__(self, endpoints, options=None, *, world=None, **changed):
        endpoints = [endpoints] if isinstance(endpoints, str) else list(endpoints)
        if not endpoints or not all(":" in endpoint for endpoint in endpoints):
            raise ValueError(f"endpoints are a list of host:port, not {endpoints}")
        self.endpoints = endpoints
        self.options = dataclasses.replace(options or Options(), **changed)
        self._world = world or World(transport=GrpcTransport(self.options.tls))
        self._caller = Caller(endpoints, self.options, self._world)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *unused):
        await self.close()

    async def close(self):
        await self._world.transport.close()

    @property
    def leader(self):
        """The address of the node that calls go to; empty while none is known."""
        return self._caller.endpoints.leader

    async def _call(self, name, request, how):
        response, _ = await self._caller.call(name, request, **how)
        return response

    # Keys.

    async def Get(self, *, key, stale_ms=None, **how):
        return await self._call("Get", kv_pb2.GetRequest(key=_bytes(key),
                                                         consistency=_consistency(stale_ms)), how)

    async def Put(self, *, key, value, **how):
        return await self._call("Put", kv_pb2.PutRequest(key=_bytes(key), value=_bytes(value)), how)

    async def Delete(self, *, key, **how):
        return await self._call("Delete", kv_pb2.DeleteRequest(key=_bytes(key)), how)

    async def BatchWrite(self, *, operations, **how):
        """Of ("put", key, value) and ("delete", key): all or none."""
        return await self._call("BatchWrite", kv_pb2.BatchWriteRequest(
            operations=[_operation(operation) for operation in operations]), how)

    async def CompareAndSet(self, *, key, absent=False, value=None, revision=None, new_value=None,
                            delete=False, **how):
        """Exactly one of `absent`, `value` and `revision` is what must hold; either `new_value` or
        `delete` what is done then. The response says whether it was."""
        request = kv_pb2.CompareAndSetRequest(key=_bytes(key))
        if absent + (value is not None) + (revision is not None) != 1:
            raise ValueError("give one of absent, value and revision")
        if (new_value is not None) == delete:
            raise ValueError("give either new_value or delete")
        if absent:
            request.absent = True
        elif value is not None:
            request.value = _bytes(value)
        else:
            request.revision = revision
        if delete:
            request.delete = True
        else:
            request.new_value = _bytes(new_value)
        return await self._call("CompareAndSet", request, how)

    async def Scan(self, *, endpoint="", timeout=None, **scan):
        """One page: start, end or prefix, limit, reverse, keys_only, page_token, stale_ms. A
        further page is to be asked of the node that gave the first: `scan` yields all of them."""
        return await self._call("Scan", _scan_request(**scan),
                                {"endpoint": endpoint, "timeout": timeout})

    async def scan(self, *, timeout=None, **scan):
        """Yields every entry, of one state of the store. `timeout` is for each page."""
        request = _scan_request(**scan)
        left = request.limit or None
        endpoint = ""
        while True:
            page, endpoint = await self._caller.call("Scan", request, timeout=timeout,
                                                     endpoint=endpoint)
            for entry in page.entries[:left]:
                yield entry
            if left is not None:
                left -= min(left, len(page.entries))
            if not page.next_page_token or left == 0:
                return
            request.page_token = page.next_page_token

    async def ScanStream(self, *, endpoint="", timeout=None, **scan):
        """Yields pages as fast as they are taken. A stream that breaks is not begun again: that
        would be another state of the store."""
        if not (endpoint or self.leader):
            await self.GetStatus(timeout=timeout)  # Finds a node that answers.
        stream = self._world.transport.stream(endpoint or self.leader, METHODS["ScanStream"],
                                              _scan_request(**scan),
                                              timeout=timeout or self.options.timeout)
        try:
            async for page in stream:
                yield page
        except AttemptFailed as failed:
            raise diagnose(failed).failure(failed.text) from failed

    # The store of one node: the leader, or that of `endpoint`.

    async def FlushMemTable(self, **how):
        return await self._call("FlushMemTable", storage_pb2.FlushMemTableRequest(), how)

    async def TriggerCompaction(self, *, level=0, all=False, **how):
        return await self._call("TriggerCompaction",
                                storage_pb2.TriggerCompactionRequest(level=level, all=all), how)

    async def GetLevels(self, **how):
        return await self._call("GetLevels", storage_pb2.GetLevelsRequest(), how)

    async def GetStorageStats(self, **how):
        return await self._call("GetStorageStats", storage_pb2.GetStorageStatsRequest(), how)

    # The cluster.

    async def GetStatus(self, **how):
        return await self._call("GetStatus", cluster_pb2.GetStatusRequest(), how)

    async def AddMember(self, *, peer_address, client_address, directory_id, node_id=0, **how):
        return await self._call("AddMember", cluster_pb2.AddMemberRequest(
            node_id=node_id, peer_address=peer_address, client_address=client_address,
            directory_id=directory_id), how)

    async def PromoteMember(self, *, node_id, **how):
        return await self._call("PromoteMember", cluster_pb2.PromoteMemberRequest(node_id=node_id),
                                how)

    async def RemoveMember(self, *, node_id, **how):
        return await self._call("RemoveMember", cluster_pb2.RemoveMemberRequest(node_id=node_id),
                                how)

    async def TransferLeadership(self, *, node_id=0, **how):
        return await self._call("TransferLeadership",
                                cluster_pb2.TransferLeadershipRequest(node_id=node_id), how)

    async def follow_leader(self, timeout=None):
        """Returns when a node that leads is known; calls then go to it. Unavailable: none was found
        in time."""
        world, back_off = self._world, self.options.back_off
        deadline = world.clock() + (timeout or self.options.timeout)
        bound = back_off.first
        while not await self._ask_who_leads():
            wait = bound * world.random()
            bound = min(2 * bound, back_off.last)
            if world.clock() + wait >= deadline:
                raise failures.Unavailable(f"none of {', '.join(self.endpoints)} leads")
            await world.sleep(wait)
        return self

    async def _ask_who_leads(self):
        """Asks every node, and those that they name; says whether one leads."""
        asked = set()
        nodes = list(self.endpoints)
        while nodes:
            endpoint = nodes.pop(0)
            if endpoint in asked:
                continue
            asked.add(endpoint)
            try:
                status = await self.GetStatus(endpoint=endpoint,
                                              timeout=self.options.attempt_timeout / 4)
            except failures.FirnError:
                continue
            if status.role == cluster_pb2.ROLE_LEADER:
                self._caller.endpoints.leader = endpoint
                return True
            if status.leader_address:
                nodes.insert(0, status.leader_address)
        return False


async def find_leader(endpoints, options=None, **changed):
    """A client whose calls go to the leader of the cluster. `endpoints` is a list of host:port, or
    anything that has such a list as its attribute `endpoints`."""
    client = Client(getattr(endpoints, "endpoints", endpoints), options, **changed)
    try:
        return await client.follow_leader()
    except BaseException:
        await client.close()
        raise
