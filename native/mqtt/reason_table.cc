#include "mqtt/reason_table.h"

#include <array>

namespace causeway::mqtt {
namespace {

constexpr uint16_t Bit(PacketType type) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(type));
}

/// Type 0 is free: a DISCONNECT that a client sends has fewer codes than a server's.
constexpr uint16_t kClientDisconnect = 1;
constexpr uint16_t kServerDisconnect = Bit(PacketType::kDisconnect);
constexpr uint16_t kDisconnect = kClientDisconnect | kServerDisconnect;
constexpr uint16_t kConnack = Bit(PacketType::kConnack), kSuback = Bit(PacketType::kSuback),
                   kUnsuback = Bit(PacketType::kUnsuback), kAuth = Bit(PacketType::kAuth);
/// PUBACK and PUBREC share one set, PUBREL and PUBCOMP another.
constexpr uint16_t kReceived = Bit(PacketType::kPuback) | Bit(PacketType::kPubrec);
constexpr uint16_t kReleased = Bit(PacketType::kPubrel) | Bit(PacketType::kPubcomp);

struct Row {
  Reason reason;
  uint16_t packets;
};

constexpr Row kRows[] = {
    {Reason::kSuccess,
     kConnack | kReceived | kReleased | kSuback | kUnsuback | kDisconnect | kAuth},
    {Reason::kGrantedQos1, kSuback},
    {Reason::kGrantedQos2, kSuback},
    {Reason::kDisconnectWithWill, kClientDisconnect},
    {Reason::kNoMatchingSubscribers, kReceived},
    {Reason::kNoSubscriptionExisted, kUnsuback},
    {Reason::kContinueAuthentication, kAuth},
    {Reason::kReAuthenticate, kAuth},
    {Reason::kUnspecified, kConnack | kReceived | kSuback | kUnsuback | kDisconnect},
    {Reason::kMalformedPacket, kConnack | kDisconnect},
    {Reason::kProtocolError, kConnack | kDisconnect},
    {Reason::kImplementationSpecific, kConnack | kReceived | kSuback | kUnsuback | kDisconnect},
    {Reason::kUnsupportedProtocolVersion, kConnack},
    {Reason::kClientIdentifierNotValid, kConnack},
    {Reason::kBadUserNameOrPassword, kConnack},
    {Reason::kNotAuthorized, kConnack | kReceived | kSuback | kUnsuback | kServerDisconnect},
    {Reason::kServerUnavailable, kConnack},
    {Reason::kServerBusy, kConnack | kServerDisconnect},
    {Reason::kBanned, kConnack},
    {Reason::kServerShuttingDown, kServerDisconnect},
    {Reason::kBadAuthenticationMethod, kConnack | kServerDisconnect},
    {Reason::kKeepAliveTimeout, kServerDisconnect},
    {Reason::kSessionTakenOver, kServerDisconnect},
    {Reason::kTopicFilterInvalid, kSuback | kUnsuback | kServerDisconnect},
    {Reason::kTopicNameInvalid, kConnack | kReceived | kDisconnect},
    {Reason::kPacketIdentifierInUse, kReceived | kSuback | kUnsuback},
    {Reason::kPacketIdentifierNotFound, kReleased},
    {Reason::kReceiveMaximumExceeded, kDisconnect},
    {Reason::kTopicAliasInvalid, kDisconnect},
    {Reason::kPacketTooLarge, kConnack | kDisconnect},
    {Reason::kMessageRateTooHigh, kDisconnect},
    {Reason::kQuotaExceeded, kConnack | kReceived | kSuback | kDisconnect},
    {Reason::kAdministrativeAction, kDisconnect},
    {Reason::kPayloadFormatInvalid, kConnack | kReceived | kDisconnect},
    {Reason::kRetainNotSupported, kConnack | kServerDisconnect},
    {Reason::kQosNotSupported, kConnack | kServerDisconnect},
    {Reason::kUseAnotherServer, kConnack | kServerDisconnect},
    {Reason::kServerMoved, kConnack | kServerDisconnect},
    {Reason::kSharedSubscriptionsNotSupported, kSuback | kServerDisconnect},
    {Reason::kConnectionRateExceeded, kConnack | kServerDisconnect},
    {Reason::kMaximumConnectTime, kServerDisconnect},
    {Reason::kSubscriptionIdentifiersNotSupported, kSuback | kServerDisconnect},
    {Reason::kWildcardSubscriptionsNotSupported, kSuback | kServerDisconnect},
};

constexpr std::array<uint16_t, 256> MakePackets() {
  std::array<uint16_t, 256> packets{};
  for (const Row& row : kRows) packets[static_cast<uint8_t>(row.reason)] = row.packets;
  return packets;
}

constexpr std::array<uint16_t, 256> kPackets = MakePackets();

}  // namespace

bool ReasonAllowed(PacketType type, Sender sender, Reason reason) {
  if (type == PacketType::kAuth) {
    // A server ends an exchange with 0x00, a client asks for another with 0x19. §3.15.2.1
    if (reason == Reason::kSuccess) return sender == Sender::kServer;
    if (reason == Reason::kReAuthenticate) return sender == Sender::kClient;
  }
  const bool client_disconnect = type == PacketType::kDisconnect && sender == Sender::kClient;
  const uint16_t bit = client_disconnect ? kClientDisconnect : Bit(type);
  return kPackets[static_cast<uint8_t>(reason)] & bit;
}

}  // namespace causeway::mqtt
