// SPDX-License-Identifier: Apache-2.0
//
// The verbs on many keys: scan, which writes while it reads, and batch.
#include <algorithm>
#include <limits>

#include "base/propagate.h"
#include "cli/client_verbs.h"
#include "cli/input.h"
#include "cli/json_text.h"

namespace firn::cli {
namespace {

constexpr std::uint64_t kPageLimit = 10'000;

// The first key behind all that begin with the prefix; empty: there is none.
std::string EndOf(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') {
    prefix.pop_back();
  }
  if (!prefix.empty()) {
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  }
  return prefix;
}

Result<v1::ScanRequest> RequestOf(const Dialogue& dialogue, const ScanArguments& arguments) {
  v1::ScanRequest request;
  if (!arguments.prefix.empty()) {
    if (!arguments.start.empty() || !arguments.end.empty()) {
      return Error{ErrorCode::kInvalidArgument, "give either a range or --prefix"};
    }
    FIRN_TRY_ASSIGN(*request.mutable_start(), dialogue.BytesOf(arguments.prefix));
    request.set_end(EndOf(request.start()));
  } else {
    FIRN_TRY_ASSIGN(*request.mutable_start(), dialogue.BytesOf(arguments.start));
    FIRN_TRY_ASSIGN(*request.mutable_end(), dialogue.BytesOf(arguments.end));
  }
  request.set_reverse(arguments.is_reverse);
  request.set_keys_only(arguments.keys_only);
  if (arguments.may_be_stale) {
    request.mutable_consistency()->mutable_stale()->set_max_age_ms(arguments.stale_ms);
  }
  return request;
}

std::string Line(const Dialogue& dialogue, const v1::KeyValue& entry, bool keys_only) {
  const std::string key = dialogue.Text(entry.key());
  if (dialogue.is_json) {
    Json json{{"key", key}};
    if (!keys_only) {
      json["value"] = dialogue.Text(entry.value());
    }
    return JsonLine(json);
  }
  return keys_only ? key + "\n" : key + "\t" + dialogue.Text(entry.value()) + "\n";
}

// A scan belongs to the node that began it, which alone knows its page tokens, and no two of its
// requests differ in anything else.
int ScanPages(const Dialogue& dialogue, v1::ScanRequest request, std::uint64_t limit) {
  std::uint64_t left = limit == 0 ? std::numeric_limits<std::uint64_t>::max() : limit;
  request.set_limit(static_cast<std::uint32_t>(std::min(limit, kPageLimit)));
  client::CallOptions options = dialogue.options;
  while (true) {
    std::string endpoint;
    const client::Reply<v1::ScanResponse> page = dialogue.client.Call(request, options, &endpoint);
    if (!page) {
      return dialogue.Fail(page.error());
    }
    for (const v1::KeyValue& entry : page->entries()) {
      if (left-- == 0) {
        return kDone;
      }
      dialogue.Say(Line(dialogue, entry, request.keys_only()));
    }
    if (page->next_page_token().empty() || left == 0) {
      return kDone;
    }
    request.set_page_token(page->next_page_token());
    options.endpoint = endpoint;
  }
}

// Takes the next word of a line.
std::string_view TakeWord(std::string_view& line) {
  const std::size_t start = std::min(line.find_first_not_of(" \t\r"), line.size());
  const std::size_t end = std::min(line.find_first_of(" \t\r", start), line.size());
  const std::string_view word = line.substr(start, end - start);
  line.remove_prefix(end);
  return word;
}

// "put KEY VALUE" or "del KEY"; blank lines and those that begin with # are for people.
Result<void> AddOperation(const Dialogue& dialogue, std::string_view line,
                          v1::BatchWriteRequest& request) {
  const std::string_view verb = TakeWord(line);
  if (verb.empty() || verb.front() == '#') {
    return {};
  }
  const std::string key(TakeWord(line));
  if (verb == "put" && !key.empty()) {
    v1::Operation::PutOperation& put = *request.add_operations()->mutable_put();
    FIRN_TRY_ASSIGN(*put.mutable_key(), dialogue.BytesOf(key));
    FIRN_TRY_ASSIGN(*put.mutable_value(), dialogue.BytesOf(std::string(TakeWord(line))));
  } else if (verb == "del" && !key.empty()) {
    FIRN_TRY_ASSIGN(*request.add_operations()->mutable_delete_()->mutable_key(),
                    dialogue.BytesOf(key));
  } else {
    return Error{ErrorCode::kInvalidArgument, "neither 'put KEY VALUE' nor 'del KEY'"};
  }
  if (!TakeWord(line).empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "more words than needed; a blank within a key or value is written \\x20"};
  }
  return {};
}

Result<v1::BatchWriteRequest> ReadBatch(const Dialogue& dialogue, const std::string& file) {
  FIRN_TRY_ASSIGN(const std::string text, ReadInput(file, dialogue.streams.in));
  v1::BatchWriteRequest request;
  std::string_view rest = text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const Result<void> added = AddOperation(dialogue, rest.substr(0, end), request);
    if (!added) {
      return Error{added.error().code,
                   "line " + std::to_string(number) + ": " + added.error().context};
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (request.operations_size() == 0) {
    return Error{ErrorCode::kInvalidArgument, "the batch is empty, write 'put KEY VALUE' lines"};
  }
  return request;
}

}  // namespace

int Scan(const Dialogue& dialogue, const ScanArguments& arguments) {
  Result<v1::ScanRequest> request = RequestOf(dialogue, arguments);
  return request ? ScanPages(dialogue, *std::move(request), arguments.limit)
                 : dialogue.Fail(request.error());
}

int Batch(const Dialogue& dialogue, const std::string& file) {
  const Result<v1::BatchWriteRequest> request = ReadBatch(dialogue, file);
  if (!request) {
    return dialogue.Fail(request.error());
  }
  const client::Reply<v1::BatchWriteResponse> response =
      dialogue.client.Call(*request, dialogue.options);
  if (!response) {
    return dialogue.Fail(response.error());
  }
  dialogue.Say(dialogue.is_json
                   ? JsonLine({{"operations", request->operations_size()},
                               {"revision", response->revision()}})
                   : std::to_string(request->operations_size()) + " operations, revision " +
                         std::to_string(response->revision()) + "\n");
  return kDone;
}

}  // namespace firn::cli
