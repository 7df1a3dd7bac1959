// SPDX-License-Identifier: Apache-2.0
//
// The table of settings. Each kind of value has a maker that takes a place in the configuration;
// the places are lambdas without state, so that the table needs no memory and no order of starting.
#include <algorithm>
#include <limits>

#include "base/propagate.h"
#include "server/config.h"
#include "server/setting_text.h"

namespace firn::server {
namespace {

template <typename Place>
auto& At(const Config& config) {
  return Place{}(const_cast<Config&>(config));
}

template <typename Place>
Setting Text(std::string_view name, std::string_view placeholder, std::string_view about, Place) {
  return {.name = name,
          .placeholder = placeholder,
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            At<Place>(config) = text;
            return {};
          },
          .get = [](const Config& config) -> std::string { return At<Place>(config); }};
}

template <typename Place>
Setting Address(std::string_view name, std::string_view about, Place) {
  return {.name = name,
          .placeholder = "HOST:PORT",
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            if (!text.empty()) {
              FIRN_TRY(CheckAddress(text));
            }
            At<Place>(config) = text;
            return {};
          },
          .get = [](const Config& config) -> std::string { return At<Place>(config); }};
}

template <typename Place>
Setting Switch(std::string_view name, std::string_view about, Place) {
  return {.name = name,
          .placeholder = "",
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            FIRN_TRY_ASSIGN(At<Place>(config), ParseBoolean(text));
            return {};
          },
          .get = [](const Config& config) -> std::string {
            return At<Place>(config) ? "true" : "false";
          }};
}

template <typename Place>
Setting Bytes(std::string_view name, std::string_view about, Place) {
  return {.name = name,
          .placeholder = "BYTES",
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            FIRN_TRY_ASSIGN(At<Place>(config), ParseBytes(text));
            return {};
          },
          .get = [](const Config& config) { return FormatBytes(At<Place>(config)); }};
}

template <typename Place>
Setting Duration(std::string_view name, std::string_view about, Place) {
  return {.name = name,
          .placeholder = "TIME",
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            FIRN_TRY_ASSIGN(At<Place>(config), ParseDuration(text));
            return {};
          },
          .get = [](const Config& config) { return FormatDuration(At<Place>(config)); }};
}

template <typename Place>
Setting Count(std::string_view name, std::string_view about, Place) {
  return {.name = name,
          .placeholder = "N",
          .about = about,
          .set = [](Config& config, std::string_view text) -> Result<void> {
            constexpr std::uint64_t kMax = 1'000'000'000;
            FIRN_TRY_ASSIGN(const std::uint64_t count, ParseCount(text, kMax));
            auto& place = At<Place>(config);
            place = static_cast<std::remove_reference_t<decltype(place)>>(count);
            return {};
          },
          .get = [](const Config& config) { return std::to_string(At<Place>(config)); }};
}

// One of a few words.
template <typename Value>
struct Word {
  std::string_view word;
  Value value;
};

