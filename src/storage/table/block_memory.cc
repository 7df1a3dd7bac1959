// SPDX-License-Identifier: Apache-2.0
//
// Sixteen size classes for each doubling. A chunk starts with its header, the stack of its free
// slots and a map of them:
//
//   Chunk | u16 free[slots] | u8 is_free[slots] | slot 0 | slot 1 | …
//
// A slot knows its chunk by its address, as chunks are aligned to their size. Nothing is kept in
// free slots, whose pages may be given back; the chunk knows page by page what it holds. An empty
// chunk is spare: it serves the next class that needs one, or is unmapped when too much is free.
#include "storage/table/block_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <cstdint>
#include <new>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "base/page.h"
#include "base/sanitized.h"

namespace firn::block_memory {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kChunkBytes = std::size_t{2} << 20;
constexpr std::size_t kPages = kChunkBytes / kPageBytes;
constexpr std::size_t kSlotBytesMax = std::size_t{256} << 10;
constexpr std::size_t kSmallSlotBytesMax = 1024;
constexpr std::size_t kClasses = 145;
// A class this large gets huge pages: one that is partly used wastes little of the whole.
constexpr std::size_t kChunksBeforeHugePages = 8;
// Allocations look for what others hold unused each time they have taken as much from the system.
constexpr std::size_t kTakenBytesMax = kChunkBytes / 2;

constexpr std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Distance of the sizes of slots about as large as `bytes`: a power of two.
std::size_t StepFor(std::size_t bytes) {
  return bytes <= kSmallSlotBytesMax ? kLine : std::bit_ceil(bytes) / 32;
}

std::size_t ClassOf(std::size_t slot_bytes) {
  if (slot_bytes <= kSmallSlotBytesMax) {
    return slot_bytes / kLine;
  }
  const std::size_t step = StepFor(slot_bytes);
  return 16 * static_cast<std::size_t>(std::countr_zero(step / kLine)) + slot_bytes / step;
}

struct Chunk {
  std::size_t slot_bytes;
  std::uint32_t slots;
  std::uint32_t free_count;
  std::uint32_t freed_count;    // Since pages were last given back.
  std::uint32_t list_position;  // Among the chunks of its class that have free slots.
  bool huge_pages;
  std::bitset<kPages> given_back;  // Pages that hold no memory until touched.

