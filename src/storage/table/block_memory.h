// SPDX-License-Identifier: Apache-2.0
//
// Memory for cached blocks. A cache that fills and empties for months must not take more memory
// than it accounts for, and its lookups should not wait for page tables. Blocks of about one size
// share chunks of 2 MiB, which are huge pages where many are in use; a chunk goes back to the
// system when its last block does. While more than an eighth of the memory is free, freed pages go
// back at once.
//
// One for the process, since blocks may outlive the cache they came from. Thread-safe. Allocating
// and freeing take one uncontended lock, about 50 ns. Under sanitizers it is malloc, so that they
// see every block.
#pragma once

#include <cstddef>

namespace firn::block_memory {

// Aligned to 64 bytes; not zeroed. Aborts when the system has none left.
void* Allocate(std::size_t bytes);
// `bytes` as they were asked for.
void Free(void* memory, std::size_t bytes);

// What an allocation of `bytes` takes: at most a sixteenth more, or 64 bytes, or a page.
std::size_t Footprint(std::size_t bytes);

struct Usage {
  std::size_t live_bytes = 0;  // Footprints of what is allocated.
  std::size_t free_bytes = 0;  // Held from the system and not in use, except for pages given back.
};
Usage CurrentUsage();

}  // namespace firn::block_memory
