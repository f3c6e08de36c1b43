#include "core/message.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace causeway {
namespace {

TEST_CASE("a message keeps its four texts, empty ones too") {
  const std::string payload(70'000, 'p');
  const MessageRef message = MessageRef::Adopt(Message::Create("a/b", payload, "props", "client"));
  CHECK(message->topic() == "a/b");
  CHECK(message->payload() == payload);
  CHECK(message->properties() == "props");
  CHECK(message->client_id() == "client");
  CHECK(message->bytes() == sizeof(Message) + 3 + 70'000 + 5 + 6);

  const MessageRef bare = MessageRef::Adopt(Message::Create({}, {}, {}, {}));
  CHECK(bare->topic().empty());
  CHECK(bare->client_id().empty());
  CHECK(bare->bytes() == sizeof(Message));
}

TEST_CASE("a message created without texts has room for a payload") {
  const MessageRef message = MessageRef::Adopt(Message::CreateUninitialized(5));
  std::memcpy(message->data(), "12345", 5);  // ASan: all of it is ours
  CHECK(message->payload() == "12345");
  CHECK(message->topic().empty());
  CHECK(message->properties().empty());
}

// Leaks and double frees are ASan's to find.
TEST_CASE("references may end on any thread") {
  for (int round = 0; round < 200; ++round) {
    MessageRef message = MessageRef::Adopt(Message::Create("topic", "payload", {}, {}));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([ref = message]() mutable {
        for (int copies = 0; copies < 10; ++copies) {
          MessageRef copy = ref;
          if (copy->payload() != "payload") std::abort();
        }
        ref.reset();
      });
    }
    message.reset();
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_CASE("moving and assigning a reference counts right") {
  MessageRef one = MessageRef::Adopt(Message::Create("1", {}, {}, {}));
  MessageRef two = MessageRef::Adopt(Message::Create("2", {}, {}, {}));
  MessageRef moved = std::move(one);
  CHECK(!one);
  CHECK(moved->references.load() == 1);
  two = moved;
  CHECK(two->topic() == "1");
  CHECK(moved->references.load() == 2);
  MessageRef& self = two;
  two = self;
  CHECK(two->references.load() == 2);
}

}  // namespace
}  // namespace causeway
