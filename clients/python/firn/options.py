# SPDX-License-Identifier: Apache-2.0
"""What a client may be told. Times are in seconds."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Tls:
    """PEM bytes, not paths. Without `authorities` those that the system trusts."""
    authorities: bytes | None = None
    certificate: bytes | None = None  # Of this client, with its key, where a cluster asks for one.
    key: bytes | None = None


@dataclasses.dataclass(frozen=True)
class BackOff:
    """Waits between attempts: uniformly random up to a bound that doubles from first to last."""
    first: float = 0.02
    last: float = 0.5


@dataclasses.dataclass(frozen=True)
class Options:
    timeout: float = 10.0  # For a whole call with all its attempts.
    attempt_timeout: float = 2.0  # After this long an attempt counts as lost.
    back_off: BackOff = BackOff()
    # Writes are given ids, so that a write that is sent again is applied once. Without them, a
    # write whose answer is lost ends in UnknownOutcome at once.
    request_ids: bool = True
    tls: Tls | None = None
