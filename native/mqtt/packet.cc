// Any packet: who may send it, and which decoder judges it.
#include "mqtt/packet.h"

#include "core/check.h"

namespace causeway::mqtt {

bool ClientMaySend(PacketType type, Version version) {
  switch (type) {
    case PacketType::kConnect:
    case PacketType::kPublish:
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
    case PacketType::kPingreq:
    case PacketType::kDisconnect:
      return true;
    case PacketType::kAuth:
      return version == Version::kMqtt5;
    case PacketType::kConnack:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
    case PacketType::kPingresp:
      return false;
  }
  return false;
}

bool ServerMaySend(PacketType type, Version version) {
  switch (type) {
    case PacketType::kConnack:
    case PacketType::kPublish:
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
    case PacketType::kPingresp:
      return true;
    case PacketType::kDisconnect:
    case PacketType::kAuth:
      return version == Version::kMqtt5;
    case PacketType::kConnect:
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
    case PacketType::kPingreq:
      return false;
  }
  return false;
}

Reason ValidatePing(const Frame& frame) {
  CHECK(frame.type == PacketType::kPingreq || frame.type == PacketType::kPingresp);
  const bool bare = frame.flags == 0 && frame.body.empty();  // [MQTT-2.1.3-1], §3.12, §3.13
  return bare ? Reason::kSuccess : Reason::kMalformedPacket;
}

Reason ValidatePacket(const Frame& frame, Version version, Sender sender) {
  const bool allowed = sender == Sender::kClient ? ClientMaySend(frame.type, version)
                                                 : ServerMaySend(frame.type, version);
  if (!allowed) return Reason::kProtocolError;
  switch (frame.type) {
    case PacketType::kConnect:
      return Reason::kProtocolError;  // the second one [MQTT-3.1.0-2]
    case PacketType::kConnack:
      return ValidateConnack(frame, version);
    case PacketType::kPublish: {
      Publish publish;
      return DecodePublish(frame, version, sender, &publish);
    }
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp: {
      Ack ack;
      return DecodeAck(frame, version, &ack);
    }
    case PacketType::kSubscribe:
      return ValidateSubscribe(frame, version);
    case PacketType::kSuback:
      return ValidateSuback(frame, version);
    case PacketType::kUnsubscribe:
      return ValidateUnsubscribe(frame, version);
    case PacketType::kUnsuback:
      return ValidateUnsuback(frame, version);
    case PacketType::kPingreq:
    case PacketType::kPingresp:
      return ValidatePing(frame);
    case PacketType::kDisconnect:
      return ValidateDisconnect(frame, version, sender);
    case PacketType::kAuth:
      return ValidateAuth(frame, version, sender);
  }
  return Reason::kMalformedPacket;  // type 0 never leaves NextFrame
}

}  // namespace causeway::mqtt
