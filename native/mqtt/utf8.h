// UTF-8 as MQTT wants it. ValidUtf8 (strings of the protocol) is declared in packet.h.
#pragma once

#include <string_view>

namespace causeway::mqtt {

/// Well-formed UTF-8 that may hold U+0000: the payload of a message whose Payload Format Indicator
/// is 1, which is character data but no UTF-8 Encoded String. Source: MQTT 5.0 §3.3.2.3.2
bool WellFormedUtf8(std::string_view text);

}  // namespace causeway::mqtt
