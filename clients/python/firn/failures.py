# SPDX-License-Identifier: Apache-2.0
"""How calls end when they do not end well, and what the caller should do about each."""


class FirnError(Exception):
    """What all failures of calls have in common. The text names the node where there is one."""


class InvalidRequest(FirnError):
    """Not done, and never will be as it stands. Change the request."""


class Refused(FirnError):
    """Not done: it makes no sense at present, the text says why."""


class Unavailable(FirnError):
    """Not done in the time given. Try again later, or give more time."""


class UnknownOutcome(FirnError):
    """Done or not; nobody can tell any more. Read, then decide."""


class ScanExpired(FirnError):
    """The state that the scan was reading is gone. Begin the scan anew."""


class ServerFailure(FirnError):
    """The node failed at it, done or not; the text says how. See to the node."""
