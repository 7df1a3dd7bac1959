#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks, over the files that git knows. `tidy.py [ROOT]` prints one
line "path:line: rule: what to do" for each breach and fails if there is any."""

import pathlib
import re
import subprocess
import sys

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
OPTIONS_MAX = 20
DOCUMENT_LINES_MAX = [("docs/format/", 150), ("docs/decisions/", 60)]

# What a folder may include, besides itself. Rank decides among the rest; equal ranks do not meet.
RANKS = [
    ("src/base/", 0), ("src/io/", 1),
    ("src/storage/wal/", 3), ("src/storage/memtable/", 3), ("src/storage/table/", 3),
    ("src/storage/version/", 4), ("src/storage/compaction/", 5), ("src/storage/engine/", 6),
    ("src/storage/", 2), ("src/consensus/", 2), ("src/replica/", 7),
    ("src/node/", 8), ("src/client/", 8), ("src/server/tls/", 8), ("src/server/peer/", 9),
    ("src/server/http/", 10), ("src/server/", 11), ("src/cli/", 12),
]
NEVER_MEET = [("src/storage/", "src/consensus/")]
# Third-party headers that only some places may include.
GUARDED_HEADERS = [
    ("nlohmann/", ("src/node/", "src/server/http/http_server_test.cc", "src/cli/", "bench/",
                   "tests/simulation/history_check.cc")),
    ("CLI/", ("src/cli/main.cc", "src/cli/client_", "src/cli/server_arguments.cc",
              "bench/options.cc", "bench/cluster/options.cc")),
    ("asio", ("src/server/peer/",)),
    ("openssl/", ("src/server/",)),
    ("httplib", ("src/server/http/",)),
    ("prometheus/", ("src/server/http/",)),
    ("grpc", ("src/server/", "src/client/", "src/cli/", "bench/cluster/")),
    ("google/protobuf", ("src/server/", "src/client/", "src/cli/", "bench/cluster/")),
    ("firn/v1/", ("src/server/", "src/client/", "src/cli/", "bench/cluster/",
                  "fuzz/request_fuzz.cc")),
    ("toml++/", ("src/server/config_file.cc",)),
]
# What stands behind the seams in tests, and tools of tests (firn_io_testing in src/io).
FOR_TESTS = re.compile(r"(io/(memory_file|faulty_file_system|stepped_scheduler|temporary_directory)"
                       r"|golden/|(^|/)testing_|_testing\.h$|^gtest/)")
# (pattern, what to use, folders or files where it may stand; tests may do what TESTS_MAY says)
BANNED = [
    (r"std::(recursive_|shared_|timed_)?mutex\b", "Mutex of base/mutex.h", ("src/base/mutex.h",)),
    (r"std::condition_variable", "ConditionVariable of base/mutex.h", ("src/base/mutex.h",)),
    (r"\bsleep_(for|until)\b", "the Scheduler of io/scheduler.h", ("src/io/", "bench/")),
    (r"\bu?sleep\(", "the Scheduler of io/scheduler.h", ()),
    (r"\b(steady|system|high_resolution)_clock::now", "Clock of base/clock.h",
     ("src/base/clock.h", "bench/")),
    (r"\bs?rand\(|std::random_device|std::mt19937", "Random of base/random.h",
     ("src/base/random.cc",)),
    (r"std::regex", "a parser of a few lines", ()),
    # A server's answers need several threads at once, where a lane of the scheduler has one.
    (r"std::j?thread\b(?!::)", "a task of io/scheduler.h",
     ("src/io/", "bench/", "tests/", "src/server/worker_pool.")),
    (r"#pragma (GCC|clang) diagnostic ignored", "code that does not warn", ()),
    (r"\busing namespace std\b", "names in full", ()),
    (r"\bthrow\b", "Result of firn/result.h", ()),
    (r"(?<!operator )\bdelete\b(\[\])? *[\w(*]", "a type that owns what it holds",
     ("src/base/base_test.cc",)),
]
TESTS_MAY = ("std::j?thread", )
BARE_MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
VAGUE_NAMES = re.compile(r"(^|[/_])(util|utils|common|misc|helpers?|managers?)([/_.]|$)")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(home|root|work|Users)/\w")
DEAD_CODE = re.compile(r"^\s*// ?((if|for|while|switch) \(.*[;{]|(return|delete|#include|auto|const"
                       r"|std::\w+)\b.*;|[\w.>-]+\(.*\);|[}{])$")
ERROR_TEXT = re.compile(r'ErrorCode::k\w+,\s*"([A-Z][a-z]|(\\.|[^"\\])*\."\s*[}),])')
STRING = re.compile(r'"(\\.|[^"\\])*"')
TEST_NAME = re.compile(r"^TEST(?:_F|_P)?\(\w+, (\w+)\)")
SENTENCE = re.compile(r"[A-Z][a-z0-9]*([A-Z][a-z0-9]*)+")
SPDX = "SPDX-License-Identifier: Apache-2.0"
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
INVARIANT = re.compile(r"\bI-[A-Z]\d+\b")
NOLINT = re.compile(r"NOLINT(NEXTLINE|BEGIN|END)?\b(?!\([a-z0-9,. -]+\): \S)")


def is_test(path):
    return path.startswith("tests/") or re.search(
        r"(_(test|testing)|/testing_\w+)\.(cc|h)$", path) is not None


def within(path, places):
    return any(path.startswith(place) for place in places)


def rank_of(path):
    for folder, rank in RANKS:
        if path.startswith(folder):
            return folder, rank
    return None, None


class Tree:
    """The files of a repository and what was found wrong with them."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                                cwd=self.root, check=True, capture_output=True, text=True).stdout
        self.paths = sorted({p for p in listed.splitlines() if (self.root / p).is_file()})
        self.findings = []

    def lines(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace").splitlines()

    def report(self, path, line, rule, message):
        self.findings.append((path, line, rule, message))


def check_spdx(tree, path, lines):
    if not any(SPDX in line for line in lines[:2]):  # A script names its interpreter first.
        tree.report(path, 1, "licence", f"start with '{SPDX}'")


def check_size(tree, path, lines):
    if len(lines) > FILE_LINES_MAX:
        tree.report(path, FILE_LINES_MAX + 1, "file-size",
                    f"{len(lines)} lines: split it by noun, {FILE_LINES_MAX} at most")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX and "http" not in line:
            tree.report(path, number, "line-length", f"{len(line)} columns, not {LINE_COLUMNS_MAX}")


def check_functions(tree, path, lines):
    """Functions that start in the first column, also those of tests."""
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z].*[^;}]$", line) and not re.match(
                r"(namespace|class|struct|enum|union|extern)\b", line):
            start = start or number
        elif line.startswith("}") or line == "":
            if line == "}" and start and number - start >= FUNCTION_LINES_MAX:
                tree.report(path, start, "function-size", f"{number - start + 1} lines")
            start = None if line.startswith("}") else start


