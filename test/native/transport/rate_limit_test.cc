#include "transport/rate_limit.h"

#include <doctest/doctest.h>

namespace causeway::transport {

TEST_CASE("a bucket without a rate never asks to wait") {
  TokenBucket bucket({}, 0);
  bucket.Charge(1e9, 0);
  CHECK(!bucket.limited());
  CHECK(bucket.Wait(0) == 0);
}

TEST_CASE("a second's worth goes at once, then one charge at a time as tokens come back") {
  TokenBucket bucket({.per_second = 10}, 1'000);
  for (int i = 0; i < 10; ++i) {
    CHECK(bucket.Wait(1'000) == 0);
    bucket.Charge(1, 1'000);
  }
  CHECK(bucket.Wait(1'000) == 1);
  bucket.Charge(1, 1'001);
  CHECK(bucket.Wait(1'099) > 0);
  CHECK(bucket.Wait(1'101) == 0);
}

TEST_CASE("a charge above what is there is paid back before the next") {
  TokenBucket bucket({.per_second = 1'000}, 0);
  bucket.Charge(3'000, 0);
  const int64_t wait = bucket.Wait(0);
  CHECK(wait >= 2'000);
  CHECK(wait <= 2'002);
  CHECK(bucket.Wait(1'990) > 0);
  CHECK(bucket.Wait(wait) == 0);
}

TEST_CASE("tokens of an idle hour are one second's") {
  TokenBucket bucket({.per_second = 5}, 0);
  bucket.Charge(5, 3'600'000);
  CHECK(bucket.Wait(3'600'000) > 0);
}

TEST_CASE("the burst is used when the rate's own tokens are gone") {
  TokenBucket bucket({.per_second = 10, .burst = 10, .burst_per_second = 1}, 0);
  for (int i = 0; i < 20; ++i) {
    CHECK(bucket.Wait(0) == 0);
    bucket.Charge(1, 0);
  }
  CHECK(bucket.Wait(0) > 0);
}

TEST_CASE("the narrower of two limits decides") {
  ListenerRates none;
  RateLimit limit({.per_second = 100}, {.per_second = 10}, &none, 0);
  limit.messages.Charge(1, 0);
  CHECK(limit.Wait(0) == 0);
  limit.bytes.Charge(20, 0);
  CHECK(limit.Wait(0) >= 1'000);
}

}  // namespace causeway::transport
