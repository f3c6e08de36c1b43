#include "link/deflate.h"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "link/inflate.h"
#include "link/term_compressor.h"

namespace causeway::link {
namespace {

/// Unfolded again; "" when that fails or not all of the stream is used.
std::string Unfolded(std::string_view stream, size_t size) {
  std::string plain(size, '\0');
  size_t consumed = 0;
  if (!Inflate(stream, plain.data(), size, &consumed) || consumed != stream.size()) return {};
  return plain;
}

/// Words, runs and noise, in a mix that the seed chooses.
std::string Mixed(uint32_t seed, size_t size) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    const uint32_t kind = random() % 3;
    const size_t length = 1 + random() % 400;
    if (kind == 0) text.append(length, static_cast<char>(random()));
    if (kind == 1 && !text.empty()) text += text.substr(random() % text.size(), length);
    if (kind == 2)
      for (size_t i = 0; i < length; ++i) text.push_back(static_cast<char>(random()));
  }
  text.resize(size);
  return text;
}

TEST_SUITE("link/deflate") {
  TEST_CASE("what is folded unfolds to the same bytes, at every size and distance") {
    for (uint32_t seed = 1; seed <= 300; ++seed) {
      CAPTURE(seed);
      const size_t size = 1 + seed * seed % 70'000;
      const std::string plain = Mixed(seed, size);
      std::string stream = "before";
      if (!Deflate(plain, &stream)) {
        CHECK(stream == "before");
        continue;
      }
      CHECK(stream.size() - 6 < plain.size());
      CHECK(Unfolded(std::string_view(stream).substr(6), size) == plain);
    }
  }

  TEST_CASE("every length of a repetition, and distances at the edges of their codes") {
    for (size_t length = 4; length <= 300; ++length) {
      for (const size_t distance :
           {1, 4, 5, 6, 7, 8, 9, 12, 13, 128, 129, 24'576, 24'577, 32'768}) {
        std::string plain = "abcd";
        plain += Mixed(static_cast<uint32_t>(distance), distance < 4 ? 0 : distance - 4);
        while (plain.size() < 40'000) plain.push_back(plain[plain.size() - distance]);
        plain.resize(distance + length + 64, 'z');
        std::string stream;
        if (!Deflate(plain, &stream)) continue;
        REQUIRE(Unfolded(stream, plain.size()) == plain);
      }
    }
  }

  TEST_CASE("noise stays as it is") {
    std::mt19937 random(7);
    std::string noise;
    for (int i = 0; i < 4096; ++i) noise.push_back(static_cast<char>(random()));
    std::string stream;
    CHECK_FALSE(Deflate(noise, &stream));
    CHECK(stream.empty());
  }

  TEST_CASE(
      "terms that do not become smaller are tried less and less often, one that does brings them "
      "back") {
    TermCompressor compressor;
    std::mt19937 random(7);
    const auto feed = [&](bool noise) {
      if (!compressor.Tries(2000)) return false;
      char* at = compressor.Plain(2000);
      for (int i = 0; i < 2000; ++i) at[i] = noise ? static_cast<char>(random()) : 'x';
      return compressor.Smallest().size() < 2000;
    };
    int tried = 0;
    for (int i = 0; i < 1000; ++i) {
      tried += compressor.Tries(2000) ? 1 : 0;
      CHECK_FALSE(feed(true));
    }
    CHECK(tried < 40);
    int until = 0;
    while (!feed(false)) ++until;
    CHECK(until <= static_cast<int>(limits::kLinkCompressSkipMax));
    CHECK(feed(false));
    CHECK_FALSE(compressor.Tries(limits::kLinkCompressBytesMin - 1));
    CHECK_FALSE(compressor.Tries(limits::kLinkCompressBytesMax + 1));
  }
}

}  // namespace
}  // namespace causeway::link
