// SPDX-License-Identifier: Apache-2.0
//
// The verbs on one key: get, put, del, cas.
#include "base/propagate.h"
#include "cli/client_verbs.h"
#include "cli/input.h"
#include "cli/json_text.h"

namespace firn::cli {
namespace {

// Runs `verb`, which gives an exit code or the Error that stopped it before anything was sent.
template <typename Verb>
int Reporting(const Dialogue& dialogue, Verb verb) {
  const Result<int> exit_code = verb();
  return exit_code ? *exit_code : dialogue.Fail(exit_code.error());
}

int SayRevision(const Dialogue& dialogue, std::uint64_t revision) {
  dialogue.Say(dialogue.is_json ? JsonLine({{"revision", revision}})
                                : "revision " + std::to_string(revision) + "\n");
  return kDone;
}

int SayValue(const Dialogue& dialogue, const KeyArguments& arguments,
             const v1::GetResponse& response) {
  if (dialogue.is_json) {
    Json json{{"found", response.found()}};
    if (response.found()) {
      json["value"] = dialogue.Text(response.value());
      json["revision"] = response.revision();
    }
    dialogue.Say(JsonLine(json));
  } else if (response.found()) {
    dialogue.Say(arguments.is_raw ? response.value() : dialogue.Text(response.value()) + "\n");
  } else {
    std::fprintf(dialogue.streams.err, "firn get: no such key\n");
  }
  return response.found() ? kDone : kAnswerIsNo;
}

Result<std::string> ValueOf(const Dialogue& dialogue, const PutArguments& arguments) {
  if (!arguments.has_value) {
    return ReadInput(arguments.file, dialogue.streams.in);
  }
  if (!arguments.file.empty()) {
    return Error{ErrorCode::kInvalidArgument, "both a value and --file are given, give one"};
  }
  return dialogue.BytesOf(arguments.value);
}

Result<v1::CompareAndSetRequest> Comparison(const Dialogue& dialogue,
                                            const CompareArguments& arguments) {
  const int conditions = (arguments.if_absent ? 1 : 0) + (arguments.has_if_value ? 1 : 0) +
                         (arguments.if_revision != 0 ? 1 : 0);
  if (conditions != 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "give one of --if-absent, --if-value and --if-revision"};
  }
  if (arguments.has_value == arguments.deletes) {
    return Error{ErrorCode::kInvalidArgument, "give either a new value or --delete"};
  }
  v1::CompareAndSetRequest request;
  FIRN_TRY_ASSIGN(*request.mutable_key(), dialogue.BytesOf(arguments.key));
  if (arguments.if_absent) {
    request.set_absent(true);
  } else if (arguments.has_if_value) {
    FIRN_TRY_ASSIGN(*request.mutable_value(), dialogue.BytesOf(arguments.if_value));
  } else {
    request.set_revision(arguments.if_revision);
  }
  if (arguments.deletes) {
    request.set_delete_(true);
  } else {
    FIRN_TRY_ASSIGN(*request.mutable_new_value(), dialogue.BytesOf(arguments.value));
  }
  return request;
}

}  // namespace

int Get(const Dialogue& dialogue, const KeyArguments& arguments) {
  return Reporting(dialogue, [&]() -> Result<int> {
    v1::GetRequest request;
    FIRN_TRY_ASSIGN(*request.mutable_key(), dialogue.BytesOf(arguments.key));
    if (arguments.may_be_stale) {
      request.mutable_consistency()->mutable_stale()->set_max_age_ms(arguments.stale_ms);
    }
    const client::Reply<v1::GetResponse> response = dialogue.client.Call(request, dialogue.options);
    return response ? SayValue(dialogue, arguments, *response) : dialogue.Fail(response.error());
  });
}

int Delete(const Dialogue& dialogue, const KeyArguments& arguments) {
  return Reporting(dialogue, [&]() -> Result<int> {
    v1::DeleteRequest request;
    FIRN_TRY_ASSIGN(*request.mutable_key(), dialogue.BytesOf(arguments.key));
    const client::Reply<v1::DeleteResponse> response =
        dialogue.client.Call(request, dialogue.options);
    return response ? SayRevision(dialogue, response->revision()) : dialogue.Fail(response.error());
  });
}

int Put(const Dialogue& dialogue, const PutArguments& arguments) {
  return Reporting(dialogue, [&]() -> Result<int> {
    v1::PutRequest request;
    FIRN_TRY_ASSIGN(*request.mutable_key(), dialogue.BytesOf(arguments.key));
    FIRN_TRY_ASSIGN(*request.mutable_value(), ValueOf(dialogue, arguments));
    const client::Reply<v1::PutResponse> response = dialogue.client.Call(request, dialogue.options);
    return response ? SayRevision(dialogue, response->revision()) : dialogue.Fail(response.error());
  });
}

int CompareAndSet(const Dialogue& dialogue, const CompareArguments& arguments) {
  return Reporting(dialogue, [&]() -> Result<int> {
    FIRN_TRY_ASSIGN(const v1::CompareAndSetRequest request, Comparison(dialogue, arguments));
    const client::Reply<v1::CompareAndSetResponse> response =
        dialogue.client.Call(request, dialogue.options);
    if (!response) {
      return dialogue.Fail(response.error());
    }
    if (dialogue.is_json) {
      dialogue.Say(
          JsonLine({{"applied", response->applied()}, {"revision", response->revision()}}));
    } else if (response->applied()) {
      SayRevision(dialogue, response->revision());
    } else {
      std::fprintf(dialogue.streams.err, "firn cas: the condition does not hold\n");
    }
    return response->applied() ? kDone : kAnswerIsNo;
  });
}

}  // namespace firn::cli
