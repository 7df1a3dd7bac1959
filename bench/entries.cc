// SPDX-License-Identifier: Apache-2.0
#include "entries.h"

#include <algorithm>
#include <array>

#include "base/random.h"

namespace firn::bench {
namespace {

constexpr unsigned kPoolBits = 20;
constexpr std::size_t kPieceBytes = 100;
constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
constexpr std::uint64_t kNineteenDigits = 10'000'000'000'000'000'000U;

std::string MakePool(std::size_t value_bytes) {
  Random random(301);
  std::string pool((std::size_t{1} << kPoolBits) + value_bytes + kPieceBytes, '\0');
  for (std::size_t at = 0; at + kPieceBytes <= pool.size(); at += kPieceBytes) {
    for (std::size_t i = 0; i < kPieceBytes / 2; ++i) {
      pool[at + i] = pool[at + kPieceBytes / 2 + i] = static_cast<char>(random.Next());
    }
  }
  return pool;
}

// One pool for all threads of a form; asked for before they start.
std::shared_ptr<const std::string> PoolFor(std::size_t value_bytes) {
  thread_local std::shared_ptr<const std::string> last;
  const std::size_t bytes = (std::size_t{1} << kPoolBits) + value_bytes + kPieceBytes;
  if (last == nullptr || last->size() != bytes) {
    last = std::make_shared<const std::string>(MakePool(value_bytes));
  }
  return last;
}

}  // namespace

EntryMaker::EntryMaker(const EntryForm& form)
    : form_(form),
      key_(form.scattered ? "user" + std::string(19, '0') : std::string(form.key_bytes, '0')),
      pool_(PoolFor(form.value_bytes)) {}

// Two digits for each division. Leading zeros are there already, but for those of a greater number.
void EntryMaker::Digits(std::uint64_t number) {
  static constexpr auto kPairs = [] {
    std::array<char, 200> pairs{};
    for (std::size_t i = 0; i < 100; ++i) {
      pairs[2 * i] = static_cast<char>('0' + i / 10);
      pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return pairs;
  }();
  char* const begin = key_.data() + (form_.scattered ? 4 : 0);
  char* end = key_.data() + key_.size();
  while (number > 0 && end - begin >= 2) {
    end -= 2;
    std::copy_n(kPairs.data() + 2 * (number % 100), 2, end);
    number /= 100;
  }
  if (end > begin && number > 0) {
    *--end = static_cast<char>('0' + number % 10);
  }
  std::fill(begin, end, '0');
}

std::string_view EntryMaker::Key(std::uint64_t number) {
  Digits(form_.scattered ? SplitMix64(number) % kNineteenDigits : number);
  return key_;
}

std::string_view EntryMaker::MissingKey(std::uint64_t number) {
  missing_.assign(Key(number));
  missing_.back() = '.';
  return missing_;
}

std::string_view EntryMaker::Value(std::uint64_t i) const {
  return {pool_->data() + (i * kGoldenRatio >> (64 - kPoolBits)), form_.value_bytes};
}

}  // namespace firn::bench