def check_words(tree, path, lines):
    for number, line in enumerate(lines, 1):
        if BARE_MARKS.search(line) and "tidy" not in path and "XXXXXX" not in line:
            tree.report(path, number, "bare-mark", "name an issue, as in TODO(#12), or do it")
        if "tidy" not in path and MACHINE_PATHS.search(line):
            tree.report(path, number, "machine-path", "name no place of one machine")
        if DEAD_CODE.match(line):
            tree.report(path, number, "dead-code", "git remembers it")
        if ERROR_TEXT.search(line):
            tree.report(path, number, "error-text", "lower case, no final period")
        test = TEST_NAME.match(line)
        if test and not SENTENCE.fullmatch(test[1]):
            tree.report(path, number, "test-name", f"{test[1]} is not a sentence in CamelCase")
        code = STRING.sub('""', line).split("//")[0].split("/*")[0]
        for pattern, instead, places in BANNED:
            if not re.search(pattern, code) or within(path, places):
                continue
            if is_test(path) and pattern.startswith(TESTS_MAY):
                continue
            tree.report(path, number, "banned-word", f"use {instead}")
        if NOLINT.search(line):
            tree.report(path, number, "nolint", "write NOLINT(check): and the reason")


def check_include(tree, path, number, name):
    """One quoted include of a file in src."""
    target = "src/" + name
    folder, rank = rank_of(path)
    target_folder, target_rank = rank_of(target)
    if folder is None:
        tree.report(path, number, "arrow", "RANKS of tidy.py says nothing of this folder")
        return
    if target_folder is None or folder == target_folder:
        return
    apart = any({a, b} == {x for x in (a, b) if path.startswith(x) or target.startswith(x)}
                for a, b in NEVER_MEET)
    if target_rank >= rank or (apart and not path.startswith("src/replica/")):
        tree.report(path, number, "arrow", f"{folder} must not include {name}, above or beside it")


