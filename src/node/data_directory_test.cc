// SPDX-License-Identifier: Apache-2.0
#include "node/data_directory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "io/posix_file_system.h"
#include "io/temporary_directory.h"

namespace firn::node {
namespace {

// Points TMPDIR elsewhere while it lives.
class ScopedTmpdir {
 public:
  explicit ScopedTmpdir(const std::string& path) {
    if (const char* before = std::getenv("TMPDIR")) {
      before_ = before;
    }
    ::setenv("TMPDIR", path.c_str(), 1);
  }
  ~ScopedTmpdir() {
    if (before_) {
      ::setenv("TMPDIR", before_->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }

 private:
  std::optional<std::string> before_;
};

TEST(DataDirectory, IsRemovedWithItsFilesWhenItIsTemporary) {
  const TemporaryDirectory parent;
  const ScopedTmpdir tmpdir(parent.path());
  std::string path;
  {
    DataDirectory directory = DataDirectory::Temporary(PosixFileSystem()).value();
    path = directory.path();
    EXPECT_TRUE(path.starts_with(parent.path() + "/firn-node-"));
    auto file = PosixFileSystem()->CreateAppendable(JoinPath(path, "a")).value();
    ASSERT_TRUE(file->Close());
    EXPECT_TRUE(std::filesystem::exists(path + "/a"));
    const DataDirectory moved = std::move(directory);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(DataDirectory, StaysWhenItWasNamed) {
  const TemporaryDirectory parent;
  {
    DataDirectory directory = DataDirectory::Named(parent.path());
    EXPECT_TRUE(directory.Remove());
  }
  EXPECT_TRUE(std::filesystem::exists(parent.path()));
}

TEST(DataDirectory, SaysWhyItCannotBeMade) {
  const TemporaryDirectory parent;
  const ScopedTmpdir tmpdir(parent / "missing");
  const Result<DataDirectory> directory = DataDirectory::Temporary(PosixFileSystem());
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().context.find("missing/firn-node-"), std::string::npos);
}

TEST(DataDirectory, SaysWhichFileItCouldNotRemove) {
  const TemporaryDirectory parent;
  const ScopedTmpdir tmpdir(parent.path());
  DataDirectory directory = DataDirectory::Temporary(PosixFileSystem()).value();
  std::filesystem::create_directory(directory.path() + "/sub");
  const Result<void> removed = directory.Remove();
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().context.find("/sub"), std::string::npos);
}

}  // namespace
}  // namespace firn::node
