#include "link/etf.h"
#include "link/message_term.h"
#include "link/wire_properties.h"
#include "mqtt/packet.h"

namespace causeway::link {
namespace {

constexpr uint32_t kElements = 10;
constexpr size_t kTopicBytesMax = 65535;

/// What a header or flag means when it is a truth value; EMQX's type allows integers too.
bool ReadTruth(EtfReader* reader, bool* value) {
  AtomId atom;
  int64_t number;
  if (reader->ReadAtom(&atom)) {
    *value = atom == AtomId::kTrue;
    return true;
  }
  if (reader->ReadInteger(&number)) {
    *value = number != 0;
    return true;
  }
  return reader->Skip(LocalTerms::kSkip, 2);
}

bool ReadFlags(EtfReader* reader, ForwardedMessage* out) {
  uint32_t pairs;
  if (!reader->EnterMap(&pairs)) return false;
  for (uint32_t i = 0; i < pairs; ++i) {
    AtomId key = AtomId::kOpaque;
    if (!reader->ReadAtom(&key) && !reader->Skip(LocalTerms::kSkip, 2)) return false;
    bool ignored = false;
    bool* value = key == AtomId::kRetain ? &out->retain
                  : key == AtomId::kSys  ? &out->sys
                                         : &ignored;
    if (!ReadTruth(reader, value)) return false;
  }
  return true;
}

/// `{A,B,C,D}` or eight 16-bit words. False leaves the reader where it was.
bool ReadAddress(EtfReader* reader, PeerAddress* peer) {
  EtfReader ahead = *reader;
  uint32_t words;
  if (!ahead.EnterTuple(&words) || (words != 4 && words != 8)) return false;
  PeerAddress read;
  read.family = words == 4 ? PeerAddress::Family::kIpv4 : PeerAddress::Family::kIpv6;
  for (uint32_t i = 0; i < words; ++i) {
    int64_t word;
    if (!ahead.ReadInteger(&word) || word < 0 || word > (words == 4 ? 0xFF : 0xFFFF)) return false;
    if (words == 4) {
      read.bytes[i] = static_cast<uint8_t>(word);
    } else {
      read.bytes[2 * i] = static_cast<uint8_t>(word >> 8);
      read.bytes[2 * i + 1] = static_cast<uint8_t>(word);
    }
  }
  read.port = peer->port;
  *peer = read;
  *reader = ahead;
  return true;
}

/// `{Address, Port}`.
bool ReadPeername(EtfReader* reader, PeerAddress* peer) {
  EtfReader ahead = *reader;
  uint32_t arity;
  int64_t port;
  PeerAddress read;
  if (!ahead.EnterTuple(&arity) || arity != 2 || !ReadAddress(&ahead, &read)) return false;
  if (!ahead.ReadInteger(&port) || port < 0 || port > 0xFFFF) return false;
  read.port = static_cast<uint16_t>(port);
  *peer = read;
  *reader = ahead;
  return true;
}

bool ReadProtocolVersion(EtfReader* reader, uint8_t* version) {
  EtfReader ahead = *reader;
  int64_t value;
  if (!ahead.ReadInteger(&value) || value < 3 || value > 5) return false;
  *version = static_cast<uint8_t>(value);
  *reader = ahead;
  return true;
}

/// Informative headers are taken when they look as expected and skipped otherwise; only
/// `properties` must be right.
MessageStatus ReadHeaders(std::string_view raw, std::string* scratch, ForwardedMessage* out) {
  EtfReader reader(raw);
  uint32_t pairs;
  if (!reader.EnterMap(&pairs)) return MessageStatus::kNotAMessage;
  bool has_properties = false;
  for (uint32_t i = 0; i < pairs; ++i) {
    AtomId key = AtomId::kOpaque;
    if (!reader.ReadAtom(&key) && !reader.Skip(LocalTerms::kSkip, 2))
      return MessageStatus::kMalformed;
    bool taken = false;
    switch (key) {
      case AtomId::kProperties: {
        const size_t from = scratch->size();
        if (has_properties || reader.Peek() != EtfKind::kMap) return MessageStatus::kNotAMessage;
        if (!ReadPropertiesMap(&reader, scratch, &out->message_expiry_seconds)) {
          return MessageStatus::kBadProperty;
        }
        out->properties = {scratch->data() + from, scratch->size() - from};
        has_properties = taken = true;
        break;
      }
      case AtomId::kUsername:
        taken = out->has_username = reader.ReadBinary(&out->username);
        break;
      case AtomId::kProtoVer:
        taken = ReadProtocolVersion(&reader, &out->protocol_version);
        break;
      case AtomId::kPeername:
        taken = ReadPeername(&reader, &out->peer);
        break;
      case AtomId::kPeerhost:
        taken = ReadAddress(&reader, &out->peer);
        break;
      default:
        break;
    }
    if (!taken && !reader.Skip(LocalTerms::kSkip, 2)) return MessageStatus::kMalformed;
  }
  return MessageStatus::kOk;
}

/// Flattens nested lists of bytes and binaries onto `*out`. False when anything else is in there.
bool FlattenIodata(std::string_view raw, std::string* out) {
  EtfReader reader(raw);
  uint64_t open[kEtfDepthMax];  // elements and tail still to come, per list entered
  int entered = 0;
  do {
    std::string_view bytes;
    int64_t byte;
    uint32_t length;
    bool has_tail;
    if (reader.ReadBinary(&bytes) || reader.ReadString(&bytes)) {
      out->append(bytes);
    } else if (reader.ReadInteger(&byte)) {
      if (byte < 0 || byte > 255) return false;
      out->push_back(static_cast<char>(byte));
    } else if (reader.EnterList(&length, &has_tail)) {
      if (has_tail) {
        if (entered == kEtfDepthMax) return false;
        open[entered++] = uint64_t{length} + 1;
        continue;
      }
    } else {
      return false;
    }
    while (entered > 0 && --open[entered - 1] == 0) --entered;
  } while (entered > 0);
  return true;
}

bool IsList(EtfKind kind) {
  return kind == EtfKind::kList || kind == EtfKind::kNil || kind == EtfKind::kString;
}

/// Splits the tuple into its fields; `headers` and a payload that is no plain binary stay raw.
bool ReadElements(EtfReader* reader, ForwardedMessage* out, std::string_view* headers,
                  std::string_view* iodata) {
  uint32_t arity;
  AtomId atom;
  int64_t qos;
  if (!reader->EnterTuple(&arity) || arity != kElements) return false;
  if (!reader->ReadAtom(&atom) || atom != AtomId::kMessage) return false;
  if (!reader->ReadBinary(&out->id) && !reader->Skip(LocalTerms::kRefuse, 1)) return false;
  if (!reader->ReadInteger(&qos) || qos < 0 || qos > 2) return false;
  out->qos = static_cast<uint8_t>(qos);
  if (!reader->ReadBinary(&out->from) && !reader->ReadAtom(&atom, &out->from)) return false;
  if (!ReadFlags(reader, out)) return false;
  if (!reader->ReadRaw(LocalTerms::kSkip, headers, 1)) return false;
  if (!reader->ReadBinary(&out->topic)) return false;
  if (!reader->ReadBinary(&out->payload)) {
    if (!IsList(reader->Peek()) || !reader->ReadRaw(LocalTerms::kRefuse, iodata, 1)) return false;
  }
  return reader->ReadInteger(&out->timestamp_ms) &&
         reader->ReadRaw(LocalTerms::kSkip, &out->extra, 1);
}

}  // namespace

MessageStatus DecodeMessage(std::string_view payload, std::string* scratch, ForwardedMessage* out) {
  *out = ForwardedMessage{};
  std::string_view term;
  // Twice the inflated size: wire-form properties and a flattened payload are never longer than
  // their terms, so what is appended below moves no view.
  if (!OpenEtf(payload, scratch, &term, 2, &out->trailing)) return MessageStatus::kMalformed;
  std::string_view headers;
  std::string_view iodata;
  EtfReader reader(term);
  if (!ReadElements(&reader, out, &headers, &iodata)) {
    return EtfReader(term).Skip(LocalTerms::kSkip) ? MessageStatus::kNotAMessage
                                                   : MessageStatus::kMalformed;
  }
  out->trailing |= !reader.rest().empty();
  if (out->topic.size() > kTopicBytesMax || !mqtt::ValidTopicName(out->topic) ||
      !mqtt::ValidUtf8(out->topic)) {
    return MessageStatus::kBadTopic;
  }
  if (term.data() != scratch->data()) {
    scratch->clear();
    scratch->reserve(headers.size() + iodata.size());
  }
  const MessageStatus status = ReadHeaders(headers, scratch, out);
  if (status != MessageStatus::kOk) return status;
  if (!iodata.empty()) {
    const size_t from = scratch->size();
    if (!FlattenIodata(iodata, scratch)) return MessageStatus::kNotAMessage;
    out->payload = {scratch->data() + from, scratch->size() - from};
  }
  return MessageStatus::kOk;
}

}  // namespace causeway::link