  std::uint16_t* free() { return reinterpret_cast<std::uint16_t*>(this + 1); }
  std::uint8_t* is_free() { return reinterpret_cast<std::uint8_t*>(free() + slots); }
  static std::size_t HeaderBytes(std::size_t slots) {
    return RoundUp(sizeof(Chunk) + 3 * slots, kLine);
  }
  char* Slot(std::size_t i) {
    return reinterpret_cast<char*>(this) + HeaderBytes(slots) + i * slot_bytes;
  }
  static Chunk* Of(void* memory) {
    auto address = reinterpret_cast<std::uintptr_t>(memory);
    return reinterpret_cast<Chunk*>(address & ~(kChunkBytes - 1));
  }
};

std::size_t PageOf(const Chunk* chunk, const char* place) {
  return static_cast<std::size_t>(place - reinterpret_cast<const char*>(chunk)) / kPageBytes;
}

std::size_t HeldBytes(const Chunk& chunk) {
  return kChunkBytes - chunk.given_back.count() * kPageBytes;
}

struct alignas(kLine) SizeClass {
  Mutex mutex;
  std::vector<Chunk*> with_room FIRN_GUARDED_BY(mutex);
  std::size_t chunks FIRN_GUARDED_BY(mutex) = 0;
};

struct Arena {
  std::array<SizeClass, kClasses> classes;
  std::atomic<std::size_t> live_bytes{0};
  std::atomic<std::size_t> held_bytes{0};   // Mapped, except for pages given back.
  std::atomic<std::size_t> kept_bytes{0};   // Not given back even while nobody uses them.
  std::atomic<std::size_t> taken_bytes{0};  // By allocations, since one last looked at all chunks.
  Mutex spares_mutex;                       // Taken with or without the mutex of a class.
  std::vector<Chunk*> spares FIRN_GUARDED_BY(spares_mutex);  // Empty, of no class.
};

// Never destroyed: blocks may be freed after main has ended.
Arena& TheArena() {
  static auto& arena = *new Arena;
  return arena;
}

void* Map(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FIRN_CHECK(memory != MAP_FAILED, bytes);
  return memory;
}

void* MapChunk() {
  auto* wide = static_cast<char*>(Map(2 * kChunkBytes));
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(wide) & (kChunkBytes - 1);
  if (before != 0) {
    munmap(wide, before);
  }
  munmap(wide + before + kChunkBytes, kChunkBytes - before);
  return wide + before;
}

// Lays out a chunk of whole memory, of which the pages in `given_back` are not there yet.
Chunk* FormatChunk(void* memory, std::size_t slot_bytes, bool huge_pages,
                   const std::bitset<kPages>& given_back) {
  std::size_t slots = kChunkBytes / slot_bytes;
  while (Chunk::HeaderBytes(slots) + slots * slot_bytes > kChunkBytes) {
    --slots;
  }
  auto count = static_cast<std::uint32_t>(slots);
  auto* chunk = new (memory) Chunk{slot_bytes, count, count, 0, 0, huge_pages, given_back};
  for (std::size_t page = 0; page <= PageOf(chunk, chunk->Slot(0) - 1); ++page) {
    chunk->given_back.reset(page);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    chunk->free()[i] = static_cast<std::uint16_t>(count - 1 - i);
    chunk->is_free()[i] = 1;
  }
  return chunk;
}

void NoteTaken(Arena& arena, std::size_t bytes) {
  arena.held_bytes.fetch_add(bytes, std::memory_order_relaxed);
  arena.taken_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

Chunk* TakeSpare(Arena& arena) {
  MutexLock lock(arena.spares_mutex);
  if (arena.spares.empty()) {
    return nullptr;
  }
  Chunk* spare = arena.spares.back();
  arena.spares.pop_back();
  return spare;
}

Chunk* MakeChunk(Arena& arena, std::size_t slot_bytes, bool huge_pages) {
  std::size_t held_before = 0;
  Chunk* chunk = TakeSpare(arena);
  if (chunk != nullptr) {
    held_before = HeldBytes(*chunk);
    const std::bitset<kPages> given_back = chunk->given_back;
    chunk = FormatChunk(chunk, slot_bytes, chunk->huge_pages, given_back);
  } else {
    void* memory = MapChunk();
    std::bitset<kPages> given_back;
    if (huge_pages) {
      madvise(memory, kChunkBytes, MADV_HUGEPAGE);  // Slower where it is refused, nothing else.
    } else {
      given_back.set();  // A huge page comes as a whole, small ones when they are touched.
    }
    chunk = FormatChunk(memory, slot_bytes, huge_pages, given_back);
  }
  NoteTaken(arena, HeldBytes(*chunk) - held_before);
  return chunk;
}

// Returns whether there was one to drop.
bool DropSpare(Arena& arena) {
  Chunk* spare = TakeSpare(arena);
  if (spare == nullptr) {
    return false;
  }
  arena.held_bytes.fetch_sub(HeldBytes(*spare), std::memory_order_relaxed);
  munmap(spare, kChunkBytes);
  return true;
}

void ListChunk(SizeClass& size_class, Chunk* chunk) FIRN_REQUIRES(size_class.mutex) {
  chunk->list_position = static_cast<std::uint32_t>(size_class.with_room.size());
  size_class.with_room.push_back(chunk);
}

void UnlistChunk(SizeClass& size_class, const Chunk* chunk) FIRN_REQUIRES(size_class.mutex) {
  Chunk* last = size_class.with_room.back();
  size_class.with_room[chunk->list_position] = last;
  last->list_position = chunk->list_position;
  size_class.with_room.pop_back();
}

// Gives back the whole pages of a run of free slots. Returns how many had been there.
std::size_t GiveBackRun(Chunk* chunk, std::size_t first_slot, std::size_t end_slot) {
  const std::size_t first = PageOf(chunk, chunk->Slot(first_slot) + kPageBytes - 1);
  const std::size_t end = PageOf(chunk, chunk->Slot(end_slot));
  std::size_t pages = 0;
  for (std::size_t page = first; page < end; ++page) {
    pages += chunk->given_back[page] ? 0 : 1;
    chunk->given_back.set(page);
  }
  if (pages != 0) {
    madvise(reinterpret_cast<char*>(chunk) + first * kPageBytes, (end - first) * kPageBytes,
            MADV_DONTNEED);
  }
  return pages;
}

void GiveBackPages(Arena& arena, Chunk* chunk) {
  if (chunk->huge_pages) {
    // Else the system might put huge pages together again, with the freed memory in them.
    madvise(chunk, kChunkBytes, MADV_NOHUGEPAGE);
    chunk->huge_pages = false;
  }
  std::size_t pages = 0;
  for (std::size_t slot = 0; slot < chunk->slots; ++slot) {
    const std::size_t first = slot;
    while (slot < chunk->slots && chunk->is_free()[slot] != 0) {
      ++slot;
    }
    pages += slot > first ? GiveBackRun(chunk, first, slot) : 0;
  }
  chunk->freed_count = 0;
  arena.held_bytes.fetch_sub(pages * kPageBytes, std::memory_order_relaxed);
}

// Slot `i` is about to be used: its pages come back when they are touched.
void TakePagesBack(Arena& arena, Chunk* chunk, std::uint32_t i) {
  if (chunk->given_back.none()) {
    return;
  }
  const std::size_t end = PageOf(chunk, chunk->Slot(i + 1) - 1);
  std::size_t pages = 0;
  for (std::size_t page = PageOf(chunk, chunk->Slot(i)); page <= end; ++page) {
    pages += chunk->given_back[page] ? 1 : 0;
    chunk->given_back.reset(page);
  }
  NoteTaken(arena, pages * kPageBytes);
}

bool HoldsTooMuch(const Arena& arena) {
  const std::size_t due = std::max(arena.live_bytes.load(std::memory_order_relaxed),
                                   arena.kept_bytes.load(std::memory_order_relaxed));
  const std::size_t held = arena.held_bytes.load(std::memory_order_relaxed);
  return held > due + due / 8 + kChunkBytes / 2;
}

// Gives back what is too much; not of the class that is about to use it.
void TrimAllBut(Arena& arena, const SizeClass* growing) {
  while (HoldsTooMuch(arena) && DropSpare(arena)) {
  }
  for (SizeClass& size_class : arena.classes) {
    if (&size_class == growing) {
      continue;
    }
    MutexLock lock(size_class.mutex);
    for (Chunk* chunk : size_class.with_room) {
      if (!HoldsTooMuch(arena)) {
        return;
      }
      GiveBackPages(arena, chunk);
    }
  }
}

// What one class takes while nothing is freed may lie unused in others.
void TrimIfGrown(Arena& arena, const SizeClass* growing) {
  if (arena.taken_bytes.load(std::memory_order_relaxed) < kTakenBytesMax) [[likely]] {
    return;
  }
  arena.taken_bytes.store(0, std::memory_order_relaxed);
  TrimAllBut(arena, growing);
}

void* AllocateSlot(Arena& arena, SizeClass& size_class, std::size_t slot_bytes) {
  MutexLock lock(size_class.mutex);
  if (size_class.with_room.empty()) {
    ++size_class.chunks;
    ListChunk(size_class, MakeChunk(arena, slot_bytes, size_class.chunks > kChunksBeforeHugePages));
  }
  Chunk* chunk = size_class.with_room.back();
  const std::uint16_t slot = chunk->free()[--chunk->free_count];
  chunk->is_free()[slot] = 0;
  TakePagesBack(arena, chunk, slot);
  if (chunk->free_count == 0) {
    UnlistChunk(size_class, chunk);
  }
  return chunk->Slot(slot);
}

void FreeSlot(void* memory) {
  Arena& arena = TheArena();
  Chunk* chunk = Chunk::Of(memory);
  SizeClass& size_class = arena.classes[ClassOf(chunk->slot_bytes)];
  MutexLock lock(size_class.mutex);
  const auto offset = static_cast<std::size_t>(static_cast<char*>(memory) - chunk->Slot(0));
  const auto slot = static_cast<std::uint32_t>(offset / chunk->slot_bytes);
  FIRN_CHECK(offset % chunk->slot_bytes == 0 && chunk->is_free()[slot] == 0, offset);
  chunk->free()[chunk->free_count++] = static_cast<std::uint16_t>(slot);
  chunk->is_free()[slot] = 1;
  if (chunk->free_count == 1) {
    ListChunk(size_class, chunk);
  }
  const bool is_worth_a_look = ++chunk->freed_count >= chunk->slots / 16;
  const bool is_empty = chunk->free_count == chunk->slots;
  if (is_empty) {
    UnlistChunk(size_class, chunk);
    --size_class.chunks;
    MutexLock spares_lock(arena.spares_mutex);
    arena.spares.push_back(chunk);
  }
  if (HoldsTooMuch(arena) && !DropSpare(arena) && !is_empty && is_worth_a_look) {
    GiveBackPages(arena, chunk);
  }
}

}  // namespace

std::size_t Footprint(std::size_t bytes) {
  const std::size_t least = std::max(bytes, kLine);
  return least <= kSlotBytesMax ? RoundUp(least, StepFor(least)) : RoundUp(least, kPageBytes);
}

void* Allocate(std::size_t bytes) {
  const std::size_t footprint = Footprint(bytes);
  Arena& arena = TheArena();
  arena.live_bytes.fetch_add(footprint, std::memory_order_relaxed);
  if (kIsSanitized) {
    arena.held_bytes.fetch_add(footprint, std::memory_order_relaxed);
    return ::operator new(bytes, std::align_val_t{kLine});
  }
  if (footprint > kSlotBytesMax) {
    arena.held_bytes.fetch_add(footprint, std::memory_order_relaxed);
    return Map(footprint);
  }
  SizeClass& size_class = arena.classes[ClassOf(footprint)];
  void* slot = AllocateSlot(arena, size_class, footprint);
  TrimIfGrown(arena, &size_class);
  return slot;
}

void Free(void* memory, std::size_t bytes) {
  const std::size_t footprint = Footprint(bytes);
  Arena& arena = TheArena();
  arena.live_bytes.fetch_sub(footprint, std::memory_order_relaxed);
  if (kIsSanitized) {
    arena.held_bytes.fetch_sub(footprint, std::memory_order_relaxed);
    ::operator delete(memory, std::align_val_t{kLine});
  } else if (footprint > kSlotBytesMax) {
    arena.held_bytes.fetch_sub(footprint, std::memory_order_relaxed);
    munmap(memory, footprint);
  } else {
    FreeSlot(memory);
  }
}

void Keep(std::size_t bytes) { TheArena().kept_bytes.fetch_add(bytes, std::memory_order_relaxed); }

void KeepNoMore(std::size_t bytes) {
  TheArena().kept_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

void Trim() { TrimAllBut(TheArena(), nullptr); }

Usage CurrentUsage() {
  const Arena& arena = TheArena();
  const std::size_t live = arena.live_bytes.load(std::memory_order_relaxed);
  const std::size_t held = arena.held_bytes.load(std::memory_order_relaxed);
  return {.live_bytes = live, .free_bytes = held > live ? held - live : 0};
}

}  // namespace firn::block_memory
