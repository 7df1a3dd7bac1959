// SPDX-License-Identifier: Apache-2.0
//
// The scripts that the tests of crashes and of faults put a database through. Each is a few hundred
// operations that make one part of the engine work; `scale` makes it longer.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/story.h"

namespace firn {

struct Script {
  std::string name;
  std::function<void(Story& story, unsigned scale)> run;
  bool wal = true;

  friend void PrintTo(const Script& script, std::ostream* out) { *out << script.name; }
};

inline void WriteSome(Story& story, std::uint64_t count, std::size_t bytes, std::uint64_t keys) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string key = Story::Key(story.random().Below(keys));
    if (story.random().OneIn(6)) {
      story.Delete(key, story.random().OneIn(8));
    } else {
      story.Put(key, story.Value(bytes), story.random().OneIn(8));
    }
  }
}

inline void PutsOfMixedDurability(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 3 * scale; ++round) {
    WriteSome(story, 12, 40, 20);
    story.Advance(std::chrono::milliseconds(150));
    WriteSome(story, 3, 40, 20);
    story.Sync();
    story.Advance(std::chrono::milliseconds(350));
  }
}

inline void Batches(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 12 * scale; ++round) {
    History::Write write;
    const std::string value = story.Value(60);
    for (std::uint64_t left = 1 + story.random().Below(40); left > 0; --left) {
      const std::string key = Story::Key(story.random().Below(60));
      write.push_back({key, story.random().OneIn(5) ? std::nullopt : std::optional(value)});
    }
    story.Write(std::move(write), round % 4 == 3);
  }
}

inline void Flushes(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 2 * scale; ++round) {
    WriteSome(story, 10, 100, 30);
    story.Flush();
    WriteSome(story, 5, 100, 30);
  }
  story.Flush();
  story.Flush();  // Of nothing.
  WriteSome(story, 5, 100, 30);
}

inline void Level0Compactions(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 4 * scale; ++round) {
    WriteSome(story, 20, 300, 40);
    story.Flush();
    story.Run();
  }
  WriteSome(story, 5, 100, 40);
}

inline void DeepCompactions(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 3 * scale; ++round) {
    WriteSome(story, 60, 400, 200);
    story.Flush();
    story.CompactLevel(0);
    WriteSome(story, 10, 100, 200);
    story.CompactLevel(1);
  }
  story.Compact();
  WriteSome(story, 5, 100, 200);
}

inline void TrivialMoves(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 3 * scale; ++round) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      story.Put(Story::Key(round * 100 + i), story.Value(200), i == 7);
    }
    story.Flush();
    story.CompactLevel(0);
    story.CompactLevel(1);
  }
}

// Tables with keys of 600 bytes at both ends make edits of a kilobyte, and the manifest is replaced
// at eight of them instead of a mebibyte: the crashes are the same, and copied in less time.
inline void ManifestRollOver(Story& story, unsigned scale) {
  story.engine().set_manifest_bytes_max(8 << 10);
  story.Open();
  for (unsigned round = 0; round < 8 * scale; ++round) {
    story.Put(Story::Key(round % 3) + std::string(600, 'k'), story.Value(20));
    story.Put("z" + Story::Key(round % 2) + std::string(600, 'k'), story.Value(20));
    story.Flush();
    if (round % 4 == 3) {
      story.Run();
    }
  }
}

inline void Checkpoints(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 2 * scale; ++round) {
    WriteSome(story, 20, 200, 40);
    story.Checkpoint("/copy" + std::to_string(round));
    WriteSome(story, 10, 200, 40);
  }
}

inline void OpeningAgain(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 2 * scale; ++round) {
    WriteSome(story, 50, 400, 60);
    story.KillAndReopen();
    WriteSome(story, 10, 100, 60);
    story.Reopen();
    story.Run();
  }
}

inline void Closing(Story& story, unsigned scale) {
  for (unsigned round = 0; round < 3 * scale; ++round) {
    story.Open();
    WriteSome(story, 25, 300, 40);
    story.Close();
  }
  story.Open();
}

// Segments gather until an opening flushes what they hold, and go where all is in tables.
inline void OpeningForLittle(Story& story, unsigned scale) {
  for (unsigned round = 0; round < scale; ++round) {
    for (unsigned turn = 0; turn < 6; ++turn) {
      story.Open();
      WriteSome(story, 2, 100, 60);
      story.Close();
    }
    story.Open();
    story.Flush();
    story.KillAndReopen();
    story.Reopen();
    WriteSome(story, 2, 100, 60);
    story.Close();
  }
  story.Open();
}

inline void NoLogButAppliedIndexes(Story& story, unsigned scale) {
  story.Open();
  for (unsigned round = 0; round < 3 * scale; ++round) {
    WriteSome(story, 60, 300, 50);
    story.Run();
    story.Flush();
    WriteSome(story, 10, 300, 50);
    story.Reopen();
  }
}

inline std::vector<Script> AllScripts() {
  return {{"PutsOfMixedDurability", PutsOfMixedDurability},
          {"Batches", Batches},
          {"Flushes", Flushes},
          {"Level0Compactions", Level0Compactions},
          {"DeepCompactions", DeepCompactions},
          {"TrivialMoves", TrivialMoves},
          {"ManifestRollOver", ManifestRollOver},
          {"Checkpoints", Checkpoints},
          {"OpeningAgain", OpeningAgain},
          {"Closing", Closing},
          {"OpeningForLittle", OpeningForLittle},
          {"NoLogButAppliedIndexes", NoLogButAppliedIndexes, false}};
}

}  // namespace firn
