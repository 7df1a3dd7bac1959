// SPDX-License-Identifier: Apache-2.0
//
// Files of keys are made with their permissions, not given them afterwards: nobody can open one in
// between.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/propagate.h"
#include "server/tls/certificates.h"

namespace firn {
namespace {

constexpr mode_t kPublicMode = 0644;
constexpr mode_t kPrivateMode = 0600;

Error SystemFailed(const std::string& path, int error) {
  const ErrorCode code = error == EEXIST   ? ErrorCode::kAlreadyExists
                         : error == ENOSPC ? ErrorCode::kNoSpace
                         : error == ENOENT ? ErrorCode::kNotFound
                                           : ErrorCode::kIo;
  return {code, path + ": " + std::strerror(error)};
}

Result<void> WriteNew(const std::string& path, const std::string& text, mode_t mode) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) {
    return SystemFailed(path, errno);
  }
  const ssize_t written = ::write(descriptor, text.data(), text.size());
  const int error = written == static_cast<ssize_t>(text.size()) ? 0 : written < 0 ? errno : ENOSPC;
  if (::close(descriptor) != 0 || error != 0) {
    const Error failed = SystemFailed(path, error != 0 ? error : errno);
    ::unlink(path.c_str());
    return failed;
  }
  return {};
}

}  // namespace

Result<void> WritePem(const std::string& stem, const PemPair& pair) {
  FIRN_TRY(WriteNew(stem + ".key", pair.key, kPrivateMode));
  const Result<void> written = WriteNew(stem + ".pem", pair.certificate, kPublicMode);
  if (!written) {
    ::unlink((stem + ".key").c_str());
  }
  return written;
}

}  // namespace firn
