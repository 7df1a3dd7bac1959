// SPDX-License-Identifier: Apache-2.0
//
// Which run of the machine this is: what the kernel had in memory is there as long as it is the
// same (random(4), /proc/sys/kernel/random/boot_id).
#pragma once

#include <string>

namespace firn {

// The same until the machine starts again, and never twice. Empty when the system does not say.
std::string BootId();

}  // namespace firn
