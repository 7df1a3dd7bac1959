# SPDX-License-Identifier: Apache-2.0
"""Prints coverage by folder, from what `gcovr --json-summary` writes to standard input."""
import collections
import json
import pathlib
import sys

KINDS = ("line", "branch")


def main():
    sums = collections.defaultdict(collections.Counter)
    for file in json.load(sys.stdin)["files"]:
        for folder in (str(pathlib.PurePath(file["filename"]).parent), "total"):
            for kind in KINDS:
                sums[folder][kind, "covered"] += file[kind + "_covered"]
                sums[folder][kind, "total"] += file[kind + "_total"]
    for folder, sum_of in sorted(sums.items()):
        cells = []
        for kind in KINDS:
            covered, total = sum_of[kind, "covered"], sum_of[kind, "total"]
            share = 100 * covered / total if total else 100
            cells.append(f"{kind} {covered:6}/{total:<6}{share:6.1f} %")
        print(f"{folder:24}{'    '.join(cells)}")


if __name__ == "__main__":
    main()
