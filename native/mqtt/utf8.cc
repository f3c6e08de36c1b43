// Both checks are one loop: eight ASCII bytes at a time, and one code point at a time where a byte
// is above 0x7F.
#include "mqtt/utf8.h"

#include "mqtt/packet.h"
#include "mqtt/swar.h"

namespace causeway::mqtt {
namespace {

/// Bytes of the multi-byte code point at `at`, or 0 when it is not well-formed: a stray
/// continuation, a truncated or overlong sequence, a surrogate or a value above U+10FFFF. Source:
/// Unicode 15 table 3-7, MQTT 5.0 §1.5.4
size_t CodePointSize(const uint8_t* at, size_t left) {
  const uint8_t lead = at[0];
  size_t size;
  uint8_t low = 0x80, high = 0xBF;  // bounds of the second byte; later ones are always 0x80 … 0xBF
  if (lead < 0xC2) return 0;        // a continuation byte, or C0 C1: overlong
  if (lead < 0xE0) {
    size = 2;
  } else if (lead < 0xF0) {
    size = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong below
    if (lead == 0xED) high = 0x9F;  // U+D800 … U+DFFF above [MQTT-1.5.4-1]
  } else if (lead < 0xF5) {
    size = 4;
    if (lead == 0xF0) low = 0x90;   // overlong below
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF above
  } else {
    return 0;
  }
  if (left < size || at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return size;
}

template <bool kNulAllowed>
bool Valid(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    while (end - at >= 8) {
      const uint64_t word = swar::Load8(at);
      if constexpr (kNulAllowed) {
        if (word & swar::kHighBits) break;
      } else {
        if (swar::NonZeroAscii(word) != swar::kHighBits) break;
      }
      at += 8;
    }
    // Fewer than eight left, or one of the next eight is not plain: walk to where the fast loop may
    // start again.
    const char* const stop = end - at > 8 ? at + 8 : end;
    while (at < stop) {
      const auto byte = static_cast<uint8_t>(*at);
      if (byte < 0x80) {
        if (!kNulAllowed && byte == 0) return false;  // [MQTT-1.5.4-2]
        ++at;
        continue;
      }
      const size_t size =
          CodePointSize(reinterpret_cast<const uint8_t*>(at), static_cast<size_t>(end - at));
      if (size == 0) return false;
      at += size;
    }
  }
  return true;
}

}  // namespace

bool ValidUtf8(std::string_view text) { return Valid<false>(text); }
bool WellFormedUtf8(std::string_view text) { return Valid<true>(text); }

}  // namespace causeway::mqtt
