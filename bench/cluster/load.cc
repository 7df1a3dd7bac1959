// SPDX-License-Identifier: Apache-2.0
//
// A driver is one thread: it starts what may be started, waits for one completion, deals with it,
// and so on. A slot is a place for one request in flight and is its tag in the completion queue.
#include "load.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <deque>
#include <numeric>

#include "base/random.h"

namespace firn::bench {
namespace {

using std::chrono::nanoseconds;
using Reader = grpc::ClientAsyncResponseReader<grpc::ByteBuffer>;

constexpr nanoseconds kPauseAfterError = std::chrono::milliseconds(2);
constexpr nanoseconds kTurn = std::chrono::milliseconds(10);
constexpr nanoseconds kTick = std::chrono::milliseconds(1);  // Of the open loop.
constexpr std::size_t kStatuses = 17;

std::int64_t NowNs() {
  return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

gpr_timespec AfterNs(std::int64_t delay) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(delay, GPR_TIMESPAN));
}

const char* StatusName(std::size_t code) {
  static constexpr std::array<const char*, kStatuses> kNames = {"OK",
                                                                "CANCELLED",
                                                                "UNKNOWN",
                                                                "INVALID_ARGUMENT",
                                                                "DEADLINE_EXCEEDED",
                                                                "NOT_FOUND",
                                                                "ALREADY_EXISTS",
                                                                "PERMISSION_DENIED",
                                                                "RESOURCE_EXHAUSTED",
                                                                "FAILED_PRECONDITION",
                                                                "ABORTED",
                                                                "OUT_OF_RANGE",
                                                                "UNIMPLEMENTED",
                                                                "INTERNAL",
                                                                "UNAVAILABLE",
                                                                "DATA_LOSS",
                                                                "UNAUTHENTICATED"};
  return kNames[std::min(code, kStatuses - 1)];
}

std::shared_ptr<grpc::Channel> Connection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection of its own.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  // The least time for a connection to stand, in spite of its name.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Bytes that no codec makes smaller, so that compression favours nobody.
std::string RandomValue(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string value(bytes, '\0');
  for (char& byte : value) {
    byte = static_cast<char>(random.Below(256));
  }
  return value;
}

// With which steps of one length reach every key once.
std::uint64_t CoprimeStride(std::uint64_t keys) {
  std::uint64_t stride = keys * 618 / 1000 + 1;
  while (std::gcd(stride, keys) != 1) {
    ++stride;
  }
  return stride;
}

}  // namespace

class Load::Driver {
 public:
  Driver(Load& load, std::size_t slots, double rate, std::uint64_t seed)
      : load_(load),
        rate_(rate),
        stride_(CoprimeStride(load.plan_.keys)),
        chooser_(load.plan_.distribution, load.plan_.keys, seed),
        random_(~seed),
        value_(load.value_),
        slots_(slots) {
    for (Slot& slot : slots_) {
      free_.push_back(&slot);
    }
  }

  void Connect(const std::string& address) {
    channels_.push_back(Connection(address));
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
  }
  bool AwaitConnections(std::chrono::system_clock::time_point deadline) {
    for (const auto& channel : channels_) {
      channel->GetState(true);
    }
    return std::ranges::all_of(channels_, [&deadline](const auto& channel) {
      return channel->WaitForConnected(deadline);
    });
  }

  void Run();
  const std::array<std::uint64_t, kStatuses>& errors() const { return errors_; }
  const Histogram& latencies() const { return latencies_; }
  std::uint64_t missing() const { return missing_; }

 private:
  struct Slot {
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<Reader> reader;
    grpc::ByteBuffer response;
    grpc::Status status;
    std::int64_t due_ns = 0;
    std::int64_t sent_ns = 0;
    std::int64_t resumes_ns = 0;  // After an error.
    bool is_get = false;
  };

  bool has_work() const { return !is_dry_ && !load_.stops_.load(std::memory_order_relaxed); }
  void StartWhatIsDue(std::int64_t now);
  // Until when there is nothing to start.
  std::int64_t NextStart(std::int64_t now) const;
  void Start(Slot& slot, std::int64_t due, std::int64_t now);
  // Empty: the fill is over.
  std::optional<WireRequest> MakeRequest(Slot& slot);
  std::optional<WireRequest> MakeFill();
  WireRequest MakeBatch();
  const std::string& FreshValue();
  void Finished(Slot& slot);
  void Drain();

