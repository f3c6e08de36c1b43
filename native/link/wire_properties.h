// Forwardable MQTT 5 properties between their wire form and the `properties` map of a forwarded
// message. Internal to native/link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "link/etf.h"

namespace causeway::link {

/// The forwardable properties of one message, found in one walk over their wire form. Views are
/// borrowed.
struct WireProperties {
  bool has_payload_format = false;
  uint8_t payload_format = 0;
  bool has_content_type = false;
  std::string_view content_type;
  bool has_response_topic = false;
  std::string_view response_topic;
  bool has_correlation_data = false;
  std::string_view correlation_data;
  uint32_t user_properties = 0;
  size_t user_property_bytes = 0;  // names and values together
  std::string_view wire;           // to walk the user properties again

  /// Well-formed wire form of forwardable properties only: anything else is a programmer error.
  static WireProperties Scan(std::string_view wire);
  /// Pairs of the term's map, without the expiry.
  uint32_t pairs() const;
  /// Bytes of those pairs.
  size_t TermBytes() const;
  /// Writes `#{…}` with the expiry (kNoMessageExpiry: none) at its canonical place; returns the
  /// end.
  char* Put(char* at, uint32_t message_expiry_seconds) const;
};

/// Reads a `properties` map, appending wire form to `*wire` and setting `*message_expiry_seconds`
/// when it is there. False when the map is broken or holds what no MQTT packet can carry. Keys that
/// mean nothing here are skipped.
bool ReadPropertiesMap(EtfReader* reader, std::string* wire, uint32_t* message_expiry_seconds);

}  // namespace causeway::link
