// The retained index against a map and the naive matcher, under any sequence of operations.
// Input: bytes. Each operation takes one byte for its kind, one or two for its topic or filter, and
// small operands; topics are up to four levels of an alphabet with `/`-, `$`- and order-sensitive
// words.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "../oracle/topic_match.h"
#include "core/check.h"
#include "retained/index.h"

namespace {

using namespace causeway;
using namespace causeway::retained;

constexpr uint32_t kNoExpiry = 0xFFFFFFFF;
constexpr size_t kMessagesMax = 40;
constexpr size_t kOperationsMax = 2'000;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  unsigned Byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  /// Two bits a level pick the word; with `filter` the second byte sets levels to `+` and ends with
  /// `#`.
  std::string Text(bool filter) {
    static constexpr const char* kWords[] = {"a", "b", "", "a!", "ab", "$s", "~", "\x01"};
    const unsigned shape = Byte(), words = Byte();
    std::string text;
    const unsigned levels = 1 + shape % 4;
    for (unsigned level = 0; level < levels; ++level) {
      if (level > 0) text += '/';
      if (filter && (shape >> (4 + level) & 1) != 0) {
        text += '+';
      } else {
        text += kWords[(words >> 2 * level & 3) + (level == 0 ? shape >> 2 & 4 : 0)];
      }
    }
    if (filter && (shape >> 2 & 1) != 0) text += "/#";
    if (filter && shape == 0xFF) text = "#";
    return text.empty() ? "a" : text;
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

struct Stored {
  std::string payload;
  uint64_t version;
  int64_t expires_ms;
};
using Model = std::map<std::string, Stored>;

void Put(RetainedIndex* index, Model* model, Input* input, int64_t now_ms, size_t step) {
  const std::string topic = input->Text(false);
  const unsigned operand = input->Byte();
  const std::string payload = operand % 4 == 0 ? "" : std::to_string(step);
  const MessageRef message = MessageRef::Adopt(Message::Create(topic, payload, {}, {}));
  message->received_ms = now_ms;
  message->message_expiry_seconds = operand % 4 == 1 ? operand / 4 : kNoExpiry;
  const PutResult result = index->Put(message.get());
  const bool there = model->count(topic) == 1;
  if (payload.empty()) {
    CHECK(result == (there ? PutResult::kDeleted : PutResult::kNothingToDelete));
    model->erase(topic);
  } else if (there || model->size() < kMessagesMax) {
    CHECK(result == PutResult::kStored);
    const int64_t expires_ms = message->message_expiry_seconds == kNoExpiry
                                   ? INT64_MAX
                                   : now_ms + int64_t{message->message_expiry_seconds} * 1000;
    (*model)[topic] = {payload, message->retain_version, expires_ms};
  } else {
    CHECK(result == PutResult::kRefusedCount);
  }
}

void Scan(RetainedIndex* index, const Model& model, Input* input, int64_t now_ms) {
  const std::string filter = input->Text(true);
  const unsigned operand = input->Byte();
  const uint64_t newest = index->Horizon(), age = operand >> 4;
  const uint64_t horizon = newest > age ? newest - age : 0;
  std::map<std::string, std::string> expected, found;
  for (const auto& [topic, stored] : model) {
    if (stored.version <= horizon && now_ms < stored.expires_ms &&
        oracle::TopicMatches(filter, topic)) {
      expected.emplace(topic, stored.payload);
    }
  }
  Cursor cursor;
  for (size_t calls = 0; !cursor.done; ++calls) {
    CHECK(calls <= 64 + 2 * kMessagesMax);  // every call gets on
    index->Scan(filter, horizon, now_ms, 1 + operand % 16, &cursor, [&](MessageRef message) {
      CHECK(found.emplace(message->topic(), message->payload()).second);
    });
  }
  CHECK(found == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  RetainedIndex index(HashSeed{1, 2}, {.max_messages = kMessagesMax});
  Model model;
  int64_t now_ms = 0;
  for (size_t step = 0; step < kOperationsMax && !input.empty(); ++step) {
    switch (input.Byte() % 8) {
      case 0:
        now_ms += input.Byte() * 100;
        break;
      case 1: {
        const size_t expired = std::erase_if(
            model, [&](const auto& entry) { return entry.second.expires_ms <= now_ms; });
        CHECK(index.Expire(now_ms, 1'000) == expired);
        break;
      }
      case 2:
      case 3:
      case 4:
        Scan(&index, model, &input, now_ms);
        break;
      default:
        Put(&index, &model, &input, now_ms, step);
    }
    CHECK(index.count() == model.size());
  }
  return 0;
}
