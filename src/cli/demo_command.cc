// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/propagate.h"
#include "cli/child_process.h"
#include "cli/demo_play.h"

namespace firn::cli {
namespace {

constexpr std::chrono::milliseconds kStopPatience{5'000};
constexpr int kNodesMax = 9;  // Keys 1 to 9.
constexpr int kWritersMax = 999;

Error System(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::generic_category().message(errno)};
}

// Goes with this object, unless it was given by name.
class DemoDirectory {
 public:
  static Result<DemoDirectory> Make(const std::string& named) {
    std::error_code failed;
    if (!named.empty()) {
      std::filesystem::create_directories(named, failed);
      if (failed) {
        return Error{ErrorCode::kIo, named + ": " + failed.message()};
      }
      return DemoDirectory(named, false);
    }
    std::string path = (std::filesystem::temp_directory_path(failed) / "firn-demo-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
      return System(path);
    }
    return DemoDirectory(path, true);
  }
  DemoDirectory(DemoDirectory&& other) noexcept
      : path_(std::move(other.path_)), is_temporary_(std::exchange(other.is_temporary_, false)) {}
  DemoDirectory& operator=(DemoDirectory&&) = delete;
  ~DemoDirectory() {
    if (is_temporary_) {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);
    }
  }

  // After a failure there are logs to be read.
  void Keep() { is_temporary_ = false; }
  const std::string& path() const { return path_; }

 private:
  DemoDirectory(std::string path, bool is_temporary)
      : path_(std::move(path)), is_temporary_(is_temporary) {}

  std::string path_;
  bool is_temporary_ = false;
};

Result<bool> Play(const DemoArguments& arguments) {
  if (arguments.nodes < 1 || arguments.nodes > kNodesMax || arguments.writers < 1 ||
      arguments.writers > kWritersMax || !(arguments.seconds >= 0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "1 to 9 nodes, 1 to 999 writers and no negative seconds are possible"};
  }
  FIRN_TRY_ASSIGN(std::vector<DemoStep> script, ParseDemoScript(arguments.script, arguments.nodes));
  FIRN_TRY_ASSIGN(const std::string program, OwnProgram());
  FIRN_TRY_ASSIGN(DemoDirectory directory, DemoDirectory::Make(arguments.directory));
  if (IsToldToStop()) {  // From here on a signal ends it in order.
    return true;
  }
  DemoCluster cluster(program, directory.path());
  Result<bool> played = DemoPlay(arguments, std::move(script), cluster).Run();
  cluster.Stop(kStopPatience);
  if (!played || !*played) {
    directory.Keep();
  }
  return played;
}

}  // namespace

int RunDemo(const DemoArguments& arguments) {
  const Result<bool> played = Play(arguments);
  if (!played) {
    const int exit_code = Fail("demo", played.error());
    return played.error().code == ErrorCode::kInvalidArgument ? kUsage : exit_code;
  }
  return *played ? kOk : kFailed;
}

}  // namespace firn::cli
