#include "core/message.h"

#include <cstring>
#include <new>

#include "core/check.h"
#include "core/spare_messages.h"

namespace causeway {
namespace {

Message* Allocate(size_t texts) {
  CHECK(texts <= UINT32_MAX);  // MQTT packets end at 256 MiB
  void* memory = SpareMessages::Take(sizeof(Message) + texts);
  CHECK(memory != nullptr);
  return new (memory) Message;
}

char* Append(char* at, std::string_view text, uint32_t* bytes) {
  *bytes = static_cast<uint32_t>(text.size());
  if (!text.empty())
    std::memcpy(at, text.data(), text.size());  // memcpy from null is undefined, even of nothing
  return at + text.size();
}

}  // namespace

Message* Message::Create(std::string_view topic, std::string_view payload,
                         std::string_view properties, std::string_view client_id) {
  const size_t texts = topic.size() + payload.size() + properties.size() + client_id.size();
  Message* message = Allocate(texts);
  char* at = message->data();
  at = Append(at, topic, &message->topic_bytes);
  at = Append(at, payload, &message->payload_bytes);
  at = Append(at, properties, &message->properties_bytes);
  Append(at, client_id, &message->client_id_bytes);
  return message;
}

Message* Message::CreateUninitialized(size_t payload_bytes) {
  Message* message = Allocate(payload_bytes);
  message->payload_bytes = static_cast<uint32_t>(payload_bytes);
  return message;
}

void Message::Destroy(Message* message) {
  const size_t bytes = message->bytes();
  message->~Message();
  SpareMessages::Give(message, bytes);
}

}  // namespace causeway
