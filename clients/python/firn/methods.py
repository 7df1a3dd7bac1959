# SPDX-License-Identifier: Apache-2.0
"""The calls of proto/firn/v1 as the client treats them: when each may be sent again."""
import dataclasses
import enum

from firn.v1 import cluster_pb2, kv_pb2, storage_pb2


class Repeat(enum.Enum):
    FREELY = "doing it twice is doing it once"
    WITH_REQUEST_ID = "doing it twice is doing it once, because it carries a request id"
    IF_NOT_DONE = "only if the attempt before certainly did nothing"


@dataclasses.dataclass(frozen=True)
class Method:
    path: str
    request: type
    response: type
    repeat: Repeat = Repeat.FREELY
    is_slow: bool = False  # May take as long as the whole call has, not one attempt's share.


def _methods(service, module, names, **how):
    return {name: Method(f"/firn.v1.{service}/{name}", getattr(module, name + "Request"),
                         getattr(module, name + "Response"), **how) for name in names}


METHODS = {
    **_methods("KVService", kv_pb2, ["Get", "Scan", "OpenSession", "CloseSession"]),
    **_methods("KVService", kv_pb2, ["Put", "Delete", "BatchWrite", "CompareAndSet"],
               repeat=Repeat.WITH_REQUEST_ID),
    **_methods("StorageService", storage_pb2, ["FlushMemTable", "TriggerCompaction"], is_slow=True),
    **_methods("StorageService", storage_pb2, ["GetLevels", "GetStorageStats"]),
    **_methods("ClusterService", cluster_pb2, ["GetStatus"]),
    **_methods("ClusterService", cluster_pb2, ["AddMember"], is_slow=True),
    **_methods("ClusterService", cluster_pb2,
               ["PromoteMember", "RemoveMember", "TransferLeadership"],
               repeat=Repeat.IF_NOT_DONE, is_slow=True),
    "ScanStream": Method("/firn.v1.KVService/ScanStream", kv_pb2.ScanRequest, kv_pb2.ScanResponse),
}
