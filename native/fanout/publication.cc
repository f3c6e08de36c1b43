#include "fanout/publication.h"

namespace causeway::fanout {

const MessageRef& Publication::Share() {
  if (message) return message;
  // The client id matters later only where No Local must compare text: when no session of this node
  // is publishing, but a link is, or the broker a will.
  const bool kept = origin == Origin::kLink || origin == Origin::kBroker;
  message = MessageRef::Adopt(Make(kept ? client_id : std::string_view()));
  return message;
}

MessageRef Publication::Keep(int64_t wall_ms) const {
  Message* made = Make(client_id);
  if (made->timestamp_ms == 0) made->timestamp_ms = wall_ms;
  return MessageRef::Adopt(made);
}

Message* Publication::Make(std::string_view kept_client_id) const {
  Message* made = Message::Create(topic, payload, properties, kept_client_id);
  made->qos = qos;
  made->retain = retain;
  made->origin = origin;
  made->link = link;
  made->protocol_version = protocol_version;
  made->publisher_loop = publisher_loop;
  made->publisher_session = publisher_session;
  made->publisher_generation = publisher_generation;
  made->message_expiry_seconds = expiry_seconds;
  made->timestamp_ms = timestamp_ms;
  made->received_ms = received_ms;
  made->retain_version = retain_version;
  return made;
}

Publication Publication::Of(const MessageRef& message) {
  Publication publication;
  publication.topic = message->topic();
  publication.payload = message->payload();
  publication.properties = message->properties();
  publication.qos = message->qos;
  publication.retain = message->retain;
  publication.expiry_seconds = message->message_expiry_seconds;
  publication.origin = message->origin;
  publication.link = message->link;
  publication.protocol_version = message->protocol_version;
  publication.timestamp_ms = message->timestamp_ms;
  publication.received_ms = message->received_ms;
  publication.publisher_loop = message->publisher_loop;
  publication.publisher_session = message->publisher_session;
  publication.publisher_generation = message->publisher_generation;
  publication.client_id = message->client_id();
  publication.retain_version = message->retain_version;
  publication.message = message;
  return publication;
}

}  // namespace causeway::fanout
