#include "transport/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/limits.h"

namespace causeway::transport {

namespace {

constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV1BytesMax = 107;  // §2.1, CRLF included
constexpr size_t kV2Fixed = 16;      // signature, version and command, family, length
constexpr size_t kUnixPath = 108;    // of struct sockaddr_un
constexpr uint8_t kTlvCrc32c = 0x03;
constexpr size_t kTlvHeader = 3;  // type, two bytes of length

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

size_t Word(std::string_view bytes, size_t at) {
  return size_t{ByteAt(bytes, at)} << 8 | ByteAt(bytes, at + 1);
}

/// Whether `bytes`, as far as they go, are the beginning of `whole`.
bool Begins(std::string_view bytes, std::string_view whole) {
  const size_t size = std::min(bytes.size(), whole.size());
  return bytes.substr(0, size) == whole.substr(0, size);
}

std::string V4Peer(const char* address, size_t port) {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, address, text, sizeof text);
  return std::string(text) + ":" + std::to_string(port);
}

std::string V6Peer(const char* address, size_t port) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, address, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

/// Of a path that anybody may have written: printable ASCII, the rest as '?'. An abstract name
/// begins with a NUL, shown as '@'.
std::string UnixPeer(std::string_view path) {
  std::string peer = "unix:";
  if (!path.empty() && path[0] == '\0') {
    peer += '@';
    path.remove_prefix(1);
  }
  for (const char c : path.substr(0, path.find('\0'))) peer += c > ' ' && c < 0x7F ? c : '?';
  return peer;
}

/// A port without sign, without zeros in front.
std::optional<size_t> Port(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || read != end || (text.size() > 1 && text[0] == '0')) return {};
  return port;
}

/// The words of a line, single spaces between them. False when there are not exactly N.
template <size_t N>
bool Words(std::string_view line, std::array<std::string_view, N>* words) {
  for (size_t i = 0; i < N; ++i) {
    const size_t space = line.find(' ');
    if ((space == std::string_view::npos) != (i + 1 == N)) return false;
    (*words)[i] = line.substr(0, space);
    line.remove_prefix(i + 1 == N ? line.size() : space + 1);
  }
  return true;
}

/// `line`: behind "PROXY ", without CRLF.
bool ReadLine(std::string_view line, std::string* peer) {
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return true;  // what follows says nothing
  std::array<std::string_view, 5> words;  // protocol, source, destination, their ports
  if (!Words(line, &words)) return false;
  if (words[0] != "TCP4" && words[0] != "TCP6") return false;
  const int family = words[0] == "TCP4" ? AF_INET : AF_INET6;
  char source[16], destination[16];
  const std::optional<size_t> port = Port(words[3]);
  if (inet_pton(family, std::string(words[1]).c_str(), source) != 1 ||
      inet_pton(family, std::string(words[2]).c_str(), destination) != 1 || !port ||
      !Port(words[4])) {
    return false;
  }
  *peer = family == AF_INET ? V4Peer(source, *port) : V6Peer(source, *port);
  return true;
}

ProxyStatus ParseV1(std::string_view bytes, ProxyHeader* header) {
  const std::string_view within = bytes.substr(0, kV1BytesMax);
  const size_t end = within.find_first_of(std::string_view("\r\n\0", 3));
  if (end == std::string_view::npos || end + 1 == within.size()) {
    const bool over = bytes.size() >= kV1BytesMax;
    const bool wrong = end != std::string_view::npos && within[end] != '\r';
    return over || wrong ? ProxyStatus::kMalformed : ProxyStatus::kNeedMore;
  }
  if (within.substr(end, 2) != "\r\n") return ProxyStatus::kMalformed;
  header->bytes = end + 2;
  return ReadLine(within.substr(kV1.size(), end - kV1.size()), &header->peer)
             ? ProxyStatus::kHeader
             : ProxyStatus::kMalformed;
}

/// `tlvs`: of `whole`, to its end. §2.2.1 ff.; a CRC32c covers the whole header with its own value
/// taken as zero, §2.2.3.
bool ValidTlvs(std::string_view whole, size_t at) {
  while (at < whole.size()) {
    if (whole.size() - at < kTlvHeader) return false;
    const uint8_t type = ByteAt(whole, at);
    const size_t length = Word(whole, at + 1);
    at += kTlvHeader;
    if (whole.size() - at < length) return false;
    if (type == kTlvCrc32c) {
      if (length != 4) return false;
      const uint32_t stated =
          static_cast<uint32_t>(Word(whole, at)) << 16 | static_cast<uint32_t>(Word(whole, at + 2));
      std::string zeroed(whole);
      std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(at), 4, '\0');
      if (Crc32c(zeroed) != stated) return false;
    }
    at += length;
  }
  return true;
}

ProxyStatus ParseV2(std::string_view bytes, ProxyHeader* header) {
  if (bytes.size() < kV2Fixed) return ProxyStatus::kNeedMore;
  const uint8_t command = ByteAt(bytes, 12), family = ByteAt(bytes, 13);
  if (command != 0x20 && command != 0x21) return ProxyStatus::kMalformed;
  const size_t length = Word(bytes, 14);
  if (kV2Fixed + length > limits::kProxyHeaderBytesMax) return ProxyStatus::kMalformed;
  if (bytes.size() < kV2Fixed + length) return ProxyStatus::kNeedMore;
  header->bytes = kV2Fixed + length;
  if (command == 0x20) return ProxyStatus::kHeader;  // LOCAL: whatever else it says is skipped
  const std::string_view whole = bytes.substr(0, header->bytes);
  const std::string_view addresses = whole.substr(kV2Fixed);
  size_t address_bytes = 0;
  switch (family) {
    case 0x00:  // UNSPEC
      break;
    case 0x11:  // TCP over IPv4
      address_bytes = 12;
      if (length >= address_bytes) header->peer = V4Peer(addresses.data(), Word(addresses, 8));
      break;
    case 0x21:  // TCP over IPv6
      address_bytes = 36;
      if (length >= address_bytes) header->peer = V6Peer(addresses.data(), Word(addresses, 32));
      break;
    case 0x31:  // a Unix stream
      address_bytes = 2 * kUnixPath;
      if (length >= address_bytes) header->peer = UnixPeer(addresses.substr(0, kUnixPath));
      break;
    default:  // datagrams are not carried here; the others do not exist
      return ProxyStatus::kMalformed;
  }
  const bool valid = length >= address_bytes && ValidTlvs(whole, kV2Fixed + address_bytes);
  return valid ? ProxyStatus::kHeader : ProxyStatus::kMalformed;
}

}  // namespace

ProxyStatus ParseProxyHeader(std::string_view bytes, ProxyHeader* header) {
  *header = ProxyHeader();
  const bool v1 = Begins(bytes, kV1), v2 = Begins(bytes, kV2);
  if (!v1 && !v2) return ProxyStatus::kMalformed;
  if (bytes.size() < (v1 ? kV1.size() : kV2.size())) return ProxyStatus::kNeedMore;
  return v1 ? ParseV1(bytes, header) : ParseV2(bytes, header);
}

uint32_t Crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~crc;
}

}  // namespace causeway::transport
