// Rows of test/vectors/*.json for native tests: a complete, small JSON reader and a hex decoder. A
// file that cannot be read or parsed stops the test run: a missing vector must not look like a
// passing one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace causeway::vectors {

/// Stops the run unless `ok`; not called CHECK, which is doctest's word here.
inline void Must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "test vectors: expected %s\n", what);
  std::abort();
}

/// One JSON value. Numbers are doubles, exact for the integers below 2^53 that vectors hold.
struct Json {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;
  struct Member;
  std::vector<Member> members;

  /// The member of that name, null when there is none.
  const Json* Find(std::string_view name) const;
  /// The member of that name, which must exist.
  const Json& operator[](std::string_view name) const {
    const Json* found = Find(name);
    Must(found != nullptr, "a member of that name");
    return *found;
  }
  const std::string& AsText() const {
    Must(kind == Kind::kString, "a string");
    return text;
  }
  int64_t AsInteger() const {
    Must(kind == Kind::kNumber, "a number");
    return static_cast<int64_t>(number);
  }
  bool AsBool() const {
    Must(kind == Kind::kBool, "true or false");
    return boolean;
  }
};

// Outside, where Json is complete: a std::pair of an incomplete type is refused by clang.
struct Json::Member {
  std::string name;
  Json value;
};

inline const Json* Json::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// Reads one document; stops the process at the first byte that is not JSON.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Json ParseDocument() {
    Json value = ParseValue();
    SkipSpace();
    Must(at_ == text_.size(), "the end of the document");
    return value;
  }

 private:
  char Peek() const {
    Must(at_ < text_.size(), "more JSON");
    return text_[at_];
  }
  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string::npos)
      ++at_;
  }
  bool Accept(char wanted) {
    SkipSpace();
    if (Peek() != wanted) return false;
    ++at_;
    return true;
  }
  void Expect(std::string_view wanted) {
    Must(text_.substr(at_, wanted.size()) == wanted, "a JSON token");
    at_ += wanted.size();
  }

  Json ParseValue() {
    SkipSpace();
    Json value;
    switch (Peek()) {
      case '{':
        value.kind = Json::Kind::kObject;
        ParseMembers(&value);
        return value;
      case '[':
        value.kind = Json::Kind::kArray;
        ParseItems(&value);
        return value;
      case '"':
        value.kind = Json::Kind::kString;
        value.text = ParseString();
        return value;
      case 't':
        Expect("true");
        value.kind = Json::Kind::kBool;
        value.boolean = true;
        return value;
      case 'f':
        Expect("false");
        value.kind = Json::Kind::kBool;
        return value;
      case 'n':
        Expect("null");
        return value;
      default:
        value.kind = Json::Kind::kNumber;
        value.number = ParseNumber();
        return value;
    }
  }

  void ParseMembers(Json* object) {
    Expect("{");
    if (Accept('}')) return;
    do {
      SkipSpace();
      std::string name = ParseString();
      Must(Accept(':'), "a colon");
      object->members.push_back({std::move(name), ParseValue()});
    } while (Accept(','));
    Must(Accept('}'), "a closing brace");
  }

  void ParseItems(Json* array) {
    Expect("[");
    if (Accept(']')) return;
    do array->items.push_back(ParseValue());
    while (Accept(','));
    Must(Accept(']'), "a closing bracket");
  }

  double ParseNumber() {
    const size_t size = text_.substr(at_).find_first_not_of("+-.0123456789eE");
    const std::string digits(text_.substr(at_, size));
    char* end = nullptr;
    const double number = std::strtod(digits.c_str(), &end);
    Must(!digits.empty() && *end == '\0', "a number");
    at_ += digits.size();
    return number;
  }

  std::string ParseString() {
    Expect("\"");
    std::string out;
    for (;;) {
      const char c = Peek();
      ++at_;
      if (c == '"') return out;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      const char escape = Peek();
      ++at_;
      if (escape == 'u') {
        AppendUtf8(ParseEscapedCodePoint(), &out);
        continue;
      }
      constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      const size_t which = kNames.find(escape);
      Must(which != std::string_view::npos, "an escape of JSON");
      out.push_back(kMeanings[which]);
    }
  }

  /// The code point behind `\u`, a surrogate pair joined.
  uint32_t ParseEscapedCodePoint() {
    const uint32_t first = ParseHex4();
    if (first < 0xD800 || first > 0xDBFF) return first;
    Expect("\\u");
    const uint32_t second = ParseHex4();
    Must(second >= 0xDC00 && second <= 0xDFFF, "a low surrogate");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }
  uint32_t ParseHex4() {
    Must(text_.size() - at_ >= 4, "four hexadecimal digits");
    const std::string digits(text_.substr(at_, 4));
    at_ += 4;
    return static_cast<uint32_t>(std::strtoul(digits.c_str(), nullptr, 16));
  }
  static void AppendUtf8(uint32_t code, std::string* out) {
    const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6);
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// The document in test/vectors/<name>, found from where this header was compiled or from the
/// current directory.
inline Json Read(const std::string& name) {
  const std::string here = __FILE__;
  const std::string beside = here.substr(0, here.rfind("native/vectors.h")) + "vectors/" + name;
  for (const std::string& path : {beside, "test/vectors/" + name}) {
    std::ifstream file(path, std::ios::binary);
    if (!file) continue;
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return JsonParser(text).ParseDocument();
  }
  Must(false, beside.c_str());
  return {};
}

/// "0aff" → two bytes.
inline std::string FromHex(std::string_view hex) {
  Must(hex.size() % 2 == 0, "an even number of hexadecimal digits");
  const auto digit = [](char c) {
    const size_t value = std::string_view("0123456789abcdef").find(c);
    Must(value != std::string_view::npos, "a lower-case hexadecimal digit");
    return static_cast<int>(value);
  };
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(c) & 0xF]);
  }
  return hex;
}

}  // namespace causeway::vectors
