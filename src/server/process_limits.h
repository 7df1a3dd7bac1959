// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace firn::server {

// That this process may run on; at least 1.
std::size_t ProcessorCount();

// Lets this process open as many files as it is allowed to; returns how many that are.
std::size_t RaiseDescriptorLimit();

}  // namespace firn::server
