// NextFrame over a stream that arrives in pieces gives the frames of the stream at once.
// Input: one byte (size of the pieces 1 … 16 in the low bits, packet limit in the high), then the
// stream.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "mqtt/packet.h"

namespace {

using namespace causeway::mqtt;

struct End {
  std::vector<size_t> sizes;  // of the whole packets before it
  FrameStatus status;

  bool operator==(const End&) const = default;
};

/// Reads `bytes` until they end or fault. With `piece` > 0 they arrive that many at a time.
End ReadAll(std::string_view bytes, uint32_t packet_bytes_max, size_t piece) {
  End end{{}, FrameStatus::kNeedMore};
  size_t arrived = piece == 0 ? bytes.size() : 0;
  for (;;) {
    Frame frame;
    size_t need = 1;
    end.status = NextFrame(bytes.substr(0, arrived), packet_bytes_max, &frame, &need);
    switch (end.status) {
      case FrameStatus::kFrame:
        CHECK(need == 0);
        CHECK(frame.whole.data() == bytes.data() && frame.whole.size() <= arrived);
        CHECK(frame.whole.size() <= packet_bytes_max);
        CHECK(frame.whole.ends_with(frame.body));
        CHECK(static_cast<int>(frame.type) >= 1 && static_cast<int>(frame.type) <= 15);
        end.sizes.push_back(frame.whole.size());
        bytes.remove_prefix(frame.whole.size());
        arrived -= frame.whole.size();
        break;
      case FrameStatus::kNeedMore:
        CHECK(need == 0 || (need > arrived && need <= packet_bytes_max));
        if (arrived == bytes.size()) return end;
        arrived = arrived + piece < bytes.size() ? arrived + piece : bytes.size();
        break;
      case FrameStatus::kMalformed:
      case FrameStatus::kTooLarge:
        return end;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = 1 + (data[0] & 0x0F);
  const uint32_t packet_bytes_max = 2u << (data[0] >> 4);
  CHECK(ReadAll(stream, packet_bytes_max, 0) == ReadAll(stream, packet_bytes_max, piece));
  return 0;
}
