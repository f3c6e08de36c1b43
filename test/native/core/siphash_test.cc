#include "core/siphash.h"

#include <string>

#include <doctest/doctest.h>

namespace causeway {
namespace {

std::string Counting(size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(i));
  return text;
}

uint64_t Of(std::string_view text) {
  SipHash hash(SipKey::Of(Counting(16)));
  hash.Update(text);
  return hash.Finish();
}

TEST_SUITE("core/siphash") {
  TEST_CASE("the reference's vectors: key 00 … 0f, input 00, 01, …") {
    CHECK(Of("") == 0x726FDB47DD0E0E31u);
    CHECK(Of(Counting(1)) == 0x74F839C593DC67FDu);
    CHECK(Of(Counting(8)) == 0x93F5F5799A932462u);
    CHECK(Of(Counting(15)) == 0xA129CA6149BE45E5u);
    CHECK(Of(Counting(63)) == 0x958A324CEB064572u);
  }

  TEST_CASE("how the input is cut changes nothing") {
    const std::string text = Counting(40);
    for (size_t first = 0; first <= text.size(); ++first) {
      for (size_t second = first; second <= text.size(); ++second) {
        SipHash hash(SipKey::Of(Counting(16)));
        hash.Update(std::string_view(text).substr(0, first));
        hash.Update(std::string_view(text).substr(first, second - first));
        hash.Update(std::string_view(text).substr(second));
        CHECK(hash.Finish() == Of(text));
      }
    }
  }

  TEST_CASE("a key survives the way there and back, and two random ones differ") {
    char bytes[SipKey::kBytes];
    SipKey::Of(Counting(16)).Write(bytes);
    CHECK(std::string_view(bytes, sizeof bytes) == Counting(16));
    CHECK(SipKey::Random().low != SipKey::Random().low);
  }
}

}  // namespace
}  // namespace causeway
