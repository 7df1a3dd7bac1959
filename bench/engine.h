// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark needs of an engine, so that Firn and its peers are driven by the same code.
// Errors end the program: a benchmark of an engine that fails measures nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace firn::bench {

// The same for all engines.
struct EngineOptions {
  std::string directory;
  std::size_t memtable_bytes = std::size_t{64} << 20;
  std::size_t cache_bytes = std::size_t{6} << 30;
  unsigned bloom_bits_per_key = 10;
  bool compress = false;  // LZ4 where the engine has it, else Snappy.
};

class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view key) = 0;
  virtual void Next() = 0;
  virtual void Prev() = 0;
  virtual bool Valid() = 0;
  virtual std::string_view Key() = 0;
  virtual std::string_view Value() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual void Put(std::string_view key, std::string_view value, bool sync) = 0;
  virtual bool Get(std::string_view key, std::string& value) = 0;
  virtual std::unique_ptr<Cursor> NewCursor() = 0;
  // Waits until background work has nothing left to do.
  virtual void Settle() = 0;
  virtual void CompactAll() = 0;
  // Bytes written to tables and log so far; 0 when the engine does not tell.
  virtual std::uint64_t BytesWritten() { return 0; }
};

std::unique_ptr<Engine> OpenFirn(const EngineOptions& options);
std::unique_ptr<Engine> OpenRocksDb(const EngineOptions& options);
std::unique_ptr<Engine> OpenLevelDb(const EngineOptions& options);

// Prints the message and exits with 1.
[[noreturn]] void Die(const std::string& message);

}  // namespace firn::bench
