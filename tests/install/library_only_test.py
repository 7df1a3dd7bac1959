# SPDX-License-Identifier: Apache-2.0
"""Builds and installs the library alone (-DFIRN_SERVER=OFF), with the packages of the server hidden
from the configuration, and looks at what came: which files, which names, which other libraries.

usage: library_only_test.py SOURCE_FOLDER CMAKE_ARGUMENTS…
"""
import os
import pathlib
import re
import sys
import tempfile
import unittest

from shared_object import dynamic, exported, members, run, words_of_headers

SOURCE = pathlib.Path(sys.argv[1])
ARGUMENTS = sys.argv[2:]
SERVER_PACKAGES = ("CLI11", "nlohmann_json", "GTest", "Protobuf", "gRPC")
# All that the shared library may need; xxHash is compiled in.
MAY_NEED = r"lib(lz4|zstd|stdc\+\+|m|gcc_s|c)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+"
INSTALLED = r"""include/firn/\w+\.h
|lib/libfirn\.(a|so|so\.\d+|so\.\d+\.\d+\.\d+)
|lib/cmake/Firn/Firn(Config|ConfigVersion|Targets|Targets-\w+)\.cmake
|lib/pkgconfig/firn\.pc"""


class LibraryOnly(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.folder.name)
        build, cls.prefix = root / "build", root / "prefix"
        # Objects do not depend on the build folder, so that an earlier run fills the cache.
        environment = dict(os.environ, CCACHE_NOHASHDIR="1")
        run("cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", "-DFIRN_SERVER=OFF",
            "-DFIRN_TESTS=OFF", "-DCMAKE_INSTALL_LIBDIR=lib", *ARGUMENTS,
            *[f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON" for package in SERVER_PACKAGES])
        run("cmake", "--build", build, env=environment)
        run("cmake", "--install", build, "--prefix", cls.prefix)
        cls.library = cls.prefix / "lib/libfirn.so"
        cls.archive = cls.prefix / "lib/libfirn.a"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_nothing_but_the_library_is_installed(self):
        files = [str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")
                 if not path.is_dir()]
        self.assertIn("lib/libfirn.so", files)
        pattern = re.compile(INSTALLED, re.VERBOSE)
        self.assertEqual([name for name in files if not pattern.fullmatch(name)], [])

    def test_the_shared_library_needs_nothing_but_the_codecs(self):
        needed = dynamic(self.library, "NEEDED")
        self.assertEqual([name for name in needed if not re.fullmatch(MAY_NEED, name)], [])
        self.assertTrue(any(name.startswith("liblz4.") for name in needed), needed)
        self.assertEqual(dynamic(self.library, "SONAME"), ["libfirn.so.0"])

    def test_the_shared_library_exports_what_its_headers_declare_and_nothing_else(self):
        declared = words_of_headers(self.prefix / "include")
        names = exported(self.library)
        self.assertTrue(any(name.startswith("firn::Database::Open(") for name in names), names)
        for name in names:
            match = re.fullmatch(r"firn::((?:~?\w+::)*~?\w+).*", name)
            self.assertIsNotNone(match, name)
            for word in match[1].split("::"):
                if not word.startswith("operator"):
                    self.assertIn(word.lstrip("~"), declared, name)

    def test_the_static_library_holds_no_test_seam(self):
        objects = members(self.archive)
        self.assertIn("posix_file_system.cc.o", objects)
        seams = [name for name in objects if re.match(r"memory_file|faulty_|stepped_|.*test", name)]
        self.assertEqual(seams, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
