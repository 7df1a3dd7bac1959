# SPDX-License-Identifier: Apache-2.0
"""A world for clients in tests: nodes whose answers are written down in advance, and a clock that
jumps over every wait."""
import copy

import grpc

from firn.caller import World
from firn.diagnosis import AttemptFailed, Reason


def fails_because(reason, leader="", retry_after=0.0):
    return AttemptFailed(grpc.StatusCode.UNAVAILABLE, "as scripted", reason, leader, retry_after)


def fails_with(code):
    return AttemptFailed(code, "as scripted")


NO_LEADER = fails_because(Reason.NO_LEADER)
LOST = fails_with(grpc.StatusCode.UNAVAILABLE)


class ScriptedWorld(World):
    """Gives the answers in their order; after the last one nodes have no leader."""

    def __init__(self, *script):
        super().__init__(transport=self, clock=lambda: self.now, sleep=self._sleep,
                         random=lambda: 0.5)
        self.script = list(script)
        self.now = 0.0
        self.sent = []  # (endpoint, request, timeout, may_forward)
        self.waits = []

    async def _sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    async def send(self, endpoint, _method, request, *, timeout, may_forward):
        self.sent.append((endpoint, copy.deepcopy(request), timeout, may_forward))
        answer = self.script.pop(0) if self.script else NO_LEADER
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        pass

    @property
    def asked(self):
        return [endpoint for endpoint, *_ in self.sent]

    def request(self, index):
        return self.sent[index][1]
