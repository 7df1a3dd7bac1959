#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source file but the tests, skipping what passed as it stands.

A whole run takes ten minutes of CPU, so what passed is remembered in BUILD/clang-tidy.json as a
hash of all that the verdict depends on: the file, the project's headers that it includes, directly
or not, .clang-tidy, the compile command and the version of clang-tidy. System headers are not in
the hash: after an upgrade of theirs use --fresh.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)
INCLUDE_ROOTS = ("src", "include", "tests", "bench")
PROGRAM = "clang-tidy-19"


class Checker:
    def __init__(self, root, build, program):
        self.root = root
        self.build = build
        self.program = program
        self.notes = build / "clang-tidy.json"  # File to the hash with which it passed.
        self.texts = {}
        self.rules = (root / ".clang-tidy").read_bytes() + subprocess.run(
            [program, "--version"], check=True, capture_output=True).stdout
        self.commands = {}
        for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
            path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
            self.commands.setdefault(path, []).append(entry["command"])

    def text(self, path):
        if path not in self.texts:
            full = self.root / path
            self.texts[path] = full.read_bytes() if full.is_file() else None
        return self.texts[path]

    def made_of(self, path):
        """The file and every file of the project that it includes."""
        found, ahead = set(), [path]
        while ahead:
            here = ahead.pop()
            if here in found or self.text(here) is None:
                continue
            found.add(here)
            places = (os.path.dirname(here), *INCLUDE_ROOTS)
            for name in INCLUDE.findall(self.text(here).decode(errors="replace")):
                ahead += [os.path.normpath(os.path.join(place, name)) for place in places]
        return sorted(found)

    def digest(self, path):
        state = hashlib.sha256(self.rules)
        state.update("\n".join(self.commands[path]).encode())
        for part in self.made_of(path):
            state.update(f"\n{part} {len(self.text(part))}\n".encode() + self.text(part))
        return state.hexdigest()

    def passes(self, path):
        done = subprocess.run([self.program, "-p", self.build, "--quiet", self.root / path],
                              check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            print(done.stdout + done.stderr, flush=True)
        return done.returncode == 0

    def changed_since(self, revision):
        """The files that differ from the revision, or None when git does not know it."""
        done = subprocess.run(
            ["git", "-C", self.root, "diff", "--name-only", "--relative", revision],
            check=False, text=True, capture_output=True)
        return set(done.stdout.splitlines()) if done.returncode == 0 else None

    def that_show(self, changed, paths):
        """Of the paths those that changed, and for each changed header that none of them includes
        the one that includes least beside it: a header says the same in all."""
        chosen = {path for path in paths if path in changed}
        seen = {part for path in chosen for part in self.made_of(path)}
        for header in sorted(changed):
            users = [path for path in paths if header in self.made_of(path)]
            if users and header not in seen:
                chosen.add(min(users, key=lambda path: len(self.made_of(path))))
                seen.add(header)
        return chosen

    def run(self, fresh, jobs, since=None):
        """Returns the files that were checked and those of them that failed. With a revision, only
        as many files are looked at as show all that differs from it."""
        known = {}
        if self.notes.exists() and not fresh:
            known = json.loads(self.notes.read_text(encoding="utf-8"))
        wanted = {path: self.digest(path) for path in sorted(self.commands)
                  if not path.startswith("..") and not path.startswith("build/")
                  and not path.endswith("_test.cc")}
        passed = {path: digest for path, digest in wanted.items() if known.get(path) == digest}
        changed = self.changed_since(since) if since else None
        shown = wanted if changed is None else self.that_show(changed, list(wanted))
        ahead = [path for path in wanted if path not in passed and path in shown]
        failed = []
        pool = concurrent.futures.ThreadPoolExecutor(jobs)
        try:
            for path, passes in zip(ahead, pool.map(self.passes, ahead)):
                if passes:
                    passed[path] = wanted[path]
                else:
                    failed.append(path)
        finally:  # An interrupted run keeps what it has.
            pool.shutdown(cancel_futures=True)
            self.notes.write_text(json.dumps(passed, indent=0), encoding="utf-8")
        return ahead, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="folder with compile_commands.json")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--since", metavar="REV", help="look at what differs from it alone")
    parser.add_argument("--fresh", action="store_true", help="forget what passed before")
    options = parser.parse_args()
    checker = Checker(options.root.resolve(), options.build.resolve(), options.program)
    checked, failed = checker.run(options.fresh, os.cpu_count(), options.since)
    print(f"{len(checked)} files checked, {len(failed)} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
