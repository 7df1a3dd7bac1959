// SPDX-License-Identifier: Apache-2.0
//
// What anybody can send to the port of peers: preambles, hellos, answers and frames. They are
// refused, or what was understood encodes to the same bytes again. How a stream of frames is cut
// into pieces makes no difference. The first byte of an input is the largest payload allowed, in
// units of 16, and how large the pieces are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "server/peer/frame.h"
#include "server/peer/handshake.h"

namespace {

// What a decoder makes of the stream, as frames again, and how it ended.
struct Outcome {
  std::string frames;
  std::string error;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome DecodeInPieces(std::string_view stream, std::size_t payload_max, std::size_t piece_bytes) {
  firn::FrameDecoder decoder(payload_max);
  Outcome outcome;
  while (!stream.empty() && outcome.error.empty()) {
    const std::string_view piece = stream.substr(0, piece_bytes);
    stream.remove_prefix(piece.size());
    const auto fed =
        decoder.Feed(piece, [&](firn::PeerMessageKind kind, const std::string& payload) {
          FIRN_CHECK(payload.size() <= payload_max, payload.size());
          outcome.frames += firn::EncodeFrame(kind, payload);
        });
    if (!fed) {
      outcome.error = fed.error().context;
    }
  }
  return outcome;
}

// Frames cut from the input, with right checksums: the input alone hardly ever has one.
std::string Sealed(std::string_view input) {
  std::string stream;
  while (input.size() > 2) {
    const std::size_t length =
        std::min<std::size_t>(static_cast<std::uint8_t>(input[1]), input.size() - 2);
    std::string frame;
    firn::PutLittle(frame, static_cast<std::uint32_t>(length));
    frame += input[0];
    const std::string_view payload = input.substr(2, length);
    firn::PutLittle(frame, firn::Crc32c(payload, firn::Crc32c(frame)));
    stream += frame.append(payload);
    input.remove_prefix(2 + length);
  }
  return stream;
}

void TryHandshake(std::string_view fields) {
  std::string body(fields);
  firn::PutLittle(body, firn::Crc32c(fields));
  if (const auto hello = firn::DecodeHello(body)) {
    FIRN_CHECK(firn::DecodeHello(firn::Encode(*hello).substr(firn::kPreambleBytes)).value() ==
               *hello);
    const firn::Answer answer =
        firn::Judge(*hello, {.cluster = 1, .node = {2}, .directory = 3}, "");
    FIRN_CHECK(answer.refused.has_value() == firn::Check(answer, *hello).has_value());
  }
  if (const auto answer = firn::DecodeAnswer(body)) {
    FIRN_CHECK(firn::DecodeAnswer(firn::Encode(*answer).substr(firn::kPreambleBytes)).value() ==
               *answer);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) {
    return 0;
  }
  const auto knob = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  for (const std::string& stream : {std::string(input), Sealed(input)}) {
    const Outcome whole = DecodeInPieces(stream, knob * std::size_t{16}, stream.size());
    FIRN_CHECK(DecodeInPieces(stream, knob * std::size_t{16}, 1 + knob % 13) == whole);
  }
  static_cast<void>(firn::DecodePreamble(input.substr(0, firn::kPreambleBytes)));
  static_cast<void>(firn::DecodeHello(input));
  static_cast<void>(firn::DecodeAnswer(input));
  TryHandshake(input);
  return 0;
}
