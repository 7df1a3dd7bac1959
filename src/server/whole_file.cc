// SPDX-License-Identifier: Apache-2.0
#include "server/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/propagate.h"
#include "io/posix_descriptor.h"

namespace firn::server {

Result<void> ReplaceFile(const std::string& path, std::string_view content) {
  const std::string draft = path + ".new";
  {
    FIRN_TRY_ASSIGN(const posix::Descriptor file,
                    posix::OpenDescriptor("create", draft, O_WRONLY | O_CREAT | O_TRUNC));
    FIRN_TRY(posix::WriteAt(file.get(), draft, 0, content));
    FIRN_TRY(posix::SyncData(file.get(), draft));
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return posix::SystemError("rename to", path, errno);
  }
  return posix::SyncDirectoryAt(posix::ParentOf(path));
}

}  // namespace firn::server
