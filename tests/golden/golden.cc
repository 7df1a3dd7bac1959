// SPDX-License-Identifier: Apache-2.0
#include "golden/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace firn::golden {
namespace {

constexpr const char* kSeparator = "----";

std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << "cannot read " << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

void WriteLines(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream file(path, std::ios::trunc);
  for (const std::string& line : lines) {
    file << line << '\n';
  }
}

Command Parse(const std::string& line) {
  Command command;
  std::istringstream words(line);
  words >> command.name;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      command.words.push_back(word);
    } else {
      command.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return command;
}

// Walks the lines of one file, copying them to `out` with actual output in place of expected.
class Runner {
 public:
  Runner(std::string path, const Handler& handler)
      : path_(std::move(path)), handler_(handler), lines_(ReadLines(path_)) {}

  void Run() {
    const bool markdown = path_.ends_with(".md");
    bool inside = !markdown;
    while (at_ < lines_.size()) {
      const std::string& line = lines_[at_];
      if (markdown && line.starts_with("```")) {
        inside = !inside && line == "```golden";
        Copy();
      } else if (!inside || line.empty() || line.starts_with('#')) {
        Copy();
      } else {
        RunCase();
      }
    }
    EXPECT_GT(cases_, 0) << path_ << " holds no golden case";
    if (std::getenv("GOLDEN_REWRITE") != nullptr && out_ != lines_) {
      WriteLines(path_, out_);
    }
  }

 private:
  void Copy() { out_.push_back(lines_[at_++]); }
  bool AtCaseEnd() const {
    return at_ == lines_.size() || lines_[at_].empty() || lines_[at_].starts_with("```");
  }

  void RunCase() {
    ++cases_;
    Command command = Parse(lines_[at_]);
    command.place = path_ + ":" + std::to_string(at_ + 1);
    Copy();
    for (; !AtCaseEnd() && lines_[at_] != kSeparator; Copy()) {
      command.input.push_back(lines_[at_]);
    }
    if (at_ < lines_.size() && lines_[at_] == kSeparator) {
      ++at_;
    }
    const std::string expected = ReadExpected();
    std::string actual = handler_(command);
    if (!actual.empty() && actual.back() != '\n') {
      actual += '\n';
    }
    Emit(actual);
    if (std::getenv("GOLDEN_REWRITE") == nullptr) {
      EXPECT_EQ(expected, actual) << command.place << ": " << command.name;
    }
  }

  std::string ReadExpected() {
    std::string expected;
    const bool fenced = at_ < lines_.size() && lines_[at_] == kSeparator;
    at_ += fenced ? 1 : 0;
    while (fenced ? at_ < lines_.size() && lines_[at_] != kSeparator : !AtCaseEnd()) {
      expected += lines_[at_++] + "\n";
    }
    at_ += fenced && at_ < lines_.size() ? 1 : 0;
    return expected;
  }

  void Emit(const std::string& actual) {
    const bool fenced = actual.starts_with("\n") || actual.find("\n\n") != std::string::npos;
    out_.emplace_back(kSeparator);
    if (fenced) {
      out_.emplace_back(kSeparator);
    }
    std::istringstream stream(actual);
    for (std::string line; std::getline(stream, line);) {
      out_.push_back(line);
    }
    if (fenced) {
      out_.emplace_back(kSeparator);
    }
  }

  std::string path_;
  const Handler& handler_;
  std::vector<std::string> lines_;
  std::vector<std::string> out_;
  std::size_t at_ = 0;
  int cases_ = 0;
};

}  // namespace

std::string Command::Get(const std::string& key, const std::string& fallback) const {
  const auto found = named.find(key);
  return found == named.end() ? fallback : found->second;
}

void RunFile(const std::string& path, const Handler& handler) { Runner(path, handler).Run(); }

std::string HexDump(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at % 16 == 0) {
      text += at == 0 ? "" : "\n";
      for (int shift = 12; shift >= 0; shift -= 4) {
        text += kDigits[at >> shift & 15];
      }
    }
    const auto byte = static_cast<unsigned char>(bytes[at]);
    text += {' ', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text + "\n";
}

}  // namespace firn::golden
