// SPDX-License-Identifier: Apache-2.0
//
// Many threads that use one client, whose answers come on other threads and are lost now and then.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "client/client.h"
#include "client/testing_surroundings.h"

namespace firn::client {
namespace {

// Runs what it is given on two threads of its own.
class Workers {
 public:
  Workers() {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }
  ~Workers() {
    {
      const MutexLock lock(mutex_);
      is_over_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void Add(std::function<void()> task) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.NotifyOne();
  }

 private:
  void Run() FIRN_EXCLUDES(mutex_) {
    while (true) {
      std::function<void()> task;
      {
        const MutexLock lock(mutex_);
        while (tasks_.empty() && !is_over_) {
          changed_.Wait(mutex_);
        }
        if (tasks_.empty()) {
          return;
        }
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  Mutex mutex_;
  ConditionVariable changed_;
  bool is_over_ FIRN_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> tasks_ FIRN_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// A node that applies each id once and loses every third answer.
class LossyNode final : public Transport, public Alarms {
 public:
  explicit LossyNode(Workers& workers) : workers_(workers) {}

  void Send(Sending sending, std::function<void(Attempt)> done) override {
    workers_.Add(
        [this, sending = std::move(sending), done = std::move(done)] { done(Handle(sending)); });
  }
  std::unique_ptr<ResponseStream> Open(Sending) override { return nullptr; }
  void After(std::chrono::milliseconds, std::function<void()> wake) override {
    workers_.Add(std::move(wake));
  }
  void CancelAll() override {}

  std::size_t applied() const FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return results_.size();
  }

 private:
  Attempt Handle(const Sending& sending) FIRN_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (std::string_view(sending.path) == MethodOf<v1::OpenSessionRequest>::kInfo.path) {
      v1::OpenSessionResponse opened;
      opened.set_session(++sessions_);
      return Answer(opened);
    }
    v1::PutRequest request;
    EXPECT_TRUE(request.ParseFromString(sending.request));
    const std::pair id(request.request_id().session(), request.request_id().sequence());
    v1::PutResponse response;
    response.set_revision(results_.emplace(id, results_.size() + 1).first->second);
    return ++answers_ % 3 == 0 ? FailsWith(StatusCode::kUnavailable) : Answer(response);
  }

  Workers& workers_;
  mutable Mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> results_ FIRN_GUARDED_BY(mutex_);
  std::uint64_t answers_ FIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t sessions_ FIRN_GUARDED_BY(mutex_) = 0;
};

TEST(ConcurrentClient, EachWriteOfEachThreadIsAppliedOnce) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 300;
  Workers workers;
  const auto node = std::make_shared<LossyNode>(workers);
  {
    const auto client =
        Client::Make({.endpoints = {"a:1", "b:2"}}, {.transport = node,
                                                     .alarms = node,
                                                     .clock = std::make_shared<ManualClock>(),
                                                     .seed = 1})
            .value();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int write = 0; write < kWrites; ++write) {
          EXPECT_TRUE(client->Put("k", "v").has_value());
          EXPECT_FALSE(client->leader().size() > 3);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  EXPECT_EQ(node->applied(), kThreads * kWrites);
}

TEST(ConcurrentClient, ClosesWhileOthersStillAsk) {
  Workers workers;
  const auto node = std::make_shared<LossyNode>(workers);
  const auto client =
      Client::Make(
          {},
          {.transport = node, .alarms = node, .clock = std::make_shared<ManualClock>(), .seed = 1})
          .value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (client->Put("k", "v")) {
      }
    });
  }
  client->Close();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(client->Put("k", "v").error().kind, FailureKind::kClosed);
}

}  // namespace
}  // namespace firn::client
