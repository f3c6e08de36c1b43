// Which reason code may stand in which packet, sent by whom. Internal to native/mqtt.
#pragma once

#include "mqtt/packet.h"

namespace causeway::mqtt {

/// Whether MQTT 5 lets `sender` put `reason` into a packet of `type`. Source: MQTT 5.0 §2.4 table
/// 2-6, §3.14.2.1, §3.15.2.1
bool ReasonAllowed(PacketType type, Sender sender, Reason reason);

}  // namespace causeway::mqtt
