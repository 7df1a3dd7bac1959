// SPDX-License-Identifier: Apache-2.0
#include "io/boot_id.h"

#include <fstream>

namespace firn {

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace firn