  Load& load_;
  const double rate_;
  const std::uint64_t stride_;
  KeyChooser chooser_;
  Random random_;
  std::string value_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  std::deque<Slot*> paused_;  // The first resumes first.
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::size_t next_stub_ = 0;
  std::size_t in_flight_ = 0;
  std::int64_t first_due_ns_ = 0;
  std::uint64_t started_ = 0;
  bool is_dry_ = false;
  std::array<std::uint64_t, kStatuses> errors_{};
  std::uint64_t missing_ = 0;
  Histogram latencies_;
  grpc::CompletionQueue queue_;
};

void Load::Driver::Run() {
  first_due_ns_ = NowNs();
  while (has_work()) {
    const std::int64_t now = NowNs();
    StartWhatIsDue(now);
    void* tag = nullptr;
    bool ok = false;
    const std::int64_t wait = std::max<std::int64_t>(NextStart(now) - now, 0);
    if (queue_.AsyncNext(&tag, &ok, AfterNs(wait)) == grpc::CompletionQueue::GOT_EVENT) {
      Finished(*static_cast<Slot*>(tag));
    }
  }
  Drain();
  load_.running_.fetch_sub(1, std::memory_order_release);
}

void Load::Driver::StartWhatIsDue(std::int64_t now) {
  while (!paused_.empty() && paused_.front()->resumes_ns <= now) {
    free_.push_back(paused_.front());
    paused_.pop_front();
  }
  while (!free_.empty() && !is_dry_) {
    std::int64_t due = now;
    if (rate_ > 0) {
      const auto after = static_cast<std::int64_t>(static_cast<double>(started_) / rate_ * 1e9);
      due = first_due_ns_ + after / kTick.count() * kTick.count();
      if (due > now) {
        return;
      }
    }
    Slot& slot = *free_.back();
    free_.pop_back();
    ++started_;
    Start(slot, due, now);
  }
}

std::int64_t Load::Driver::NextStart(std::int64_t now) const {
  std::int64_t next = now + kTurn.count();
  if (!paused_.empty()) {
    next = std::min(next, paused_.front()->resumes_ns);
  }
  if (rate_ > 0 && !free_.empty()) {
    next = std::min(next, now + kTick.count());
  }
  return next;
}

// Another value for each put, at the cost of eight bytes.
const std::string& Load::Driver::FreshValue() {
  std::uint64_t fresh = random_.Next();
  for (std::size_t i = 0; i < std::min(value_.size(), sizeof fresh); ++i, fresh >>= 8) {
    value_[i] = static_cast<char>(fresh & 0xFF);
  }
  return value_;
}

// Keys of a batch differ, since etcd refuses to put one twice.
WireRequest Load::Driver::MakeBatch() {
  std::vector<KeyValuePair> pairs(load_.plan_.batch);
  std::uint64_t key = chooser_.Next();
  for (KeyValuePair& pair : pairs) {
    pair = {.key = KeyText(key, load_.plan_.key_bytes), .value = FreshValue()};
    key = (key + stride_) % load_.plan_.keys;
  }
  return load_.wire_.Batch(pairs);
}

std::optional<WireRequest> Load::Driver::MakeFill() {
  const std::uint64_t first = load_.next_fill_.fetch_add(load_.plan_.batch);
  const std::uint64_t end = std::min(first + load_.plan_.batch, load_.plan_.keys);
  if (first >= end) {
    return std::nullopt;
  }
  std::vector<KeyValuePair> pairs;
  for (std::uint64_t key = first; key < end; ++key) {
    pairs.push_back({.key = KeyText(key, load_.plan_.key_bytes), .value = FreshValue()});
  }
  return load_.wire_.Batch(pairs);
}

std::optional<WireRequest> Load::Driver::MakeRequest(Slot& slot) {
  const LoadPlan& plan = load_.plan_;
  slot.is_get = plan.operation == Operation::kGet ||
                (plan.operation == Operation::kMixed && random_.OneIn(2));
  if (plan.fills) {
    return MakeFill();
  }
  if (plan.operation == Operation::kBatch) {
    return MakeBatch();
  }
  std::string key = KeyText(chooser_.Next(), plan.key_bytes);
  if (slot.is_get) {
    return load_.wire_.Get(key);
  }
  return load_.wire_.Put({.key = std::move(key), .value = FreshValue()});
}

void Load::Driver::Start(Slot& slot, std::int64_t due, std::int64_t now) {
  std::optional<WireRequest> request = MakeRequest(slot);
  if (!request) {
    is_dry_ = true;
    free_.push_back(&slot);
    return;
  }
  slot.due_ns = due;
  slot.sent_ns = now;
  slot.context.emplace();
  slot.context->set_deadline(AfterNs(nanoseconds(load_.plan_.timeout).count()));
  slot.context->set_wait_for_ready(load_.plan_.awaits_connection);
  grpc::GenericStub& stub = *stubs_[next_stub_++ % stubs_.size()];
  slot.reader = stub.PrepareUnaryCall(&*slot.context, *request->method, request->body, &queue_);
  slot.reader->StartCall();
  slot.reader->Finish(&slot.response, &slot.status, &slot);
  ++in_flight_;
}

