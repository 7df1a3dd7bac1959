# SPDX-License-Identifier: Apache-2.0
"""What the checker of histories says of histories with planted faults, and of bad input."""
import subprocess

import history

SECONDS_MAX = 20


def put(key, value, start, end=None):
    return _call(key, "put", value, start, end)


def get(key, value, start, end):
    return _call(key, "get", value, start, end)


def cas(key, expected, value, applied, start):
    return {**_call(key, "cas", value, start, start + 1), "expected": expected, "applied": applied}


def _call(key, kind, value, start, end):
    line = {"key": key, "kind": kind, "value": value, "start": start}
    return line if end is None else {**line, "end": end}


def test_what_one_copy_could_have_shown_is_accepted():
    assert history.check([]) == ""
    assert history.check([put("a", 1, 1, 10), get("a", 0, 2, 3), get("a", 1, 4, 5),
                          cas("a", 1, 2, True, 20), cas("a", 1, 3, False, 30),
                          put("b", 9, 1), get("b", 0, 5, 6), get("b", 9, 50, 51)]) == ""


def test_a_stale_read_is_found():
    found = history.check([put("a", 1, 101, 102), put("a", 2, 103, 104), get("a", 1, 105, 106)])
    assert found == "not linearizable: a\n0..1 put 1\n2..3 put 2\n4..5 get 1\n"


def test_a_lost_write_is_found():
    assert "put 1" in history.check([put("a", 1, 1, 2), get("a", 0, 3, 4)])


def test_a_write_that_was_applied_twice_is_found():
    assert history.check([put("a", 1, 1, 2), put("a", 2, 3, 4), get("a", 2, 5, 6),
                          get("a", 1, 7, 8)])


def test_a_comparison_that_did_not_hold_is_found():
    assert "cas" in history.check([put("a", 1, 1, 2), cas("a", 2, 3, True, 5)])
    assert "refused" in history.check([put("a", 1, 1, 2), cas("a", 1, 3, False, 5)])


def test_the_shortest_of_several_keys_is_shown():
    found = history.check([put("long", 1, 1, 2), put("long", 2, 3, 4), get("long", 0, 5, 6),
                           put("short", 1, 1, 2), get("short", 0, 3, 4), put("good", 1, 1, 2)])
    assert found.startswith("not linearizable: short\n")


def test_a_line_that_is_no_call_is_refused():
    for line in ("{", "[]", "7", '{"key": "a"}',
                 '{"key": 1, "kind": "get", "value": 1, "start": 1}',
                 '{"key": "a", "kind": "look", "value": 1, "start": 1}',
                 '{"key": "a", "kind": "get", "value": -1, "start": 1}',
                 '{"key": "a", "kind": "get", "value": 1, "start": 1, "end": "2"}',
                 '{"key": "a", "kind": "cas", "value": 1, "expected": 1, "start": 1, "end": 2}'):
        done = subprocess.run([history.PROGRAM], input=line, text=True, capture_output=True,
                              timeout=SECONDS_MAX, check=False)
        assert done.returncode == 2 and done.stderr.startswith("line 1 is no call"), line
