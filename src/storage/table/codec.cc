// SPDX-License-Identifier: Apache-2.0
//
// LZ4 and Zstd behind one face. Both refuse to write beyond the room they are given, which is how a
// block that does not shrink enough is found out early, and both check hostile input themselves.
#include "storage/table/codec.h"

#include <lz4.h>
#include <zstd.h>

#include <string>

#include "base/check.h"

namespace firn {
namespace {

constexpr int kLz4Acceleration = 1;
constexpr int kZstdLevel = 1;

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Error Refused(std::string_view codec, std::string_view why) {
  return {ErrorCode::kCorruption,
          std::string("block that ").append(codec).append(" cannot decompress: ").append(why)};
}

std::size_t DecompressZstd(std::string_view stored, std::span<char> raw) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  return ZSTD_decompressDCtx(context.get(), raw.data(), raw.size(), stored.data(), stored.size());
}

}  // namespace

struct Compressor::Contexts {
  std::unique_ptr<char[]> lz4;
  std::unique_ptr<ZSTD_CCtx, FreeZstd> zstd;
};

Compressor::Compressor(Compression compression)
    : codec_(compression == Compression::kNone  ? Codec::kNone
             : compression == Compression::kLz4 ? Codec::kLz4
                                                : Codec::kZstd),
      contexts_(std::make_unique<Contexts>()) {
  if (codec_ == Codec::kLz4) {
    contexts_->lz4 = std::make_unique<char[]>(static_cast<std::size_t>(LZ4_sizeofState()));
  } else if (codec_ == Codec::kZstd) {
    contexts_->zstd.reset(ZSTD_createCCtx());
  }
}

Compressor::~Compressor() = default;

std::size_t Compressor::Compress(std::string_view raw, std::span<char> out) {
  FIRN_CHECK(codec_ != Codec::kNone);
  if (codec_ == Codec::kLz4) {
    return static_cast<std::size_t>(LZ4_compress_fast_extState(
        contexts_->lz4.get(), raw.data(), out.data(), static_cast<int>(raw.size()),
        static_cast<int>(out.size()), kLz4Acceleration));
  }
  const std::size_t used = ZSTD_compressCCtx(contexts_->zstd.get(), out.data(), out.size(),
                                             raw.data(), raw.size(), kZstdLevel);
  return ZSTD_isError(used) != 0 ? 0 : used;
}

Result<void> Decompress(Codec codec, std::string_view stored, std::span<char> raw) {
  switch (codec) {
    case Codec::kNone: return Error{ErrorCode::kCorruption, "raw block where sizes differ"};
    case Codec::kLz4: {
      const int size = LZ4_decompress_safe(
          stored.data(), raw.data(), static_cast<int>(stored.size()), static_cast<int>(raw.size()));
      if (size < 0 || static_cast<std::size_t>(size) != raw.size()) {
        return Refused("lz4", "result " + std::to_string(size) + " want " +
                                  std::to_string(raw.size()) + " bytes");
      }
      return {};
    }
    case Codec::kZstd: {
      const std::size_t size = DecompressZstd(stored, raw);
      if (ZSTD_isError(size) != 0) {
        return Refused("zstd", ZSTD_getErrorName(size));
      }
      if (size != raw.size()) {
        return Refused("zstd",
                       std::to_string(size) + " want " + std::to_string(raw.size()) + " bytes");
      }
      return {};
    }
  }
  return Error{ErrorCode::kUnsupported, "block with codec " +
                                            std::to_string(static_cast<int>(codec)) +
                                            ", this version knows 0 to 2"};
}

}  // namespace firn
