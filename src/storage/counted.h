// SPDX-License-Identifier: Apache-2.0
//
// Objects that count their references themselves, for blocks of the cache: a pointer to one is a
// single word that an atomic slot can hold, and a reader inside an epoch may turn the bare pointer
// it found there into a reference. Counting is thread-safe; one CountedPointer is not.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace firn {

// Born with one reference, which CountedPointer::Adopt takes over.
class Counted {
 public:
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 protected:
  Counted() = default;
  virtual ~Counted() = default;

 private:
  template <typename T>
  friend class CountedPointer;

  // Ends the object and frees its memory.
  virtual void Destroy() const noexcept = 0;

  mutable std::atomic<std::uint32_t> references_{1};
};

template <typename T>
class CountedPointer {
 public:
  CountedPointer() = default;
  static CountedPointer Adopt(T* object) { return CountedPointer(object); }
  // Adds a reference. Something else must hold one meanwhile, or an epoch protect the object.
  static CountedPointer Share(T* object) {
    if (object != nullptr) {
      static_cast<const Counted*>(object)->references_.fetch_add(1, std::memory_order_relaxed);
    }
    return CountedPointer(object);
  }

  CountedPointer(const CountedPointer& other) : CountedPointer(Share(other.object_)) {}
  CountedPointer(CountedPointer&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
  CountedPointer(CountedPointer<U>&& other) noexcept : object_(other.Release()) {}
  CountedPointer& operator=(CountedPointer other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~CountedPointer() {
    if (object_ != nullptr && static_cast<const Counted*>(object_)->references_.fetch_sub(
                                  1, std::memory_order_acq_rel) == 1) {
      static_cast<const Counted*>(object_)->Destroy();
    }
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // Gives the reference to the caller, who must Adopt it again.
  [[nodiscard]] T* Release() { return std::exchange(object_, nullptr); }

 private:
  explicit CountedPointer(T* object) : object_(object) {}

  T* object_ = nullptr;
};

}  // namespace firn
