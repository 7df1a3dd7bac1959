// SPDX-License-Identifier: Apache-2.0
//
// Releasing a snapshot may close files, so pins are destroyed outside the mutex. They are few
// enough to be walked.
#include "server/scan_pins.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace firn::server {
namespace {

constexpr std::chrono::nanoseconds kFinishedPinStays = std::chrono::seconds(5);

}  // namespace

std::uint64_t ScanPins::Add(const PinnedState& state) {
  std::optional<Pin> displaced;
  const std::chrono::nanoseconds due = clock_.Now() + bounds_.idle_max;
  MutexLock lock(mutex_);
  if (pins_.size() >= bounds_.count_max && !pins_.empty()) {
    const auto oldest =
        std::min_element(pins_.begin(), pins_.end(),
                         [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
    displaced = std::move(oldest->second);
    pins_.erase(oldest);
  }
  pins_.emplace(++last_pin_, Pin{.state = state, .due = due});
  return last_pin_;
}

std::optional<PinnedState> ScanPins::Use(std::uint64_t pin) {
  const std::chrono::nanoseconds now = clock_.Now();
  MutexLock lock(mutex_);
  const auto found = pins_.find(pin);
  if (found == pins_.end() || found->second.due < now) {
    return std::nullopt;
  }
  found->second.due = now + bounds_.idle_max;
  return found->second.state;
}

void ScanPins::Finish(std::uint64_t pin) {
  const std::chrono::nanoseconds due = clock_.Now() + kFinishedPinStays;
  MutexLock lock(mutex_);
  if (const auto found = pins_.find(pin); found != pins_.end()) {
    found->second.due = std::min(found->second.due, due);
  }
}

void ScanPins::Sweep() {
  std::vector<Pin> dropped;
  const std::chrono::nanoseconds now = clock_.Now();
  MutexLock lock(mutex_);
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    if (pin->second.due < now) {
      dropped.push_back(std::move(pin->second));
      pin = pins_.erase(pin);
    } else {
      ++pin;
    }
  }
}

void ScanPins::Clear() {
  std::map<std::uint64_t, Pin> dropped;
  MutexLock lock(mutex_);
  std::swap(dropped, pins_);
}

std::size_t ScanPins::size() const {
  MutexLock lock(mutex_);
  return pins_.size();
}

}  // namespace firn::server
