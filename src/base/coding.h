// SPDX-License-Identifier: Apache-2.0
//
// Bytes on disk. Integers are little-endian unless a name says otherwise; varints are LEB128. The
// Put* functions append to a string; Decoder takes a span of untrusted bytes apart and remembers
// the first thing that did not fit, so that a parser checks once at its end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace firn {

static_assert(std::endian::native == std::endian::little, "big-endian machines are not supported");

template <typename Integer>
inline Integer LoadLittle(const void* bytes) {
  Integer value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename Integer>
inline void StoreLittle(void* bytes, Integer value) {
  std::memcpy(bytes, &value, sizeof value);
}

template <typename Integer>
inline void PutLittle(std::string& out, Integer value) {
  char bytes[sizeof value];
  StoreLittle(bytes, value);
  out.append(bytes, sizeof value);
}

inline constexpr std::size_t kVarintBytesMax = 10;

// Writes at most kVarintBytesMax bytes at `out`; returns the byte after the last.
inline char* StoreVarint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline void PutVarint(std::string& out, std::uint64_t value) {
  char bytes[kVarintBytesMax];
  out.append(bytes, static_cast<std::size_t>(StoreVarint(bytes, value) - bytes));
}

inline std::size_t VarintBytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// A length and the bytes.
inline void PutString(std::string& out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out.append(bytes);
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  // Each returns zero or empty once something did not fit; ok() tells.
  template <typename Integer>
  Integer Little() {
    if (bytes_.size() < sizeof(Integer)) {
      return Fail<Integer>();
    }
    auto value = LoadLittle<Integer>(bytes_.data());
    bytes_.remove_prefix(sizeof(Integer));
    return value;
  }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      auto byte = static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      if (shift == 63 && byte > 1) {
        break;
      }
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return Fail<std::uint64_t>();
  }

  std::string_view Bytes(std::uint64_t length) {
    if (bytes_.size() < length) {
      return Fail<std::string_view>();
    }
    std::string_view taken = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return taken;
  }

  std::string_view String() { return Bytes(Varint()); }

  bool ok() const { return ok_; }
  bool done() const { return bytes_.empty(); }
  std::string_view rest() const { return bytes_; }

 private:
  template <typename Value>
  Value Fail() {
    ok_ = false;
    bytes_ = {};
    return Value{};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace firn
