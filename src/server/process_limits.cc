// SPDX-License-Identifier: Apache-2.0
#include "server/process_limits.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

namespace firn::server {

std::size_t ProcessorCount() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return 1;
  }
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
}

std::size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return static_cast<std::size_t>(before);
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace firn::server
