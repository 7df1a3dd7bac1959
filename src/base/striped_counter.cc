// SPDX-License-Identifier: Apache-2.0
//
// Hands stripe numbers to threads and takes them back when they end. A number is reused only after
// its last owner's additions happened before, which the mutex sees to: a plain store of the new
// owner never loses one of the old.
#include "base/striped_counter.h"

#include <vector>

#include "base/mutex.h"

namespace firn::internal {
namespace {

struct Registry {
  Mutex mutex;
  std::vector<std::size_t> free FIRN_GUARDED_BY(mutex);
  std::size_t next FIRN_GUARDED_BY(mutex) = 0;
};

// Never destroyed: threads may end after main has.
Registry& TheRegistry() {
  static auto& registry = *new Registry;
  return registry;
}

struct StripeOwner {
  std::size_t stripe = kNoStripe;
  ~StripeOwner() {
    // Destructors that still run on this thread count in the shared stripe.
    this_thread_stripe = kSharedStripe;
    if (stripe < kOwnStripes) {
      Registry& registry = TheRegistry();
      MutexLock lock(registry.mutex);
      registry.free.push_back(stripe);
    }
  }
};

}  // namespace

constinit thread_local std::size_t this_thread_stripe = kNoStripe;

std::size_t ClaimStripe() {
  thread_local StripeOwner owner;
  Registry& registry = TheRegistry();
  {
    MutexLock lock(registry.mutex);
    if (!registry.free.empty()) {
      owner.stripe = registry.free.back();
      registry.free.pop_back();
    } else {
      owner.stripe = registry.next < kOwnStripes ? registry.next++ : kSharedStripe;
    }
  }
  this_thread_stripe = owner.stripe;
  return owner.stripe;
}

}  // namespace firn::internal
