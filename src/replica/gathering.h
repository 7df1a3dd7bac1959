// SPDX-License-Identifier: Apache-2.0
//
// When requests of a kind that came together should go on together. A group of commands costs every
// voter a write and a round of messages, a group of reads a round of heartbeats, whatever its size:
// so a group behind others is as large as all that are under way, and three quarters of what one
// was lately. With nothing under way it goes at once; or, where an owner with a clock asks for it,
// the first of many waits for the others, too, and the owner ends that before long. A request alone
// never waits.
#pragma once

#include <algorithm>
#include <cstddef>

namespace firn {

class Gathering {
 public:
  explicit Gathering(bool first_waits) : first_waits_(first_waits) {}

  // Whether the `waiting` should go on now.
  bool IsDue(std::size_t waiting, std::size_t under_way) const {
    return waiting > 0 &&
           ((under_way == 0 && !first_waits_) || waiting >= std::max(under_way, Expected()));
  }
  // How many more the first ones wait for; 0: for none, or for what is under way.
  std::size_t Missing(std::size_t waiting, std::size_t under_way) const {
    return waiting == 0 || under_way > 0 || IsDue(waiting, 0) ? 0 : Expected() - waiting;
  }
  void NoteGroup(std::size_t size) { recent_ = std::max(size, recent_ - (recent_ + 7) / 8); }
  // Whoever waits now waits for nobody.
  void End() { recent_ = 0; }

 private:
  std::size_t Expected() const { return recent_ * 3 / 4; }

  const bool first_waits_;
  std::size_t recent_ = 0;  // Of the largest group lately; smaller ones wear it down.
};

}  // namespace firn
