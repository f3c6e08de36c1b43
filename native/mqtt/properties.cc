#include "mqtt/properties.h"

#include <array>

namespace causeway::mqtt {
namespace {

enum class Shape : uint8_t {
  kUnknown,
  kByte,
  kTwoBytes,
  kFourBytes,
  kVarint,
  kText,
  kBinary,
  kTextPair
};

struct Rule {
  Shape shape = Shape::kUnknown;
  uint16_t places = 0;      // bit = PropertyPlace
  uint16_t repeatable = 0;  // where it may stand more than once
  uint32_t least = 0;       // bounds of an integer's value
  uint32_t most = UINT32_MAX;
};

constexpr uint16_t Bit(PropertyPlace place) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(place));
}

constexpr uint16_t kWill = Bit(PropertyPlace::kWill), kConnect = Bit(PropertyPlace::kConnect),
                   kConnack = Bit(PropertyPlace::kConnack), kPublish = Bit(PropertyPlace::kPublish),
                   kSubscribe = Bit(PropertyPlace::kSubscribe),
                   kDisconnect = Bit(PropertyPlace::kDisconnect), kAuth = Bit(PropertyPlace::kAuth);
constexpr uint16_t kAcks = Bit(PropertyPlace::kPuback) | Bit(PropertyPlace::kPubrec) |
                           Bit(PropertyPlace::kPubrel) | Bit(PropertyPlace::kPubcomp) |
                           Bit(PropertyPlace::kSuback) | Bit(PropertyPlace::kUnsuback);
constexpr uint16_t kEither = Bit(PropertyPlace::kMessage);
constexpr uint16_t kMessage = kPublish | kWill | kEither;
constexpr uint16_t kEverywhere = 0xFFFF;

constexpr size_t kRuleCount = 0x2B;

constexpr std::array<Rule, kRuleCount> MakeRules() {
  std::array<Rule, kRuleCount> rules{};
  const auto set = [&rules](PropertyId id, Rule rule) { rules[static_cast<size_t>(id)] = rule; };
  const auto flag = [](uint16_t places) { return Rule{Shape::kByte, places, 0, 0, 1}; };

  set(PropertyId::kPayloadFormatIndicator, flag(kMessage));
  set(PropertyId::kMessageExpiryInterval, {Shape::kFourBytes, kMessage});
  set(PropertyId::kContentType, {Shape::kText, kMessage});    // [MQTT-3.3.2-19]
  set(PropertyId::kResponseTopic, {Shape::kText, kMessage});  // [MQTT-3.3.2-13]
  set(PropertyId::kCorrelationData, {Shape::kBinary, kMessage});
  set(PropertyId::kSubscriptionIdentifier,
      {Shape::kVarint, kPublish | kSubscribe | kEither, kPublish | kEither, 1});
  set(PropertyId::kSessionExpiryInterval, {Shape::kFourBytes, kConnect | kConnack | kDisconnect});
  set(PropertyId::kAssignedClientIdentifier, {Shape::kText, kConnack});
  set(PropertyId::kServerKeepAlive, {Shape::kTwoBytes, kConnack});
  set(PropertyId::kAuthenticationMethod, {Shape::kText, kConnect | kConnack | kAuth});
  set(PropertyId::kAuthenticationData, {Shape::kBinary, kConnect | kConnack | kAuth});
  set(PropertyId::kRequestProblemInformation, flag(kConnect));
  set(PropertyId::kWillDelayInterval, {Shape::kFourBytes, kWill | kEither});
  set(PropertyId::kRequestResponseInformation, flag(kConnect));
  set(PropertyId::kResponseInformation, {Shape::kText, kConnack});
  set(PropertyId::kServerReference, {Shape::kText, kConnack | kDisconnect});
  set(PropertyId::kReasonString, {Shape::kText, kConnack | kAcks | kDisconnect | kAuth});
  set(PropertyId::kReceiveMaximum, {Shape::kTwoBytes, kConnect | kConnack, 0, 1});
  set(PropertyId::kTopicAliasMaximum, {Shape::kTwoBytes, kConnect | kConnack});
  set(PropertyId::kTopicAlias, {Shape::kTwoBytes, kPublish | kEither, 0, 1});  // [MQTT-3.3.2-8]
  set(PropertyId::kMaximumQos, flag(kConnack));
  set(PropertyId::kRetainAvailable, flag(kConnack));
  set(PropertyId::kUserProperty, {Shape::kTextPair, kEverywhere, kEverywhere});
  set(PropertyId::kMaximumPacketSize, {Shape::kFourBytes, kConnect | kConnack, 0, 1});
  set(PropertyId::kWildcardSubscriptionAvailable, flag(kConnack));
  set(PropertyId::kSubscriptionIdentifierAvailable, flag(kConnack));
  set(PropertyId::kSharedSubscriptionAvailable, flag(kConnack));
  return rules;
}

constexpr std::array<Rule, kRuleCount> kRules = MakeRules();
static_assert(kRuleCount <= 64, "PropertyReader remembers identifiers in one 64-bit word");

bool ReadValue(Cursor* cursor, Shape shape, Property* property) {
  uint8_t byte;
  uint16_t two;
  switch (shape) {
    case Shape::kByte:
      if (!cursor->U8(&byte)) return false;
      property->number = byte;
      return true;
    case Shape::kTwoBytes:
      if (!cursor->U16(&two)) return false;
      property->number = two;
      return true;
    case Shape::kFourBytes:
      return cursor->U32(&property->number);
    case Shape::kVarint:
      return cursor->Varint(&property->number);
    case Shape::kText:
      return cursor->Text(&property->bytes);
    case Shape::kBinary:
      return cursor->Binary(&property->bytes);
    case Shape::kTextPair:
      return cursor->Text(&property->name) && cursor->Text(&property->bytes);  // [MQTT-1.5.7-1]
    case Shape::kUnknown:
      return false;
  }
  return false;
}

}  // namespace

bool PropertyReader::Next(Property* property) {
  if (cursor_.AtEnd()) return false;
  const std::string_view from_here = cursor_.Rest();
  // Every identifier so far fits one byte; a longer one, minimal or not, is unknown.
  uint8_t id;
  if (!cursor_.U8(&id) || id >= kRuleCount) return Fail(Reason::kMalformedPacket);
  const Rule& rule = kRules[id];
  // "An Identifier which is not valid for its packet type … is a Malformed Packet." §2.2.2.2
  if (!(rule.places & Bit(place_))) return Fail(Reason::kMalformedPacket);
  *property = Property{};
  property->id = static_cast<PropertyId>(id);
  if (!ReadValue(&cursor_, rule.shape, property)) return Fail(Reason::kMalformedPacket);

  const uint64_t bit = uint64_t{1} << id;
  if ((seen_ & bit) && !(rule.repeatable & Bit(place_))) return Fail(Reason::kProtocolError);
  seen_ |= bit;
  if (property->number < rule.least || property->number > rule.most) {
    // Zero is an alias nobody may use, and that has its own code. §3.3.2.3.4, §3.14.2.1
    return Fail(property->id == PropertyId::kTopicAlias ? Reason::kTopicAliasInvalid
                                                        : Reason::kProtocolError);
  }
  property->whole = from_here.substr(0, from_here.size() - cursor_.left());
  return true;
}

Reason ValidateProperties(std::string_view block, PropertyPlace place) {
  PropertyReader reader(block, place);
  Property property;
  while (reader.Next(&property)) {
  }
  return reader.reason();
}

}  // namespace causeway::mqtt
