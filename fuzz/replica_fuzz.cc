// SPDX-License-Identifier: Apache-2.0
//
// What a replica reads from its log, its files and its peers. Bytes are refused, or what was
// understood is understood the same from its own encoding. The first byte of an input chooses the
// parser; those that check a checksum also get the input with a right one behind it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "replica/auditor.h"
#include "replica/ballot.h"
#include "replica/command.h"
#include "replica/forwarder.h"
#include "replica/identity.h"
#include "replica/raft_log.h"
#include "replica/state_machine.h"
#include "replica/state_transfer.h"

namespace {

template <typename Decode>
void RoundTrip(std::string_view bytes, Decode decode) {
  const auto understood = decode(bytes);
  if (understood) {
    const auto again = decode(Encode(*understood));
    FIRN_CHECK(again.has_value());
    FIRN_CHECK(*again == *understood);
  }
}

// Commands of a group, put into another one, are the same commands.
void VisitGroupTwice(std::string_view bytes) {
  firn::GroupBuilder copy({});
  std::size_t count = 0;
  const auto visited = firn::VisitGroup(bytes, [&](const firn::Command& command) {
    copy.Add(command);
    ++count;
    return firn::Result<void>();
  });
  if (!visited) {
    return;
  }
  const std::string group = copy.Take();
  std::size_t found = 0;
  const auto again = firn::VisitGroup(group, [&](const firn::Command&) {
    ++found;
    return firn::Result<void>();
  });
  FIRN_CHECK(again.has_value() && found == count, found, count);
}

void DecodeRecord(std::string_view bytes) {
  const auto record = firn::DecodeRaftLogRecord(bytes);
  if (record) {
    const std::string again = firn::EncodeRecordHead(*record) + std::string(record->data);
    FIRN_CHECK(firn::DecodeRaftLogRecord(again).value() == *record);
  }
}

void DecodeSlot(std::string_view bytes) {
  for (std::size_t index = 0; index < 2; ++index) {
    const auto slot = firn::DecodeBallotSlot(bytes, index);
    if (slot && *slot) {
      const std::string again = Encode(**slot, index);
      FIRN_CHECK(firn::DecodeBallotSlot(again, index).value()->ballot == (*slot)->ballot);
    }
  }
}

std::string Sealed(std::string_view bytes) {
  std::string sealed(bytes);
  firn::PutLittle(sealed, firn::Crc32c(bytes));
  return sealed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 12) {
    case 0: DecodeRecord(bytes); break;
    case 1: VisitGroupTwice(bytes); break;
    case 2: RoundTrip(bytes, firn::DecodeReplicaState); break;
    case 3: RoundTrip(bytes, firn::DecodeMember); break;
    case 4:
      RoundTrip(bytes, firn::DecodeIdentity);
      RoundTrip(Sealed(bytes), firn::DecodeIdentity);
      break;
    case 5: DecodeSlot(bytes); break;
    case 6:
      RoundTrip(bytes, firn::DecodeListing);
      RoundTrip(Sealed(bytes), firn::DecodeListing);
      break;
    case 7: RoundTrip(bytes, firn::DecodeFetchRequest); break;
    case 8: RoundTrip(bytes, firn::DecodeChunk); break;
    case 9: RoundTrip(bytes, firn::DecodeInstalled); break;
    case 10:
      RoundTrip(bytes, firn::DecodeForwardedCommand);
      RoundTrip(bytes, firn::DecodeForwardedReply);
      break;
    default: RoundTrip(bytes, firn::DecodeAuditSum); break;
  }
  return 0;
}
