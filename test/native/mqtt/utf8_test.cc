// ValidUtf8 and WellFormedUtf8 against a decoder that follows the definition bit by bit.
#include "mqtt/utf8.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "mqtt/packet.h"

namespace causeway::mqtt {
namespace {

/// The definition: decode, then look at the value and at whether a shorter form existed.
bool NaiveUtf8(std::string_view text, bool nul_allowed) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    size_t size = 1;
    uint32_t code = lead;
    if (lead >= 0x80) {
      if ((lead & 0xE0) == 0xC0) {
        size = 2, code = lead & 0x1F;
      } else if ((lead & 0xF0) == 0xE0) {
        size = 3, code = lead & 0x0F;
      } else if ((lead & 0xF8) == 0xF0) {
        size = 4, code = lead & 0x07;
      } else {
        return false;
      }
      if (i + size > text.size()) return false;
      for (size_t k = 1; k < size; ++k) {
        const auto next = static_cast<uint8_t>(text[i + k]);
        if ((next & 0xC0) != 0x80) return false;
        code = code << 6 | (next & 0x3F);
      }
      constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
      if (code < kLeast[size] || code > 0x10FFFF) return false;
      if (code >= 0xD800 && code <= 0xDFFF) return false;
    } else if (code == 0 && !nul_allowed) {
      return false;
    }
    i += size;
  }
  return true;
}

/// Runs on an exact heap copy, so that AddressSanitizer sees a read behind the end.
void Compare(std::string_view text) {
  const std::vector<char> copy(text.begin(), text.end());
  const std::string_view view(copy.data(), copy.size());
  CAPTURE(text.size());
  CHECK_EQ(ValidUtf8(view), NaiveUtf8(text, false));
  CHECK_EQ(WellFormedUtf8(view), NaiveUtf8(text, true));
}

TEST_CASE(
    "every sequence of one, two and three bytes is judged as the definition says [MQTT-1.5.4-1]") {
  int wrong = 0;
  for (uint32_t value = 0; value < 1u << 24; value += value < 0x20000 ? 1 : 7) {
    const char bytes[3] = {static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                           static_cast<char>(value)};
    const std::string_view text(bytes, 3);
    wrong += ValidUtf8(text) != NaiveUtf8(text, false);
    wrong += WellFormedUtf8(text) != NaiveUtf8(text, true);
    wrong += ValidUtf8(text.substr(1)) != NaiveUtf8(text.substr(1), false);
    wrong += ValidUtf8(text.substr(2)) != NaiveUtf8(text.substr(2), false);
  }
  CHECK_EQ(wrong, 0);
}

TEST_CASE("a fault is found at every offset of a long text, and so is its absence") {
  const std::string faults[] = {"\x80",
                                "\xC0\x80",
                                "\xED\xA0\x80",
                                "\xF4\x90\x80\x80",
                                "\xF0\x8F\x80\x80",
                                "\xE2\x82",
                                "\xFF",
                                std::string(1, '\0'),
                                "\xC3\xBC",
                                "\xE2\x82\xAC",
                                "\xF0\x9F\x98\x80",
                                "x"};
  for (const std::string& piece : faults) {
    for (size_t size = 0; size < 40; ++size) {
      for (size_t at = 0; at <= size; ++at) {
        std::string text(size, 'a');
        text.insert(at, piece);
        Compare(text);
      }
    }
  }
}

TEST_CASE("random mixtures of characters and bytes are judged as the definition says") {
  std::mt19937 random(20240607);
  const std::string pieces[] = {
      "a",    "topic/", "\xC3\xBC",          "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
      "\x80", "\xE2",   std::string(1, '\0')};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const auto count = random() % 24;
    // Mostly valid pieces, so that long valid texts occur too.
    for (uint32_t i = 0; i < count; ++i)
      text += pieces[random() % 100 < 97 ? random() % 5 : random() % 8];
    Compare(text);
  }
}

TEST_CASE(
    "U+0000 is refused in a string of the protocol and allowed in a text payload [MQTT-1.5.4-2]") {
  const std::string_view text("a\0b", 3);
  CHECK_FALSE(ValidUtf8(text));
  CHECK(WellFormedUtf8(text));
}

}  // namespace
}  // namespace causeway::mqtt
