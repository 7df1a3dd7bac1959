// SPDX-License-Identifier: Apache-2.0
#include "key_chooser.h"

#include <algorithm>

namespace firn::bench {

KeyChooser::KeyChooser(Distribution distribution, std::uint64_t keys, std::uint64_t seed)
    : keys_(keys), random_(seed) {
  if (distribution == Distribution::kZipfian) {
    zipfian_.emplace(keys);
  }
}

std::uint64_t KeyChooser::Next() {
  return zipfian_ ? zipfian_->Scattered(random_) : random_.Below(keys_);
}

std::string KeyText(std::uint64_t number, std::size_t bytes) {
  std::string digits = std::to_string(number);
  return std::string(bytes - std::min(bytes, digits.size()), '0') + digits;
}

}  // namespace firn::bench
