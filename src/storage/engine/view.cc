// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/view.h"

#include <utility>

#include "base/epoch.h"

namespace firn {

CurrentView::CurrentView(std::shared_ptr<const View> first)
    : owner_(std::move(first)), current_(owner_.get()) {}

CurrentView::~CurrentView() {
  // Nobody reads any more, but views retired before may still wait for a collection.
  CollectEpochs();
}

std::shared_ptr<const View> CurrentView::Get() const {
  const EpochGuard guard;
  return std::static_pointer_cast<const View>(Peek()->shared_from_this());
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
  }
  // The last reference may free a whole memtable, so it counts as one towards the next collection.
  const std::size_t bytes = old->active->memory_bytes();
  RetireInEpoch(bytes, [old = std::move(old)] {});
}

}  // namespace firn
