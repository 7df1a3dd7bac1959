# SPDX-License-Identifier: Apache-2.0
"""What an attempt's failure means for the call: the table of ErrorDetail in kv.proto, and what gRPC
itself reports. Each failure says whether the request was perhaps carried out."""
import dataclasses
import enum

import grpc

from firn import failures
from firn.v1 import kv_pb2

Reason = kv_pb2.ErrorDetail


class Remedy(enum.Enum):
    GIVE_UP = "asking again gives the same"
    ASK_LEADER = "another node leads, and is named"
    ASK_SAME = "the node is well but busy"
    ASK_OTHER = "nothing is to be had from this node at present"
    RENEW_SESSION = "with a new session, if nothing was done under the old one"


@dataclasses.dataclass(eq=False)
class AttemptFailed(Exception):
    """A request was sent to a node once, and failed."""
    code: grpc.StatusCode
    text: str = ""
    reason: int = Reason.REASON_UNSPECIFIED
    leader: str = ""
    retry_after: float = 0.0


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    remedy: Remedy
    perhaps_done: bool = False
    failure: type = failures.Unavailable


_OF_REASON = {
    Reason.NOT_LEADER: Diagnosis(Remedy.ASK_LEADER),
    Reason.NO_LEADER: Diagnosis(Remedy.ASK_OTHER),
    Reason.DRAINING: Diagnosis(Remedy.ASK_OTHER),
    Reason.TOO_STALE: Diagnosis(Remedy.ASK_OTHER),
    Reason.OVERLOADED: Diagnosis(Remedy.ASK_SAME),
    Reason.OUTCOME_UNKNOWN: Diagnosis(Remedy.ASK_OTHER, True),
    Reason.NODE_STOPPED: Diagnosis(Remedy.ASK_OTHER, True),
    Reason.SESSION_EXPIRED: Diagnosis(Remedy.RENEW_SESSION),
    Reason.RESULT_FORGOTTEN: Diagnosis(Remedy.GIVE_UP, True, failures.UnknownOutcome),
    Reason.SCAN_EXPIRED: Diagnosis(Remedy.GIVE_UP, False, failures.ScanExpired),
    Reason.REFUSED: Diagnosis(Remedy.GIVE_UP, False, failures.Refused),
}
_INVALID = Diagnosis(Remedy.GIVE_UP, False, failures.InvalidRequest)
_REFUSED = Diagnosis(Remedy.GIVE_UP, False, failures.Refused)
_LOST = Diagnosis(Remedy.ASK_OTHER, True)  # What gRPC reports says nothing of what was done before.
_OF_CODE = {
    grpc.StatusCode.UNAVAILABLE: _LOST,
    grpc.StatusCode.DEADLINE_EXCEEDED: _LOST,
    grpc.StatusCode.CANCELLED: _LOST,
    grpc.StatusCode.INTERNAL: _LOST,
    grpc.StatusCode.UNKNOWN: _LOST,
    grpc.StatusCode.INVALID_ARGUMENT: _INVALID,
    grpc.StatusCode.OUT_OF_RANGE: _INVALID,
    grpc.StatusCode.UNIMPLEMENTED: _INVALID,
    grpc.StatusCode.RESOURCE_EXHAUSTED: _REFUSED,
    grpc.StatusCode.PERMISSION_DENIED: _REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: _REFUSED,
    grpc.StatusCode.FAILED_PRECONDITION: _REFUSED,
    grpc.StatusCode.NOT_FOUND: _REFUSED,
    grpc.StatusCode.ALREADY_EXISTS: _REFUSED,
    grpc.StatusCode.ABORTED: Diagnosis(Remedy.GIVE_UP, False, failures.ScanExpired),
}


def diagnose(failed):
    """The Diagnosis of an AttemptFailed. Reasons of a later version are judged by their status."""
    if failed.reason == Reason.NOT_LEADER and not failed.leader:
        return _OF_REASON[Reason.NO_LEADER]
    if failed.reason in _OF_REASON:
        return _OF_REASON[failed.reason]
    return _OF_CODE.get(failed.code, Diagnosis(Remedy.GIVE_UP, True, failures.ServerFailure))
