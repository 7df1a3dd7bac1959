# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up: a file system in memory of a few megabytes, with a file on it that stands for
what others keep there and that can be removed to make space.

The file systems are mounted in a namespace of the test's process, so that nobody else sees them and
they vanish with it. Needs root."""
import ctypes
import os
import pathlib

CLONE_NEWNS = 0x00020000
MS_PRIVATE_AND_BELOW = 1 << 18 | 0x4000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine, or this user of it, mounts nothing; the text says why."""


def _call(function, *arguments):
    if function(*arguments) != 0:
        raise Unavailable(f"mounting needs root: {os.strerror(ctypes.get_errno())}")


def mount_apart():
    """What this process mounts from now on is seen by it and its children alone. To be called
    before it has other threads."""
    _call(_LIBC.unshare, CLONE_NEWNS)
    _call(_LIBC.mount, b"none", b"/", None, ctypes.c_ulong(MS_PRIVATE_AND_BELOW), None)


class SmallDisk:
    def __init__(self, directory, size, free):
        """All but `free` of `size` bytes are taken by the other file."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        _call(_LIBC.mount, b"tmpfs", str(self.directory).encode(), b"tmpfs", ctypes.c_ulong(0),
              f"size={size}".encode())
        self._other = self.directory / "other"
        self._other.write_bytes(bytes(size - free))

    def free(self):
        status = os.statvfs(self.directory)
        return status.f_bavail * status.f_frsize

    def make_space(self):
        self._other.unlink()

    def end(self):
        _call(_LIBC.umount, str(self.directory).encode())
