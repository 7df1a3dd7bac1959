# SPDX-License-Identifier: Apache-2.0
"""Runs calls: sends a request, judges what comes of it, and sends it again where that is right,
until it has succeeded, failed for good, or run out of time.

For one event loop. Whether a request was perhaps carried out is never forgotten for as long as its
call lasts."""
import asyncio
import dataclasses
import random
import time

from firn import failures
from firn.diagnosis import AttemptFailed, Remedy, diagnose
from firn.methods import METHODS, Repeat

# News of a leader are followed at once so often; then two nodes may name each other in turn.
HOPS_AT_ONCE_MAX = 3
# From this attempt on a node may pass the request on to a leader that this client cannot reach.
ATTEMPTS_BEFORE_FORWARDING = 3
WINDOW = 768  # Of sequences; a session remembers the results of the last 1024.


@dataclasses.dataclass
class World:
    """What tests put other things in place of."""
    transport: object
    clock: object = time.monotonic
    sleep: object = asyncio.sleep
    random: object = random.random


class Endpoints:
    """Which node to ask next: the leader while one is believed to lead, else all in turn."""

    def __init__(self, addresses):
        self.addresses = list(addresses)
        self.turn = 0
        self.leader = ""

    def next(self):
        return self.leader or self.addresses[self.turn]

    def serves(self, address):
        self.leader = self.leader or address

    def fails(self, address):
        """News of a node that is no longer asked change nothing, so that many calls that fail
        together move on by one."""
        if address == self.leader:
            self.leader = ""
        if address == self.addresses[self.turn]:
            self.turn = (self.turn + 1) % len(self.addresses)


class Session:
    """The request ids of one session. None is given out that is far ahead of one still in use."""

    def __init__(self, number):
        self.number = number
        self._last = 0
        self._in_use = {}  # Ordered by sequence; values mean nothing.
        self._returned = asyncio.Event()

    async def take(self):
        while self._in_use and self._last - next(iter(self._in_use)) + 1 >= WINDOW:
            self._returned.clear()
            await self._returned.wait()
        self._last += 1
        self._in_use[self._last] = None
        return self._last

    def give_back(self, sequence):
        self._in_use.pop(sequence, None)
        self._returned.set()


@dataclasses.dataclass
class Progress:
    """Of one call."""
    method: object
    request: object
    endpoint: str  # Empty: whoever leads.
    deadline: float
    session: Session | None = None
    perhaps_done: bool = False
    problem: str = "no time was left"
    attempts: int = 0
    hops: int = 0
    waits: int = 0
    asked: str = ""  # The node of the last attempt.


class Caller:
    def __init__(self, endpoints, options, world):
        self.endpoints = Endpoints(endpoints)
        self.options = options
        self.world = world
        self._session = None
        self._opening = asyncio.Lock()

    async def call(self, name, request, *, timeout=None, endpoint=""):
        """The response, and the address of the node that gave it."""
        method = METHODS[name]
        call = Progress(method, request, endpoint,
                        self.world.clock() + (timeout or self.options.timeout))
        has_id = method.repeat is Repeat.WITH_REQUEST_ID and self.options.request_ids
        try:
            while True:
                if has_id and call.session is None:
                    await self._identify(call)
                try:
                    return await self._attempt(call), call.asked
                except AttemptFailed as failed:
                    await self._remedy(call, failed)
        finally:
            self._release(call)

    def _release(self, call):
        if call.session is not None:
            call.session.give_back(call.request.request_id.sequence)
            call.session = None

    async def _identify(self, call):
        """An attempt at a session has the time of one attempt, so that a call with little time does
        not wait for long for one that has much."""
        session = None
        while session is None:
            try:
                session = await self._open_session(call)
            except failures.Unavailable as failure:
                call.problem = f"no session could be opened: {failure}"
                await self._wait(call, 0)
        sequence = await session.take()
        call.session = session
        call.request.request_id.session = session.number
        call.request.request_id.sequence = sequence

    async def _open_session(self, call):
        async with self._opening:
            if self._session is None:
                remaining = max(call.deadline - self.world.clock(), 0.001)
                response, _ = await self.call("OpenSession", METHODS["OpenSession"].request(),
                                              timeout=min(remaining, self.options.attempt_timeout))
                self._session = Session(response.session)
            return self._session

    async def _attempt(self, call):
        remaining = call.deadline - self.world.clock()
        if remaining <= 0:
            raise self._out_of_time(call)
        call.asked = call.endpoint or self.endpoints.next()
        may_forward = call.attempts >= ATTEMPTS_BEFORE_FORWARDING
        call.attempts += 1
        timeout = remaining if call.method.is_slow else min(remaining, self.options.attempt_timeout)
        response = await self.world.transport.send(call.asked, call.method, call.request,
                                                   timeout=timeout, may_forward=may_forward)
        if not call.endpoint:
            self.endpoints.serves(call.asked)
        return response

    async def _remedy(self, call, failed):
        """Returns when the next attempt is due, or raises how the call ends."""
        diagnosis = diagnose(failed)
        call.problem = f"{call.asked}: {failed.text or failed.code.name.lower()}"
        call.perhaps_done |= diagnosis.perhaps_done
        repeat = call.method.repeat
        if diagnosis.remedy is Remedy.GIVE_UP:
            # What came before may have been done, whatever is said of it now.
            is_unknown = (call.perhaps_done and repeat is not Repeat.FREELY
                          and diagnosis.failure is failures.Refused)
            raise (failures.UnknownOutcome if is_unknown else diagnosis.failure)(call.problem)
        if call.perhaps_done and repeat is not Repeat.FREELY and call.session is None:
            raise failures.UnknownOutcome(call.problem)
        if diagnosis.remedy is Remedy.ASK_LEADER:
            if call.endpoint:
                raise failures.Refused(call.problem)
            self.endpoints.leader = failed.leader
            call.hops += 1
            if failed.leader != call.asked and call.hops <= HOPS_AT_ONCE_MAX:
                return
        elif diagnosis.remedy is Remedy.ASK_OTHER:
            self.endpoints.fails(call.asked)
        elif diagnosis.remedy is Remedy.RENEW_SESSION:
            self._expire(call)
        await self._wait(call, failed.retry_after)

    def _expire(self, call):
        if self._session is call.session:
            self._session = None
        if call.perhaps_done or call.session is None:
            raise failures.UnknownOutcome(call.problem)
        self._release(call)

    async def _wait(self, call, least):
        back_off = self.options.back_off
        bound = min(back_off.first * 2 ** min(call.waits, 20), back_off.last)
        call.waits += 1
        wait = min(least, 60.0) + bound * self.world.random()
        if self.world.clock() + wait >= call.deadline:
            raise self._out_of_time(call)
        await self.world.sleep(wait)

    def _out_of_time(self, call):
        is_unknown = call.perhaps_done and call.method.repeat is not Repeat.FREELY
        return (failures.UnknownOutcome if is_unknown else failures.Unavailable)(call.problem)
