#include "core/hash.h"

#include <bit>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include <doctest/doctest.h>

namespace causeway {
namespace {

constexpr HashSeed kSeed{0x0123456789ABCDEF, 0xFEDCBA9876543210};

std::string RandomBytes(std::mt19937_64* random, size_t bytes) {
  std::string text(bytes, '\0');
  for (char& byte : text) byte = static_cast<char>((*random)());
  return text;
}

TEST_CASE("seeds from the operating system differ") {
  const HashSeed one = HashSeed::Random(), other = HashSeed::Random();
  CHECK((one.a != other.a && one.b != other.b && one.a != one.b));
}

TEST_CASE("the same bytes hash alike wherever they lie, and reading stops at their end") {
  std::mt19937_64 random(1);
  for (size_t bytes = 0; bytes < 300; ++bytes) {
    const std::string text = RandomBytes(&random, bytes);
    const uint64_t expected = Hash(text, kSeed);
    for (size_t offset = 0; offset < 8; ++offset) {
      // Exactly as large as needed: ASan sees one byte too many. Different surroundings must not
      // matter.
      std::vector<char> copy(offset + bytes, static_cast<char>(offset));
      std::copy(text.begin(), text.end(), copy.begin() + static_cast<long>(offset));
      CHECK(Hash({copy.data() + offset, bytes}, kSeed) == expected);
    }
  }
}

TEST_CASE("every input bit changes about half of the output bits, at every length") {
  std::mt19937_64 random(2);
  for (const size_t bytes :
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 97, 130}) {
    double worst = 0.5;
    for (size_t bit = 0; bit < bytes * 8; ++bit) {
      constexpr int kTrials = 200;
      int changed = 0;
      for (int trial = 0; trial < kTrials; ++trial) {
        std::string text = RandomBytes(&random, bytes);
        const uint64_t before = Hash(text, kSeed);
        text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
        changed += std::popcount(before ^ Hash(text, kSeed));
      }
      const double share = changed / (64.0 * kTrials);
      if (std::abs(share - 0.5) > std::abs(worst - 0.5)) worst = share;
    }
    CAPTURE(bytes);
    CHECK(worst > 0.45);
    CHECK(worst < 0.55);
  }
}

TEST_CASE("a bit of the seed changes about half of the output bits") {
  std::mt19937_64 random(3);
  for (int bit = 0; bit < 128; ++bit) {
    int changed = 0;
    for (int trial = 0; trial < 500; ++trial) {
      const std::string text = RandomBytes(&random, 24);
      HashSeed seed{random(), random()}, other = seed;
      (bit < 64 ? other.a : other.b) ^= uint64_t{1} << bit % 64;
      changed += std::popcount(Hash(text, seed) ^ Hash(text, other));
    }
    CHECK(std::abs(changed / (64.0 * 500) - 0.5) < 0.05);
  }
}

TEST_CASE(
    "a million topics that differ little do not collide, and fill buckets evenly from either end") {
  constexpr size_t kTopics = 1'000'000, kBuckets = 1024;
  for (const HashSeed seed : {HashSeed{}, kSeed}) {
    std::unordered_set<uint64_t> seen;
    seen.reserve(kTopics);
    std::vector<int> low(kBuckets), high(kBuckets);
    for (size_t i = 0; i < kTopics; ++i) {
      const uint64_t hash =
          Hash("site/" + std::to_string(i / 1000) + "/device/" + std::to_string(i % 1000), seed);
      seen.insert(hash);
      ++low[hash % kBuckets];
      ++high[hash >> 54];
    }
    CHECK(seen.size() == kTopics);  // a collision among 2^20 of 2^64 has odds of 3 in 10^8
    for (const std::vector<int>& buckets : {low, high}) {
      double chi_square = 0;
      constexpr double kExpected = double{kTopics} / kBuckets;
      for (const int count : buckets)
        chi_square += (count - kExpected) * (count - kExpected) / kExpected;
      CHECK(chi_square < 1023 + 6 * std::sqrt(2.0 * 1023));  // six sigma
    }
  }
}

TEST_CASE("runs of one byte and of zeros differ by their length alone") {
  std::set<uint64_t> seen;
  for (size_t bytes = 0; bytes <= 1024; ++bytes) {
    seen.insert(Hash(std::string(bytes, '\0'), kSeed));
    if (bytes > 0) seen.insert(Hash(std::string(bytes, 'a'), kSeed));
  }
  CHECK(seen.size() == 2 * 1024 + 1);
}

}  // namespace
}  // namespace causeway
