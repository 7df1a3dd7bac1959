// SPDX-License-Identifier: Apache-2.0
//
// Manifests, edits and slots of SUPER: they are refused, or what was understood encodes to
// something that means the same. An input is tried as an edit of its own, behind right checksums,
// and as a whole file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "storage/version/manifest.h"
#include "storage/version/superblock.h"
#include "storage/version/version.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto edit = firn::DecodeVersionEdit(input)) {
    const std::string encoded = firn::Encode(*edit);
    const auto again = firn::DecodeVersionEdit(encoded);
    FIRN_CHECK(again.has_value() && firn::Encode(*again) == encoded);
    static_cast<void>(firn::Version().Apply(*edit, nullptr));
  }
  std::string file = firn::EncodeManifestHeader({1});
  const std::size_t header_bytes = file.size();
  file += firn::EncodeManifestFrame({1}, header_bytes, input);
  if (const auto content = firn::ParseManifest(file, {1})) {
    FIRN_CHECK(input.empty() || content->valid_bytes == file.size(), content->valid_bytes);
  }
  static_cast<void>(firn::ParseManifest(input, {1}));
  for (const std::size_t slot_index : {std::size_t{0}, std::size_t{1}}) {
    static_cast<void>(firn::DecodeSuperSlot(input, slot_index));
  }
  return 0;
}
