#include "session/awaiting_release.h"

#include <doctest/doctest.h>

namespace causeway::session {

TEST_CASE("a packet id is kept for the whole time, and forgotten at most half as much later") {
  for (int64_t begun = 0; begun < 1'000; begun += 37) {
    AwaitingRelease ids;
    ids.Restart(0);
    CHECK(ids.Forget(begun, 1'000) == 0);
    CHECK(ids.Insert(7));
    uint32_t forgotten = 0;
    for (int64_t at = begun; at < begun + 1'000; at += 50) forgotten += ids.Forget(at, 1'000);
    CHECK(forgotten == 0);
    CHECK_FALSE(ids.Insert(7));
    CHECK(ids.Forget(begun + 1'500, 1'000) == 1);
    CHECK(ids.size() == 0);
    CHECK(ids.Insert(7));
  }
}

TEST_CASE("an id of any age is found once, and erased") {
  AwaitingRelease ids;
  ids.Restart(0);
  CHECK(ids.Insert(1));
  ids.Forget(500, 1'000);
  CHECK(ids.Insert(2));
  ids.Forget(1'000, 1'000);
  CHECK(ids.Insert(3));
  CHECK(ids.size() == 3);
  for (const uint16_t id : {uint16_t{1}, uint16_t{2}, uint16_t{3}}) {
    CHECK_FALSE(ids.Insert(id));
    CHECK(ids.Erase(id));
    CHECK_FALSE(ids.Erase(id));
  }
  CHECK(ids.size() == 0);
}

TEST_CASE("time without a connection does not count") {
  AwaitingRelease ids;
  ids.Restart(0);
  CHECK(ids.Insert(1));
  ids.Restart(1'000'000);  // the client was away for long
  CHECK(ids.Forget(1'000'900, 1'000) == 0);
  CHECK_FALSE(ids.Insert(1));
  CHECK(ids.Forget(1'000'001 + 1'500, 1'000) == 1);
  CHECK(ids.Forget(9'000'000, 1'000) == 0);  // long after: one step, no catching up
  CHECK(ids.Insert(1));
  CHECK(ids.Forget(9'000'999, 1'000) == 0);
}

}  // namespace causeway::session
