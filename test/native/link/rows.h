// The rows of test/vectors/etf.json and emqx-capture.json as plain structures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../vectors.h"

namespace causeway::link {

using vectors::FromHex;
using vectors::ToHex;

struct Row {
  std::string name;      // etf.json
  std::string encoding;  // etf.json
  bool invalid = false;  // etf.json
  bool has_term = false;
  std::string term;         // Erlang text
  std::string bytes;        // the payload
  std::string topic;        // emqx-capture.json
  std::string packet_type;  // emqx-capture.json
};

inline std::vector<Row> ReadRows(const char* file, std::string_view term, std::string_view hex) {
  const vectors::Json document = vectors::Read(file);
  std::vector<Row> rows;
  for (const vectors::Json& item : document.items) {
    const auto text = [&item](std::string_view name) {
      const vectors::Json* found = item.Find(name);
      return found == nullptr ? std::string() : found->text;
    };
    Row& row = rows.emplace_back();
    row.name = text("name");
    row.encoding = text("encoding");
    row.invalid = item.Find("invalid") != nullptr && item.Find("invalid")->boolean;
    row.term = text(term);
    row.has_term = !row.term.empty();
    row.bytes = FromHex(text(hex));
    row.topic = text("topic");
    row.packet_type = text("packetType");
  }
  return rows;
}

inline std::vector<Row> EtfRows() { return ReadRows("etf.json", "term", "hex"); }
inline std::vector<Row> CaptureRows() {
  return ReadRows("emqx-capture.json", "payloadTerm", "payloadHex");
}

/// The bytes of one etf.json row.
inline std::string VectorBytes(std::string_view name) {
  for (Row& row : EtfRows()) {
    if (row.name == name) return std::move(row.bytes);
  }
  vectors::Must(false, "a vector of that name");
  return {};
}

}  // namespace causeway::link
