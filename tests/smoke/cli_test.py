# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, where output goes, and the tools on files."""
import os
import shutil
import tempfile
import unittest

from firn_process import PROGRAM, Node, run


class CommandLine(unittest.TestCase):
    def test_usage_errors_are_2_and_speak_on_standard_error(self):
        for arguments in ([], ["nonsense"], ["node", "--nonsense"], ["node", "extra"], ["inspect"],
                          ["inspect", "wal"], ["verify"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "", arguments)
            self.assertNotEqual(done.stderr, "", arguments)

    def test_every_verb_has_help_with_an_example(self):
        for arguments in ([], ["node"], ["inspect"], ["inspect", "wal"], ["verify"],
                          ["cert"], ["cert", "dev"]):
            done = run(*arguments, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            if arguments:
                self.assertIn("firn " + arguments[0], done.stdout)
        self.assertIn("Exit codes", run("--help").stdout)

    def test_version_is_one_line(self):
        done = run("version")
        self.assertRegex(done.stdout, r"^firn \d+\.\d+\.\d+\n$")

    def test_failures_are_1_and_say_what_to_do(self):
        for arguments in (["verify", "/nonexistent/firn"], ["inspect", "table", "/dev/null"],
                          ["inspect", "wal", "/etc/hostname"], ["inspect", "manifest", "x"],
                          ["node", "--data", "/nonexistent/parent/directory"]):
            done = run(*arguments, stdin=None)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(done.stdout, "", arguments)
            self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)

    def test_bench_runs_the_program_beside_it_and_says_when_there_is_none(self):
        with tempfile.TemporaryDirectory() as directory:
            program = os.path.join(directory, "firn")
            shutil.copy(PROGRAM, program)
            done = run("bench", program=program)
            self.assertEqual(done.returncode, 1)
            self.assertIn("./dev build release", done.stderr)
            bench = os.path.join(directory, "firn-bench")
            with open(bench, "w", encoding="utf-8") as script:
                script.write('#!/bin/sh\necho "got $*"\n')
            os.chmod(bench, 0o755)
            done = run("bench", "--entries", "7", "--help", program=program)
            self.assertEqual((done.returncode, done.stdout), (0, "got --entries 7 --help\n"))


class Certificates(unittest.TestCase):
    def test_a_set_is_made_once_and_its_keys_are_private(self):
        with tempfile.TemporaryDirectory() as parent:
            directory = os.path.join(parent, "certs")
            done = run("cert", "dev", "--directory", directory, "--nodes", "2", "--host", "db1")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"--peer-tls-ca {directory}/ca.pem", done.stdout)
            stems = ("ca", "client", "node-1", "node-2")
            self.assertEqual(sorted(os.listdir(directory)),
                             sorted(stem + end for stem in stems for end in (".pem", ".key")))
            for stem in stems:
                mode = os.stat(os.path.join(directory, stem + ".key")).st_mode
                self.assertEqual(mode & 0o777, 0o600, stem)
            before = os.stat(os.path.join(directory, "ca.key")).st_mtime_ns
            done = run("cert", "dev", "--directory", directory)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("ca.pem is there, and is not overwritten", done.stderr)
            self.assertEqual(os.stat(os.path.join(directory, "ca.key")).st_mtime_ns, before)
            self.assertEqual(len(os.listdir(directory)), 8)

    def test_what_makes_no_sense_is_refused(self):
        for arguments in ([], ["dev", "--nodes", "0"], ["dev", "--nodes", "x"]):
            self.assertEqual(run("cert", *arguments).returncode, 2, arguments)
        with tempfile.TemporaryDirectory() as parent:
            done = run("cert", "dev", "--directory", parent, "--host", "a,b")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(os.listdir(parent), [])


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.parent = tempfile.TemporaryDirectory()
        cls.directory = os.path.join(cls.parent.name, "data")
        with Node(cls.directory) as node:
            node.init()
            for i in range(2000):
                node.ask(type="memtable_put", key=f"key{i:05}", value=f"value{i}")
            node.ask(type="sstable_flush")
            node.ask(type="memtable_put", key="later", value="in the log")
            assert node.finish() == 0, node.report()

    @classmethod
    def tearDownClass(cls):
        cls.parent.cleanup()

    def path(self, suffix):
        names = [name for name in os.listdir(self.directory) if name.endswith(suffix)]
        self.assertTrue(names, suffix)
        return os.path.join(self.directory, sorted(names)[-1])

    def damage(self, path, offset):
        """A copy of the file, under its own name, with one byte changed."""
        with open(path, "rb") as file:
            content = bytearray(file.read())
        content[offset] ^= 0x40
        copy = os.path.join(tempfile.mkdtemp(dir=self.parent.name), os.path.basename(path))
        with open(copy, "wb") as file:
            file.write(content)
        return copy

    def test_verify_finds_a_sound_database_sound_and_changes_nothing(self):
        before = sorted(os.listdir(self.directory))
        done = run("verify", self.directory)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sound, 1 tables", done.stdout)
        self.assertEqual(sorted(os.listdir(self.directory)), before)

    def test_inspect_table_shows_its_properties(self):
        done = run("inspect", "table", self.path(".sst"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"entries +2000\n")
        self.assertRegex(done.stdout, r"smallest key +key00000\n")

    def test_inspect_wal_shows_what_is_not_in_tables(self):
        done = run("inspect", "wal", self.path(".wal"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("put later (10 bytes)", done.stdout)

    def test_inspect_manifest_shows_the_edits(self):
        done = run("inspect", "manifest", self.path("MANIFEST-000001"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("+ L0 L0_001.sst 2000 entries", done.stdout)

    def test_damage_is_found(self):
        for kind, suffix, offset in (("table", ".sst", 100), ("wal", ".wal", 4100),
                                     ("manifest", "MANIFEST-000001", -1)):
            done = run("inspect", kind, self.damage(self.path(suffix), offset))
            self.assertEqual(done.returncode, 1, (kind, done.stdout))
            self.assertIn("corruption: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
