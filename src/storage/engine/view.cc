// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/view.h"

#include <utility>

#include "base/epoch.h"
#include "base/striped_counter.h"

namespace firn {
namespace {

// A pointer to what `object` points to, with a count of its own in a cache line of its own.
template <typename T>
std::shared_ptr<T> WithOwnCount(std::shared_ptr<T> object) {
  struct alignas(64) Owner {
    explicit Owner(std::shared_ptr<T> held) : object(std::move(held)) {}
    std::shared_ptr<T> object;
  };
  auto owner = std::make_shared<Owner>(std::move(object));
  T* const pointer = owner->object.get();
  return {std::move(owner), pointer};
}

}  // namespace

CurrentView::CurrentView(std::shared_ptr<const View> first,
                         const std::shared_ptr<const FileLock>& lock)
    : owner_(std::move(first)), current_(owner_.get()) {
  for (Stripe& stripe : stripes_) {
    MutexLock locked(stripe.mutex);
    stripe.hold.lock = WithOwnCount(lock);
  }
  ShowToReaders(owner_);
}

CurrentView::~CurrentView() {
  // Nobody reads any more, but views retired before may still wait for a collection.
  CollectEpochs();
}

ViewHold CurrentView::Hold() const {
  Stripe& stripe = stripes_[internal::ThreadStripe() % kStripes];
  MutexLock lock(stripe.mutex);
  return stripe.hold;
}

void CurrentView::ShowToReaders(const std::shared_ptr<const View>& view) {
  for (Stripe& stripe : stripes_) {
    std::shared_ptr<const View> own = WithOwnCount(view);
    MutexLock lock(stripe.mutex);
    stripe.hold.view.swap(own);
  }
}

void CurrentView::Unlock() {
  for (Stripe& stripe : stripes_) {
    MutexLock lock(stripe.mutex);
    stripe.hold.lock.reset();
  }
}

void CurrentView::Change(const std::function<void(View&)>& change) {
  std::shared_ptr<const View> old;
  {
    MutexLock lock(mutex_);
    auto next = std::make_shared<View>();
    next->active = owner_->active;
    next->frozen_newest_first = owner_->frozen_newest_first;
    next->version = owner_->version;
    next->oldest_readable = owner_->oldest_readable;
    change(*next);
    old = std::exchange(owner_, std::move(next));
    current_.store(owner_.get(), std::memory_order_release);
    ShowToReaders(owner_);
  }
  // The last reference may free a whole memtable, so it counts as one towards the next collection.
  const std::size_t bytes = old->active->memory_bytes();
  RetireInEpoch(bytes, [old = std::move(old)] {});
}

}  // namespace firn
