#include "loadgen/histogram.h"

#include <algorithm>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

TEST_CASE("an empty histogram has no values") {
  Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.Quantile(0.5) == 0);
  CHECK(histogram.max() == 0);
}

TEST_CASE("values below 64 ns are kept as they are") {
  Histogram histogram;
  for (uint64_t ns = 0; ns < 64; ++ns) histogram.Record(ns);
  CHECK(histogram.Quantile(0.5) == 31);
  CHECK(histogram.Quantile(1) == 63);
}

TEST_CASE("every value falls into a bucket that holds it, and buckets are narrow") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t ns = random() >> random() % 64;
    Histogram histogram;
    histogram.Record(ns);
    int buckets = 0;
    histogram.ForEach([&](const Histogram::Bucket& bucket) {
      ++buckets;
      CHECK(bucket.count == 1);
      CHECK(bucket.low <= ns);
      CHECK(ns - bucket.low < bucket.width);
      CHECK(bucket.width <= std::max<uint64_t>(1, bucket.low / 64));
    });
    CHECK(buckets == 1);
    CHECK(histogram.max() == ns);
  }
}

TEST_CASE("a quantile is within 1.6 % of the sorted values' own") {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> latencies(11, 1.5);  // median 60 µs, long tail
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<uint64_t>(latencies(random)));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(values.size()) + 0.5);
    const auto exact = static_cast<double>(values[std::max<size_t>(1, rank) - 1]);
    CHECK(static_cast<double>(histogram.Quantile(share)) == doctest::Approx(exact).epsilon(0.016));
  }
  CHECK(histogram.Quantile(1) <= histogram.max());
}

TEST_CASE("a merge holds what both held") {
  Histogram one, other;
  for (uint64_t ns = 0; ns < 1000; ++ns) (ns % 2 ? one : other).Record(ns * 1000);
  one.Merge(other);
  CHECK(one.count() == 1000);
  CHECK(one.max() == 999'000);
  CHECK(static_cast<double>(one.Quantile(0.5)) == doctest::Approx(499'000).epsilon(0.016));
}

}  // namespace
}  // namespace causeway::loadgen
