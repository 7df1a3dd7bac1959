# SPDX-License-Identifier: Apache-2.0
"""What a built library says about itself, as binutils read it."""
import pathlib
import re
import subprocess


def run(*command, **options):
    """Runs a command that must succeed and returns what it printed."""
    done = subprocess.run([str(word) for word in command], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def dynamic(library, tag):
    """The values of one tag of the dynamic section: NEEDED, SONAME."""
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-d", library))


def exported(library):
    """The demangled names that a program may bind to."""
    lines = run("nm", "-DC", "--defined-only", library).splitlines()
    return [line.split(maxsplit=2)[2] for line in lines]


def members(archive):
    """The object files in a static library."""
    return run("ar", "t", archive).split()


def words_of_headers(include):
    """Every identifier in the headers of a folder."""
    text = "".join(path.read_text(encoding="utf-8") for path in pathlib.Path(include).rglob("*.h"))
    return set(re.findall(r"[A-Za-z_]\w*", text))