template <typename Place, typename Value, std::size_t N>
Result<void> SetWord(Config& config, std::string_view text, const Word<Value> (&words)[N]) {
  std::string known;
  for (const auto& [word, value] : words) {
    if (word == text) {
      At<Place>(config) = value;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  return Error{ErrorCode::kInvalidArgument, "'" + std::string(text) + "' is none of " + known};
}

template <typename Value, std::size_t N>
std::string WordOf(const Value& value, const Word<Value> (&words)[N]) {
  const auto found = std::find_if(std::begin(words), std::end(words),
                                  [&value](const auto& word) { return word.value == value; });
  return found == std::end(words) ? "" : std::string(found->word);
}

constexpr Word<Compression> kCompressions[] = {
    {"none", Compression::kNone}, {"lz4", Compression::kLz4}, {"zstd", Compression::kZstd}};
constexpr Word<ClientCertificates> kClientCertificates[] = {
    {"ignored", ClientCertificates::kIgnored},
    {"optional", ClientCertificates::kOptional},
    {"required", ClientCertificates::kRequired}};

Setting CompressionSetting() {
  constexpr auto kPlace = [](Config& c) -> auto& { return c.engine.compression; };
  return {
      .name = "compression",
      .placeholder = "CODEC",
      .about = "Codec of data blocks: none, lz4 or zstd",
      .set =
          [](Config& config, std::string_view text) {
            return SetWord<decltype(kPlace)>(config, text, kCompressions);
          },
      .get = [](const Config& config) { return WordOf(config.engine.compression, kCompressions); }};
}

constexpr Word<Durability> kDurabilities[] = {{"disk", Durability::kDisk},
                                              {"process", Durability::kProcess}};

Setting DurabilitySetting() {
  constexpr auto kPlace = [](Config& c) -> auto& { return c.durability; };
  return {.name = "durability",
          .placeholder = "WHEN",
          .about =
              "What an acknowledged write survives on a majority: disk: power loss; process: the "
              "end of the server, but not of all machines at once",
          .set =
              [](Config& config, std::string_view text) {
                return SetWord<decltype(kPlace)>(config, text, kDurabilities);
              },
          .get = [](const Config& config) { return WordOf(config.durability, kDurabilities); }};
}

Setting ClientCertificatesSetting() {
  constexpr auto kPlace = [](Config& c) -> auto& { return c.client_certificates; };
  return {.name = "tls-client-certificates",
          .placeholder = "WHETHER",
          .about = "Certificates of clients: ignored, optional or required",
          .set =
              [](Config& config, std::string_view text) {
                return SetWord<decltype(kPlace)>(config, text, kClientCertificates);
              },
          .get =
              [](const Config& config) {
                return WordOf(config.client_certificates, kClientCertificates);
              }};
}

std::vector<Setting> PlaceSettings() {
  return {
      Text("data", "DIR", "Data directory, made if it does not exist",
           [](Config& c) -> auto& { return c.data; }),
      Address("listen", "Where clients connect; port 0 takes a free one",
              [](Config& c) -> auto& { return c.listen; }),
      Address("peer-listen", "Where other nodes connect",
              [](Config& c) -> auto& { return c.peer_listen; }),
      Address("http-listen", "Where metrics and status pages are; empty: nowhere",
              [](Config& c) -> auto& { return c.http_listen; }),
      Address("advertise", "Client address that others are told; empty: the one listened on",
              [](Config& c) -> auto& { return c.advertise; }),
      Address("peer-advertise", "Peer address that others are told; empty: the one listened on",
              [](Config& c) -> auto& { return c.peer_advertise; }),
      Address("join", "Client address of any node of the cluster to join, for a new directory",
              [](Config& c) -> auto& { return c.join; }),
      Switch("learner", "Join without asking for a vote",
             [](Config& c) -> auto& { return c.learner; }),
      Text("ready-file", "FILE", "Write the addresses there, as JSON, once requests are served",
           [](Config& c) -> auto& { return c.ready_file; }),
      Duration("drain", "Time for requests under way to end when the node is told to stop",
               [](Config& c) -> auto& { return c.drain; }),
  };
}

std::vector<Setting> SecuritySettings() {
  return {
      Switch("insecure", "Listen beyond this machine without TLS",
             [](Config& c) -> auto& { return c.insecure; }),
      Text("tls-certificate", "FILE", "Certificate chain shown to clients; turns TLS on",
           [](Config& c) -> auto& { return c.tls.certificate; }),
      Text("tls-key", "FILE", "Its key", [](Config& c) -> auto& { return c.tls.key; }),
      Text("tls-client-ca", "FILE", "Who signs certificates of clients",
           [](Config& c) -> auto& { return c.tls.authority; }),
      ClientCertificatesSetting(),
      Text("peer-tls-certificate", "FILE", "Certificate of this node; turns TLS between nodes on",
           [](Config& c) -> auto& { return c.peer_tls.certificate; }),
      Text("peer-tls-key", "FILE", "Its key", [](Config& c) -> auto& { return c.peer_tls.key; }),
      Text("peer-tls-ca", "FILE", "Who signs certificates of nodes",
           [](Config& c) -> auto& { return c.peer_tls.authority; }),
      Switch("reflection", "Tell clients which services there are",
             [](Config& c) -> auto& { return c.reflection; }),
  };
}

std::vector<Setting> StoreSettings() {
  return {
      Bytes("memory", "Memtables, cached blocks and filters together",
            [](Config& c) -> auto& { return c.engine.memory_budget_bytes; }),
      Bytes("memtable", "Size at which a memtable is written as a table",
            [](Config& c) -> auto& { return c.engine.memtable_bytes; }),
      DurabilitySetting(),
      CompressionSetting(),
      Switch("auto-compaction", "Merge tables without being asked",
             [](Config& c) -> auto& { return c.engine.auto_compaction; }),
      Count("level0-tables", "Tables in level 0 at which they are merged",
            [](Config& c) -> auto& { return c.engine.level0_tables_max; }),
      Bytes("log-segment", "Size of a segment of the replicated log",
            [](Config& c) -> auto& { return c.log_segment_bytes; }),
      Bytes("log-kept", "Log kept for nodes that were away",
            [](Config& c) -> auto& { return c.log_kept_bytes; }),
      Duration("tick", "Clock of elections: a heartbeat, a tenth of the election timeout",
               [](Config& c) -> auto& { return c.tick; }),
      Count("workers",
            "Threads that read from the disk for calls; 0: two for each processor, four at least",
            [](Config& c) -> auto& { return c.workers; }),
  };
}

std::vector<Setting> LimitSettings() {
  return {
      Bytes("value-max", "Largest value; 64MiB at most",
            [](Config& c) -> auto& { return c.limits.value_bytes_max; }),
      Bytes("batch-max", "Largest batch of writes",
            [](Config& c) -> auto& { return c.limits.batch_bytes_max; }),
      Count("batch-operations-max", "Operations of a batch",
            [](Config& c) -> auto& { return c.limits.batch_operations_max; }),
      Bytes("page-max", "Size at which a page of a scan ends",
            [](Config& c) -> auto& { return c.limits.page_bytes_max; }),
      Bytes("metadata-max", "Metadata of a request",
            [](Config& c) -> auto& { return c.limits.metadata_bytes_max; }),
      Count("connections-max", "Connections of clients",
            [](Config& c) -> auto& { return c.limits.connections_max; }),
      Count("streams-max", "Requests under way on one connection",
            [](Config& c) -> auto& { return c.limits.streams_max; }),
      Count("scans-max", "Scans under way", [](Config& c) -> auto& { return c.limits.scans_max; }),
      Duration("scan-idle", "Time for which a scan waits for its next page to be taken",
               [](Config& c) -> auto& { return c.limits.scan_idle_max; }),
  };
}

std::vector<Setting> AllSettings() {
  std::vector<Setting> all;
  for (const auto& part : {PlaceSettings(), SecuritySettings(), StoreSettings(), LimitSettings()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Setting> Settings() {
  static const std::vector<Setting> all = AllSettings();
  return all;
}

}  // namespace firn::server