void Load::Driver::Finished(Slot& slot) {
  --in_flight_;
  const std::int64_t now = NowNs();
  const bool counts = load_.counts_.load(std::memory_order_relaxed);
  if (slot.status.ok()) {
    load_.NoteSuccess(slot.sent_ns, now);
    if (counts) {
      latencies_.Add(nanoseconds(now - slot.due_ns));
      missing_ += slot.is_get && !load_.wire_.HasValue(&slot.response) ? 1 : 0;
      load_.counted_.fetch_add(1, std::memory_order_relaxed);
    }
    free_.push_back(&slot);
    return;
  }
  if (counts) {
    ++errors_[std::min(static_cast<std::size_t>(slot.status.error_code()), kStatuses - 1)];
  }
  slot.resumes_ns = now + kPauseAfterError.count();
  paused_.push_back(&slot);
}

// A load that fills waits for its last answers; any other is not interested in them.
void Load::Driver::Drain() {
  void* tag = nullptr;
  bool ok = false;
  bool is_cancelled = false;
  while (in_flight_ > 0) {
    if (load_.stops_.load(std::memory_order_relaxed) && !is_cancelled) {
      is_cancelled = true;
      for (Slot& slot : slots_) {
        if (slot.context) {
          slot.context->TryCancel();
        }
      }
    }
    if (queue_.AsyncNext(&tag, &ok, AfterNs(kTurn.count())) == grpc::CompletionQueue::GOT_EVENT) {
      Slot& slot = *static_cast<Slot*>(tag);
      if (is_cancelled) {
        --in_flight_;
      } else {
        Finished(slot);
      }
    }
  }
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
}

Load::Load(const LoadPlan& plan, const Wire& wire, const std::vector<std::string>& addresses)
    : plan_(plan), wire_(wire), value_(RandomValue(plan.value_bytes, plan.seed)) {
  const std::size_t threads =
      std::max<std::size_t>(std::min({plan.threads, plan.in_flight, plan.connections}), 1);
  std::uint64_t seed = plan.seed;
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t slots = plan.in_flight / threads + (i < plan.in_flight % threads ? 1 : 0);
    drivers_.push_back(std::make_unique<Driver>(
        *this, slots, plan.rate / static_cast<double>(threads), SplitMix64(seed)));
  }
  for (std::size_t i = 0; i < std::max(plan.connections, threads); ++i) {
    drivers_[i % threads]->Connect(addresses[i % addresses.size()]);
  }
}

Load::~Load() { Stop(); }

bool Load::Connect(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::system_clock::now() + patience;
  return std::ranges::all_of(
      drivers_, [&](const auto& driver) { return driver->AwaitConnections(deadline); });
}

void Load::Start() {
  running_.store(drivers_.size());
  for (const auto& driver : drivers_) {
    threads_.emplace_back([&driver = *driver] { driver.Run(); });
  }
}

void Load::NoteSuccess(std::int64_t sent_ns, std::int64_t now_ns) {
  std::int64_t none = 0;
  if (sent_ns >= mark_ns_.load(std::memory_order_relaxed) &&
      success_ns_.load(std::memory_order_relaxed) == 0) {
    success_ns_.compare_exchange_strong(none, now_ns, std::memory_order_relaxed);
  }
}

void Load::Mark() { mark_ns_.store(NowNs(), std::memory_order_relaxed); }

std::optional<nanoseconds> Load::FirstSuccessAfterMark() const {
  const std::int64_t success = success_ns_.load(std::memory_order_relaxed);
  if (success == 0) {
    return std::nullopt;
  }
  return nanoseconds(success - mark_ns_.load(std::memory_order_relaxed));
}

void Load::Stop() {
  stops_.store(true, std::memory_order_relaxed);
  threads_.clear();
}

LoadFigures Load::figures() const {
  LoadFigures figures;
  for (const auto& driver : drivers_) {
    figures.latencies.Merge(driver->latencies());
    figures.missing += driver->missing();
    for (std::size_t code = 0; code < kStatuses; ++code) {
      if (driver->errors()[code] > 0) {
        figures.errors[StatusName(code)] += driver->errors()[code];
      }
    }
  }
  return figures;
}

}  // namespace firn::bench
