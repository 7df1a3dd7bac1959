// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_load.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/propagate.h"

namespace firn::cli {
namespace {

using client::FailureKind;
using client::Reply;
using std::chrono::milliseconds;

constexpr const char* kPrefix = "demo/";
constexpr const char* kPrefixEnd = "demo0";
constexpr std::uint64_t kWritesPerCheck = 8;
constexpr milliseconds kPatience{60'000};
constexpr milliseconds kAttemptTimeout{1'000};

std::string KeyOf(std::size_t writer, std::uint64_t number) {
  char key[48];
  std::snprintf(key, sizeof key, "%s%03zu/%010llu", kPrefix, writer,
                static_cast<unsigned long long>(number));
  return key;
}

std::string ValueOf(std::uint64_t number) { return "written as number " + std::to_string(number); }

// The writer and the number of a key that KeyOf made.
std::pair<std::size_t, std::uint64_t> PlaceOf(const std::string& key) {
  return {std::strtoull(key.c_str() + 5, nullptr, 10), std::strtoull(key.c_str() + 9, nullptr, 10)};
}

}  // namespace

DemoLoad::DemoLoad(client::ClientOptions options, int writers)
    : options_(std::move(options)),
      random_(EntropySeed()),
      writers_(static_cast<std::size_t>(writers)) {}

Result<std::unique_ptr<DemoLoad>> DemoLoad::Make(std::vector<std::string> endpoints, int writers) {
  client::ClientOptions options;
  options.endpoints = std::move(endpoints);
  options.timeout = kPatience;
  options.attempt_timeout = kAttemptTimeout;
  options.back_off.last = milliseconds(100);
  std::unique_ptr<DemoLoad> load(new DemoLoad(options, writers));
  FIRN_TRY_ASSIGN(load->client_, client::Client::Make(options));
  return load;
}

DemoLoad::~DemoLoad() {
  if (client_ != nullptr) {
    Stop();
  }
}

void DemoLoad::Start() {
  std::size_t writers = 0;
  {
    const MutexLock lock(mutex_);
    writers = writers_.size();
  }
  for (std::size_t writer = 0; writer < writers; ++writer) {
    Write(writer);
  }
}

// Writers end with their client: none begins another write after kClosed.
void DemoLoad::Stop() {
  client_->Close();
  const MutexLock lock(mutex_);
  is_over_ = true;
}

void DemoLoad::Write(std::size_t writer) {
  std::uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    number = writers_[writer].next++;
    writers_[writer].acknowledged.push_back(false);
  }
  v1::PutRequest request;
  request.set_key(KeyOf(writer, number));
  request.set_value(ValueOf(number));
  client_->Start(std::move(request), {}, [this, writer, number](const Reply<v1::PutResponse>& put) {
    if (!put && put.error().kind == FailureKind::kClosed) {
      return;
    }
    Written(writer, number, put.has_value());
  });
}

void DemoLoad::Written(std::size_t writer, std::uint64_t number, bool is_acknowledged) {
  std::uint64_t checked = 0;
  {
    const MutexLock lock(mutex_);
    std::vector<bool>& acknowledged = writers_[writer].acknowledged;
    acknowledged[number] = is_acknowledged;
    if (is_acknowledged) {
      NoteAcknowledgement();
    } else {
      ++tally_.unknown;
    }
    const std::uint64_t candidate = 1 + random_.Below(number);
    checked = number % kWritesPerCheck == 0 && acknowledged[candidate] ? candidate : 0;
  }
  return checked != 0 ? Check(writer, checked) : Write(writer);
}

void DemoLoad::NoteAcknowledgement() {
  const std::chrono::nanoseconds now = clock_.Now();
  const auto gap = std::chrono::duration_cast<milliseconds>(now - last_acknowledgement_);
  if (++tally_.acknowledged > 1 && gap > kGapMin) {
    tally_.unavailable += gap;
    tally_.longest = std::max(tally_.longest, gap);
    ++tally_.gaps;
  }
  last_acknowledgement_ = now;
}

void DemoLoad::Check(std::size_t writer, std::uint64_t number) {
  v1::GetRequest request;
  request.set_key(KeyOf(writer, number));
  client_->Start(std::move(request), {}, [this, writer, number](const Reply<v1::GetResponse>& got) {
    if (!got && got.error().kind == FailureKind::kClosed) {
      return;
    }
    if (got) {
      const MutexLock lock(mutex_);
      ++tally_.checked;
      tally_.lost += got->found() && got->value() == ValueOf(number) ? 0 : 1;
    }
    Write(writer);
  });
}

DemoLoad::Tally DemoLoad::tally() const {
  const MutexLock lock(mutex_);
  Tally tally = tally_;
  const auto gap = std::chrono::duration_cast<milliseconds>(clock_.Now() - last_acknowledgement_);
  if (!is_over_ && tally.acknowledged > 0 && gap > kGapMin) {
    tally.unavailable += gap;
    tally.longest = std::max(tally.longest, gap);
    ++tally.gaps;
  }
  return tally;
}

// A node restarts, or another leads, while the scan goes on: it is begun anew a few times.
Reply<std::uint64_t> DemoLoad::CountMissing() {
  constexpr int kScansMax = 5;
  const Result<std::unique_ptr<client::Client>> reader = client::Client::Make(options_);
  if (!reader) {
    return client::Failure{FailureKind::kInvalid, reader.error().Describe()};
  }
  std::vector<Writer> missing;
  {
    const MutexLock lock(mutex_);
    missing = writers_;
  }
  const auto scan = [&]() -> Reply<bool> {
    v1::ScanRequest request;
    request.set_start(kPrefix);
    request.set_end(kPrefixEnd);
    client::CallOptions options;
    do {
      std::string endpoint;
      FIRN_TRY_ASSIGN(const v1::ScanResponse page, (*reader)->Call(request, options, &endpoint));
      for (const v1::KeyValue& entry : page.entries()) {
        const auto [writer, number] = PlaceOf(entry.key());
        if (writer < missing.size() && number < missing[writer].acknowledged.size() &&
            entry.value() == ValueOf(number)) {
          missing[writer].acknowledged[number] = false;
        }
      }
      request.set_page_token(page.next_page_token());
      options = {.timeout = milliseconds(5'000), .endpoint = endpoint};
    } while (!request.page_token().empty());
    return true;
  };
  Reply<bool> scanned = scan();
  for (int scans = 1; !scanned && scans < kScansMax; ++scans) {
    scanned = scan();
  }
  if (!scanned) {
    return scanned.error();
  }
  std::uint64_t count = 0;
  for (const Writer& writer : missing) {
    count += static_cast<std::uint64_t>(
        std::count(writer.acknowledged.begin(), writer.acknowledged.end(), true));
  }
  return count;
}

}  // namespace firn::cli
