// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>

#include "engine.h"

namespace firn::bench {

const std::vector<EngineKind>& EngineKinds() {
  static const std::vector<EngineKind> kinds = {
      FirnKind(),
#ifdef FIRN_BENCH_ROCKSDB
      RocksDbKind(),
#endif
#ifdef FIRN_BENCH_LEVELDB
      LevelDbKind(),
#endif
#ifdef FIRN_BENCH_LMDB
      LmdbKind(),
#endif
  };
  return kinds;
}

std::vector<std::string> MissingEngines() {
  std::vector<std::string> missing;
#ifndef FIRN_BENCH_ROCKSDB
  missing.emplace_back("rocksdb (install librocksdb-dev)");
#endif
#ifndef FIRN_BENCH_LEVELDB
  missing.emplace_back("leveldb (install libleveldb-dev)");
#endif
#ifndef FIRN_BENCH_LMDB
  missing.emplace_back("lmdb (install liblmdb-dev)");
#endif
  return missing;
}

void Die(const std::string& message) {
  std::fprintf(stderr, "firn bench: %s\n", message.c_str());
  std::exit(1);
}

}  // namespace firn::bench
