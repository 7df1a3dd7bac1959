// SPDX-License-Identifier: Apache-2.0
//
// What the messages of docs/protocol/node.md do, one file for each noun. The engine counts what the
// replies report; handlers only pass it on. What is given must outlive the node.
#pragma once

#include "firn/options.h"
#include "node/node.h"
#include "node/plain_log.h"
#include "storage/engine/engine.h"

namespace firn::node {

// The shape of tree that the protocol reports: memtables of 4 MiB, level 0 merged at four tables or
// 40 MiB, each level ten times larger than the one above.
Options NodeOptions();

inline constexpr std::size_t kScanReplyBytesMax = std::size_t{256} << 20;

// memtable_put, _get, _delete, _scan
void AddMemtableHandlers(Node& node, Engine& engine,
                         std::size_t scan_reply_bytes_max = kScanReplyBytesMax);
void AddTableHandlers(Node& node, Engine& engine);       // sstable_flush, sstable_lookup
void AddLevelHandlers(Node& node, Engine& engine);       // lsm_level_info, lsm_read, lsm_compact…
void AddStatisticsHandlers(Node& node, Engine& engine);  // stats
void AddLogHandlers(Node& node, PlainLog& log);          // wal_append, _read, _info, _recover

// All of them.
void AddHandlers(Node& node, Engine& engine, PlainLog& log);

// Where a read ended, as replies name it: "memtable", "L0", …; "" when it ended nowhere.
std::string PlaceOf(const ReadTrace& trace);

// A member that is null when there is no value.
void TextOrNull(JsonWriter& reply, std::string_view name, const std::optional<std::string>& value);

}  // namespace firn::node
