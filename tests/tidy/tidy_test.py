# SPDX-License-Identifier: Apache-2.0
"""Golden tests of tidy.py on small planted trees, and tests of what clang_tidy.py remembers.

A case of testdata/*.golden is a tree, "----", and the findings; a blank line ends it. "tidy RULE"
opens it and asks for the findings of one rule, "tidy" for all. "== PATH" opens a file. In it "@" is
the licence line, "@ N" are N lines of comment, "@ N columns" is one comment of that width, and
"@ blank" is an empty line. GOLDEN_REWRITE=1 in the environment rewrites the findings: review them.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import clang_tidy
import tidy

HERE = pathlib.Path(__file__).resolve().parent


def written_out(line):
    """The lines that a line of a planted file stands for."""
    words = line.split()
    if line == "@":
        return ["// " + tidy.SPDX]
    if line == "@ blank":
        return [""]
    if len(words) == 2 and words[0] == "@":
        return ["// A line."] * int(words[1])
    if len(words) == 3 and words[0] == "@" and words[2] == "columns":
        return ["// ".ljust(int(words[1]), "x")]
    return [line]


def plant(root, lines):
    files, content = {}, []
    for line in lines:
        if line.startswith("== "):
            content = files.setdefault(line[3:], [])
        else:
            content += written_out(line)
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join(text) + "\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", root], check=True)


def findings(command, lines):
    rule = command.removeprefix("tidy").strip()
    with tempfile.TemporaryDirectory() as root:
        plant(pathlib.Path(root), lines)
        found = [f"{path}:{line}: {name}: {message}"
                 for path, line, name, message in tidy.check(root) if rule in ("", name)]
    return found or ["clean"]


class Rules(unittest.TestCase):
    def check_file(self, path):
        """Runs every case and compares, or rewrites, the whole file."""
        before = path.read_text(encoding="utf-8")
        after, cases = [], 0
        for paragraph in before.rstrip("\n").split("\n\n"):
            lines = paragraph.split("\n")
            start = next((i for i, line in enumerate(lines) if not line.startswith("#")), None)
            if start is None:
                after.append(paragraph)
                continue
            cut = lines.index("----")
            came = findings(lines[start], lines[start + 1:cut])
            after.append("\n".join(lines[:cut + 1] + came))
            cases += 1
        text = "\n\n".join(after) + "\n"
        if os.environ.get("GOLDEN_REWRITE") == "1":
            path.write_text(text, encoding="utf-8")
        self.maxDiff = None
        self.assertEqual(before, text, path.name)
        self.assertGreater(cases, 0)

    def test_each_rule_finds_what_it_should_and_no_more(self):
        for path in sorted((HERE / "testdata").glob("*.golden")):
            with self.subTest(path.name):
                self.check_file(path)

    def test_no_rule_is_without_a_case(self):
        source = (HERE / "tidy.py").read_text(encoding="utf-8")
        rules = set(tidy.re.findall(r'report\(path, [^"]*"([a-z-]+)"', source))
        golden = "".join(path.read_text(encoding="utf-8")
                         for path in (HERE / "testdata").glob("*.golden"))
        self.assertGreater(len(rules), 15)
        self.assertEqual({rule for rule in rules if f": {rule}: " not in golden}, set())


# Stands for clang-tidy: finds fault with each file that says "fault", and keeps a list of calls.
FAKE = """#!/bin/sh
[ "$1" = --version ] && exec echo 19
for last; do :; done
echo "$last" >> "$0.calls"
! grep -q fault "$last"
"""


class Memory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.program = self.root / "fake"
        self.program.write_text(FAKE, encoding="utf-8")
        self.program.chmod(0o755)
        self.write(".clang-tidy", "Checks: '*'")
        self.write("src/base/deep.h", "// Deep.")
        self.write("src/base/near.h", '#include "base/deep.h"')
        self.write("src/one.cc", '#include "base/near.h"')
        self.write("src/two.cc", "#include <vector>")
        self.write("src/one_test.cc", "// Not looked at: fault.")
        self.write("build/compile_commands.json", json.dumps([
            {"directory": str(self.root), "command": "c++ " + name, "file": name}
            for name in ("src/one.cc", "src/two.cc", "src/one_test.cc")]))

    def write(self, path, text):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + "\n", encoding="utf-8")

    def run_all(self, fresh=False):
        checker = clang_tidy.Checker(self.root, self.root / "build", str(self.program))
        return checker.run(fresh, jobs=2)

    def test_what_passed_is_not_checked_again(self):
        self.assertEqual(self.run_all(), (["src/one.cc", "src/two.cc"], []))
        self.assertEqual(self.run_all(), ([], []))
        calls = (self.root / "fake.calls").read_text(encoding="utf-8").splitlines()
        self.assertEqual(len(calls), 2)

    def test_a_header_that_is_included_by_way_of_another_counts(self):
        self.run_all()
        self.write("src/base/deep.h", "// Deeper.")
        self.assertEqual(self.run_all(), (["src/one.cc"], []))

    def test_a_header_that_comes_to_stand_before_another_counts(self):
        self.run_all()
        self.write("src/base/base/deep.h", "// Nearer.")
        self.assertEqual(self.run_all(), (["src/one.cc"], []))

    def test_what_failed_is_checked_again_until_it_passes(self):
        self.write("src/two.cc", "// A fault.")
        self.assertEqual(self.run_all(), (["src/one.cc", "src/two.cc"], ["src/two.cc"]))
        self.assertEqual(self.run_all(), (["src/two.cc"], ["src/two.cc"]))
        self.write("src/two.cc", "// Mended.")
        self.assertEqual(self.run_all(), (["src/two.cc"], []))

    def test_with_a_revision_only_what_differs_from_it_is_looked_at(self):
        def git(*arguments):
            subprocess.run(["git", "-C", self.root, "-c", "user.name=n", "-c", "user.email=e",
                            *arguments], check=True, capture_output=True)
        git("init")
        git("add", "-A")
        git("commit", "-m", "all")
        checker = clang_tidy.Checker(self.root, self.root / "build", str(self.program))
        self.assertEqual(checker.run(False, 2, since="HEAD"), ([], []))
        self.write("src/base/deep.h", "// Deeper.")
        checker = clang_tidy.Checker(self.root, self.root / "build", str(self.program))
        self.assertEqual(checker.run(False, 2, since="HEAD"), (["src/one.cc"], []))
        self.write("src/three.cc", '#include "base/deep.h"\n#include "base/near.h"')
        self.write("src/four.cc", '#include "base/deep.h"')
        self.write("build/compile_commands.json", json.dumps([
            {"directory": str(self.root), "command": "c++ " + name, "file": name}
            for name in ("src/one.cc", "src/two.cc", "src/three.cc", "src/four.cc")]))
        git("add", "-A")
        git("commit", "-m", "more")
        self.write("src/base/deep.h", "// Deepest.")
        checker = clang_tidy.Checker(self.root, self.root / "build", str(self.program))
        self.assertEqual(checker.run(False, 2, since="HEAD"), (["src/four.cc"], []))
        self.assertEqual(checker.run(False, 2, since="nonsense")[0],
                         ["src/one.cc", "src/three.cc", "src/two.cc"], "what is left")

    def test_other_rules_or_a_fresh_start_forget_everything(self):
        self.run_all()
        self.write(".clang-tidy", "Checks: '-*'")
        self.assertEqual(len(self.run_all()[0]), 2)
        self.assertEqual(len(self.run_all(fresh=True)[0]), 2)


if __name__ == "__main__":
    unittest.main()
