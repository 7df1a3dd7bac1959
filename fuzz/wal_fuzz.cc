// SPDX-License-Identifier: Apache-2.0
//
// Replay of a log directory of up to three segments cut from the input. Half of the inputs are laid
// over a log that was really written, so that checksums hold up to the damage. Whatever comes is an
// error or records in ascending order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "io/memory_file_system.h"
#include "storage/wal/log.h"

namespace {

using firn::MemoryFileSystem;

std::shared_ptr<MemoryFileSystem> WrittenLog() {
  auto files = std::make_shared<MemoryFileSystem>();
  FIRN_CHECK(files->CreateDirectory("/db").has_value());
  auto log = firn::Log::Create({.files = *files,
                                .directory = "/db",
                                .segment_bytes = 64 << 10,
                                .way = firn::WalAppend::kWrite,
                                .first_segment = {1},
                                .predecessor = {},
                                .earlier_segments = {},
                                .durable_manifest = [] { return firn::ManifestPosition{}; }});
  FIRN_CHECK(log.has_value());
  for (std::uint64_t i = 1; i <= 12; ++i) {
    const std::string payload(i * 7, static_cast<char>('a' + i));
    const std::string_view part = payload;
    FIRN_CHECK((*log)->Append({i}, {&part, 1}).has_value());
    if (i % 4 == 0) {
      FIRN_CHECK((*log)->Sync().has_value());
    }
    if (i % 5 == 0) {
      FIRN_CHECK((*log)->StartSegment().has_value());
    }
  }
  return files;
}

void Overlay(MemoryFileSystem& files, std::string_view input) {
  while (input.size() > 4) {
    const auto segment = static_cast<std::uint64_t>(input[0] & 3);
    const std::string path = "/db/" + firn::WalFileName({segment});
    const auto at = static_cast<std::size_t>(static_cast<std::uint8_t>(input[1])) * 32 +
                    static_cast<std::uint8_t>(input[2]);
    const std::size_t length =
        std::min<std::size_t>(static_cast<std::uint8_t>(input[3]), input.size() - 4);
    auto content = firn::ReadWholeFile(files, path);
    std::string bytes = content ? *std::move(content) : std::string();
    bytes.resize(std::max(bytes.size(), at + length));
    bytes.replace(at, length, input.substr(4, length));
    files.SetContent(path, bytes);
    input.remove_prefix(4 + length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto written = WrittenLog();
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) {
    return 0;
  }
  auto files = written->CloneAfterKill();
  const bool overlay = (input[0] & 1) != 0;
  input.remove_prefix(1);
  if (overlay) {
    Overlay(*files, input);
  } else {
    files->SetContent("/db/" + firn::WalFileName({3}), input);
  }
  firn::SequenceNumber last;
  static_cast<void>(firn::ReplayLog(*files, "/db", {{1}}, [&last](const firn::LogRecord& record) {
    last = std::max(last, record.first);
    return firn::Result<void>();
  }));
  return 0;
}
