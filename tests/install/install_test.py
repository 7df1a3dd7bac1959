# SPDX-License-Identifier: Apache-2.0
"""Installs the build tree into a temporary prefix and builds an outside program against it.

usage: install_test.py SOURCE_FOLDER BUILD_FOLDER
"""
import os
import pathlib
import sys
import tempfile
import unittest

from shared_object import run

SOURCE = pathlib.Path(sys.argv[1])
BUILD = pathlib.Path(sys.argv[2])
CONSUMER = SOURCE / "tests/install/consumer"


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.prefix = cls.root / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.library = next(cls.prefix.rglob("libfirn.so"))
        packages = next(cls.prefix.rglob("firn.pc")).parent
        cls.environment = dict(os.environ, PKG_CONFIG_PATH=str(packages),
                               LD_LIBRARY_PATH=str(cls.library.parent))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check(self, program):
        database = self.root / (program.name + ".db")
        self.assertEqual(run(program, database, env=self.environment), "user:1=Alice\n")

    def test_a_cmake_project_finds_the_package(self):
        build = self.root / "build"
        run("cmake", "-S", CONSUMER, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        self.check(build / "consumer")
        self.check(build / "consumer_shared")

    def compile(self, name, *libraries):
        program = self.root / name
        flags = run("pkg-config", "--cflags", "firn", env=self.environment).split()
        run("g++", "-std=c++20", *flags, CONSUMER / "main.cc", *libraries, "-o", program)
        self.check(program)

    def test_pkg_config_gives_the_shared_library(self):
        libraries = run("pkg-config", "--libs", "firn", env=self.environment).split()
        self.compile("with_shared", *libraries)

    def test_pkg_config_gives_what_the_static_library_needs(self):
        libraries = run("pkg-config", "--libs", "--static", "firn", env=self.environment).split()
        archive = self.library.with_suffix(".a")
        self.compile("with_static", *[archive if word == "-lfirn" else word for word in libraries])

    def test_each_public_header_stands_alone(self):
        include = self.prefix / "include"
        for header in sorted(include.rglob("*.h")):
            run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                "-I", include, "-include", header, "-x", "c++", "/dev/null")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