def check_includes(tree, path, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if path.startswith("include/firn/"):
            std = kind == "<" and re.fullmatch(r"[a-z_0-9]+", name)
            if not std and not name.startswith("firn/"):
                tree.report(path, number, "public-header", f"{name}: only the standard and firn/")
        elif path.startswith("src/") and not is_test(path):
            check_include(tree, path, number, name)
        if within(path, ("src/", "include/", "bench/")) and not is_test(path) and (
                FOR_TESTS.search(name) and not FOR_TESTS.search(path)):
            tree.report(path, number, "test-seam", f"{name} is for tests")
        for header, places in GUARDED_HEADERS:
            if name.startswith(header) and not within(path, places):
                tree.report(path, number, "third-party", f"{name} is for {', '.join(places)}")
    own = path.removesuffix(".cc") + ".h"
    first = next((match[2] for match in map(INCLUDE.match, lines) if match), "")
    if path.endswith(".cc") and own in tree.paths and not own.endswith("/" + first):
        tree.report(path, 1, "own-header", f"include {pathlib.PurePath(own).name} first")
    if path.endswith(".h") and "#pragma once" not in lines:
        tree.report(path, 1, "pragma-once", "a header says #pragma once")


def check_links(tree, path, lines):
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for target, _ in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            if not ((tree.root / path).parent / target).exists():
                tree.report(path, number, "link", f"{target} does not exist")


def check_invariants(tree, known, path, lines):
    for number, line in enumerate(lines, 1):
        for name in INVARIANT.findall(line):
            if name not in known:
                tree.report(path, number, "invariant", f"{name} is not in docs/invariants.md")


def check_document(tree, path, lines):
    for folder, lines_max in DOCUMENT_LINES_MAX:
        if path.startswith(folder) and len(lines) > lines_max:
            tree.report(path, lines_max + 1, "document-size", f"{len(lines)}, not {lines_max}")


def check_options(tree, path, lines):
    """The engine's options are few enough to be read."""
    fields, inside = 0, False
    for number, line in enumerate(lines, 1):
        inside = line == "struct Options {" or (inside and line != "};")
        fields += inside and re.match(r"  [\w:<>]+ .*;$", line) is not None
        if inside and fields > OPTIONS_MAX:
            tree.report(path, number, "options", f"{OPTIONS_MAX} at most")
            return


def check_dead_headers(tree):
    """Every header but the public ones is included somewhere."""
    code = [path for path in tree.paths if path.endswith((".cc", ".h"))]
    included = {pathlib.PurePath(match[2]).name
                for path in code for match in map(INCLUDE.match, tree.lines(path)) if match}
    for path in code:
        name = pathlib.PurePath(path).name
        if name.endswith(".h") and name not in included and not path.startswith("include/"):
            tree.report(path, 1, "dead-file", "nothing includes it")


def check_dead_sources(tree):
    """Every .cc is named in some CMakeLists.txt."""
    builds = {p: "\n".join(tree.lines(p)) for p in tree.paths
              if p.endswith("CMakeLists.txt") or p.endswith(".cmake")}
    for path in tree.paths:
        if not path.endswith(".cc") or "/consumer/" in path:
            continue
        named = any(re.search(rf"(?<![\w/]){re.escape(path[len(here):])}(?!\w)", text)
                    for build, text in builds.items()
                    for here in [str(pathlib.PurePath(build).parent) + "/"]
                    if path.startswith(here))
        if not named:
            tree.report(path, 1, "dead-file", "no CMakeLists.txt names it")


def check(root):
    tree = Tree(root)
    listed = tree.lines("docs/invariants.md") if "docs/invariants.md" in tree.paths else []
    known = set(re.findall(r"\*\*(I-[A-Z]\d+)\b", "\n".join(listed)))
    for path in tree.paths:
        suffix = pathlib.PurePath(path).suffix
        if VAGUE_NAMES.search(path):
            tree.report(path, 1, "vague-name", "name the noun, not util, common, misc, helper, …")
        if suffix not in (".cc", ".h", ".py", ".md", ".cmake", ".golden", ".txt"):
            continue
        if "/corpus/" in path or path.startswith("tests/tidy/testdata/"):
            continue
        lines = tree.lines(path)
        if suffix in (".cc", ".h", ".py", ".cmake"):
            check_spdx(tree, path, lines)
            check_size(tree, path, lines)
        if suffix in (".cc", ".h"):
            check_functions(tree, path, lines)
            check_words(tree, path, lines)
            check_includes(tree, path, lines)
            check_invariants(tree, known, path, lines)
        if suffix == ".md":
            check_links(tree, path, lines)
            check_document(tree, path, lines)
        if path == "include/firn/options.h":
            check_options(tree, path, lines)
    check_dead_headers(tree)
    check_dead_sources(tree)
    return sorted(tree.findings)


def main():
    findings = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    for path, line, rule, message in findings:
        print(f"{path}:{line}: {rule}: {message}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
