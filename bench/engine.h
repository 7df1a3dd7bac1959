// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark needs of an engine, so that Firn and its peers are driven by the same code. All
// functions may be called by several threads at once, each with cursors of its own. Errors end the
// program: an engine that fails measures nothing. Whatever is read is consumed, every byte of it,
// inside the adapter: so each engine reads by its best interface, without a copy where it has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firn::bench {

// The same for all engines.
struct EngineOptions {
  std::string directory;
  std::size_t memtable_bytes = std::size_t{64} << 20;
  std::size_t cache_bytes = std::size_t{6} << 30;  // Besides memtables.
  unsigned bloom_bits_per_key = 10;
  bool compress = false;  // LZ4 where the engine has it, else Snappy; LMDB has none.
};

// Adds up the bytes, as a consumer that looks at all of them.
inline std::uint64_t Digest(std::string_view bytes) {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    sum += word;
  }
  for (; i < bytes.size(); ++i) {
    sum += static_cast<unsigned char>(bytes[i]);
  }
  return sum;
}

inline constexpr std::uint64_t kToTheEnd = std::numeric_limits<std::uint64_t>::max();

class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view key) = 0;
  // Empty when it stands nowhere.
  virtual std::string_view Key() = 0;
  // Reads so many entries from where it stands, moving between them. Returns how many there were.
  virtual std::uint64_t ReadForward(std::uint64_t entries, std::uint64_t& digest) = 0;
  virtual std::uint64_t ReadBack(std::uint64_t entries, std::uint64_t& digest) = 0;
};

// A cursor over an engine's own iterator, wrapped so far that it has SeekToFirst, SeekToLast, Seek,
// Next, Prev, Valid, Key and Value. Reading many entries costs one virtual call.
template <typename Iterator>
class CursorOver final : public Cursor {
 public:
  explicit CursorOver(Iterator iterator) : iterator_(std::move(iterator)) {}
  void SeekToFirst() override { iterator_.SeekToFirst(); }
  void SeekToLast() override { iterator_.SeekToLast(); }
  void Seek(std::string_view key) override { iterator_.Seek(key); }
  std::string_view Key() override {
    return iterator_.Valid() ? iterator_.Key() : std::string_view();
  }
  std::uint64_t ReadForward(std::uint64_t entries, std::uint64_t& digest) override {
    return Read(entries, digest, [this] { iterator_.Next(); });
  }
  std::uint64_t ReadBack(std::uint64_t entries, std::uint64_t& digest) override {
    return Read(entries, digest, [this] { iterator_.Prev(); });
  }

 private:
  template <typename Move>
  std::uint64_t Read(std::uint64_t entries, std::uint64_t& digest, Move move) {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    while (count < entries && iterator_.Valid()) {
      sum += Digest(iterator_.Key()) + Digest(iterator_.Value());
      if (++count < entries) {
        move();
      }
    }
    digest += sum;
    return count;
  }

  Iterator iterator_;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // With `sync` it survives power loss when this returns, without it kill -9.
  virtual void Put(std::string_view key, std::string_view value, bool sync) = 0;
  virtual void Delete(std::string_view key) = 0;
  // Whether it is there.
  virtual bool Get(std::string_view key, std::uint64_t& digest) = 0;
  // How many are there. By the engine's own call for many keys where it has one.
  virtual std::size_t MultiGet(std::span<const std::string_view> keys, std::uint64_t& digest) {
    std::size_t found = 0;
    for (const std::string_view key : keys) {
      found += Get(key, digest) ? 1 : 0;
    }
    return found;
  }
  virtual std::unique_ptr<Cursor> NewCursor() = 0;
  // Whether it says that background work is under way or due; false also when it does not tell.
  virtual bool IsBusy() { return false; }
  // False: it has no such thing.
  virtual bool CompactAll() = 0;
};

struct EngineKind {
  std::string name;
  std::string version;
  std::unique_ptr<Engine> (*open)(const EngineOptions& options);
  // What of its settings is not its default, for the report.
  std::vector<std::string> (*settings)(const EngineOptions& options);
  // The goal is set by the log-structured peers; LMDB is shown beside them.
  bool sets_the_bar = true;
};

EngineKind FirnKind();
EngineKind RocksDbKind();
EngineKind LevelDbKind();
EngineKind LmdbKind();

// Those that the program was built with, Firn first.
const std::vector<EngineKind>& EngineKinds();
// Of those it could have been built with and was not: "lmdb (install liblmdb-dev)".
std::vector<std::string> MissingEngines();

// Prints the message and exits with 1.
[[noreturn]] void Die(const std::string& message);

}  // namespace firn::bench
