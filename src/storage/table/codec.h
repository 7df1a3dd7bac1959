// SPDX-License-Identifier: Apache-2.0
//
// The codecs of blocks. A Compressor keeps one working memory for all the blocks of a table; not
// thread-safe. Decompress is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "firn/options.h"
#include "firn/result.h"

namespace firn {

// Stored in block trailers: numbers are for ever.
enum class Codec : std::uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

class Compressor {
 public:
  explicit Compressor(Compression compression);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  Codec codec() const { return codec_; }
  // Compresses into `out` and returns the bytes used; 0 when they do not fit. Requires a codec
  // other than kNone.
  std::size_t Compress(std::string_view raw, std::span<char> out);

 private:
  struct Contexts;

  Codec codec_;
  std::unique_ptr<Contexts> contexts_;
};

// Fills exactly `raw`. kCorruption when the bytes are anything else than a block of that size.
Result<void> Decompress(Codec codec, std::string_view stored, std::span<char> raw);

}  // namespace firn
