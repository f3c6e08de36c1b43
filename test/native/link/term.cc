#include "term.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace causeway::link {
namespace {

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  const int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out->push_back(static_cast<char>(((0xFF00 >> (extra + 1)) & 0xFF) | code >> (6 * extra)));
  for (int i = extra - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F)));
  }
}

int Compare(const Term& a, const Term& b);

int CompareItems(const std::vector<Term>& a, const std::vector<Term>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (const int order = Compare(a[i], b[i])) return order;
  }
  return a.size() < b.size() ? -1 : a.size() > b.size();
}

bool IsNumber(const Term& term) {
  return term.kind == Term::Kind::kInteger || term.kind == Term::Kind::kFloat;
}

double Value(const Term& term) {
  return term.kind == Term::Kind::kFloat ? term.real : static_cast<double>(term.integer);
}

int Compare(const Term& a, const Term& b) {
  if (IsNumber(a) && IsNumber(b) && Value(a) != Value(b)) return Value(a) < Value(b) ? -1 : 1;
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.kind == Term::Kind::kTuple && a.items.size() != b.items.size()) {
    return a.items.size() < b.items.size() ? -1 : 1;
  }
  if (const int order = a.bytes.compare(b.bytes)) return order;
  if (a.integer != b.integer) return a.integer < b.integer ? -1 : 1;
  if (a.last_bits != b.last_bits) return a.last_bits < b.last_bits ? -1 : 1;
  if (const int order = CompareItems(a.items, b.items)) return order;
  return CompareItems(a.tail, b.tail);
}

void SortMap(Term* map) {
  std::vector<std::pair<Term, Term>> pairs;
  for (size_t i = 0; i + 1 < map->items.size(); i += 2) {
    pairs.emplace_back(std::move(map->items[i]), std::move(map->items[i + 1]));
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& x, const auto& y) { return Compare(x.first, y.first) < 0; });
  map->items.clear();
  for (auto& [key, value] : pairs) {
    map->items.push_back(std::move(key));
    map->items.push_back(std::move(value));
  }
}

Term Integer(int64_t value) {
  Term term;
  term.integer = value;
  return term;
}

bool Read(EtfReader* reader, int depth, Term* out) {
  if (depth > kEtfDepthMax) return false;
  const uint8_t tag = reader->rest().empty() ? 0 : static_cast<uint8_t>(reader->rest()[0]);
  std::string_view bytes;
  uint32_t count = 0;
  switch (reader->Peek()) {
    case EtfKind::kEnd:
    case EtfKind::kInvalid:
      return false;
    case EtfKind::kInteger:
      if (reader->ReadInteger(&out->integer)) return true;
      out->kind = Term::Kind::kBig;
      if (!reader->ReadRaw(LocalTerms::kRefuse, &bytes)) return false;
      out->bytes = bytes;
      return true;
    case EtfKind::kFloat:
      out->kind = Term::Kind::kFloat;
      return reader->ReadFloat(&out->real);
    case EtfKind::kAtom: {
      AtomId atom;
      if (!reader->ReadAtom(&atom, &bytes)) return false;
      out->kind = Term::Kind::kAtom;
      if (tag == 118 || tag == 119) {
        out->bytes = bytes;
      } else {
        for (const char c : bytes) AppendUtf8(static_cast<uint8_t>(c), &out->bytes);
      }
      return true;
    }
    case EtfKind::kNil:
      out->kind = Term::Kind::kList;
      return reader->ReadNil();
    case EtfKind::kString:
      if (!reader->ReadString(&bytes)) return false;
      out->kind = Term::Kind::kList;
      for (const char c : bytes) out->items.push_back(Integer(static_cast<uint8_t>(c)));
      return true;
    case EtfKind::kBinary:
      out->kind = Term::Kind::kBinary;
      if (!reader->ReadBinary(&bytes)) return false;
      out->bytes = bytes;
      return true;
    case EtfKind::kBitBinary:
      out->kind = Term::Kind::kBits;
      if (!reader->ReadRaw(LocalTerms::kRefuse, &bytes)) return false;
      out->last_bits = static_cast<uint8_t>(bytes[5]);
      out->bytes = bytes.substr(6);
      return true;
    case EtfKind::kLocal:
      out->kind = Term::Kind::kLocal;
      if (!reader->ReadRaw(LocalTerms::kSkip, &bytes)) return false;
      out->bytes = bytes;
      return true;
    case EtfKind::kTuple:
      out->kind = Term::Kind::kTuple;
      if (!reader->EnterTuple(&count)) return false;
      break;
    case EtfKind::kMap:
      out->kind = Term::Kind::kMap;
      if (!reader->EnterMap(&count)) return false;
      count *= 2;
      break;
    case EtfKind::kList: {
      bool has_tail;
      out->kind = Term::Kind::kList;
      if (!reader->EnterList(&count, &has_tail)) return false;
      break;
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    out->items.emplace_back();
    if (!Read(reader, depth + 1, &out->items.back())) return false;
  }
  if (out->kind == Term::Kind::kMap) SortMap(out);
  if (out->kind != Term::Kind::kList || reader->ReadNil()) return true;
  out->tail.emplace_back();
  return Read(reader, depth + 1, &out->tail.back());
}

/// Recursive descent over the literals that appear in the vectors.
class ErlangParser {
 public:
  explicit ErlangParser(std::string_view text) : text_(text) {}
  std::optional<Term> Whole() {
    Term term;
    if (!Parse(&term)) return std::nullopt;
    SkipSpace();
    if (at_ != text_.size()) return std::nullopt;
    return term;
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Accept(std::string_view word) {
    SkipSpace();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  /// One code point of quoted text, escapes resolved.
  uint32_t QuotedChar() {
    const uint8_t c = static_cast<uint8_t>(text_[at_++]);
    if (c == '\\') {
      const char escape = text_[at_++];
      if (escape == 'n') return '\n';
      if (escape == 't') return '\t';
      if (escape == 'r') return '\r';
      if (escape == 'e') return 27;
      if (escape == 'x' && text_[at_] == '{') {
        const size_t end = text_.find('}', at_);
        const std::string digits(text_.substr(at_ + 1, end - at_ - 1));
        at_ = end + 1;
        return static_cast<uint32_t>(std::strtoul(digits.c_str(), nullptr, 16));
      }
      if (escape >= '0' && escape <= '7') {
        uint32_t value = static_cast<uint32_t>(escape - '0');
        for (int i = 0; i < 2 && text_[at_] >= '0' && text_[at_] <= '7'; ++i) {
          value = value * 8 + static_cast<uint32_t>(text_[at_++] - '0');
        }
        return value;
      }
      return static_cast<uint8_t>(escape);
    }
    if (c < 0x80) return c;
    const int extra = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    uint32_t code = c & (0x3F >> extra);
    for (int i = 0; i < extra; ++i) code = code << 6 | (static_cast<uint8_t>(text_[at_++]) & 0x3F);
    return code;
  }
  bool ParseNumber(Term* out) {
    size_t end = at_;
    if (end < text_.size() && text_[end] == '-') ++end;
    const size_t digits = end;
    bool real = false;
    while (end < text_.size() &&
           (std::isdigit(text_[end]) || (text_[end] == '.' && std::isdigit(text_[end + 1])))) {
      real |= text_[end++] == '.';
    }
    if (end == digits) return false;
    const std::string number(text_.substr(at_, end - at_));
    at_ = end;
    if (real) {
      out->kind = Term::Kind::kFloat;
      out->real = std::strtod(number.c_str(), nullptr);
      return true;
    }
    if (number.size() - (number[0] == '-') > 19) {  // only ±2^64 in the vectors
      out->kind = Term::Kind::kBig;
      const bool negative = number[0] == '-';
      if (number.substr(negative) != "18446744073709551616") return false;
      out->bytes = std::string({110, 9, static_cast<char>(negative), 0, 0, 0, 0, 0, 0, 0, 0, 1});
      return true;
    }
    out->integer = std::strtoll(number.c_str(), nullptr, 10);
    return true;
  }
  bool ParseBinary(Term* out) {
    out->kind = Term::Kind::kBinary;
    while (!Accept(">>")) {
      SkipSpace();
      if (at_ >= text_.size()) return false;
      if (text_[at_] == '"') {
        ++at_;
        std::vector<uint32_t> chars;
        while (text_[at_] != '"') chars.push_back(QuotedChar());
        ++at_;
        const bool utf8 = Accept("/utf8");
        for (const uint32_t c : chars) {
          if (utf8) {
            AppendUtf8(c, &out->bytes);
          } else {
            out->bytes.push_back(static_cast<char>(c));
          }
        }
      } else {
        Term number;
        if (!ParseNumber(&number)) return false;
        Term bits;
        if (Accept(":")) {
          if (!ParseNumber(&bits)) return false;
          out->kind = Term::Kind::kBits;
          out->last_bits = static_cast<uint8_t>(bits.integer);
          number.integer <<= 8 - bits.integer;
        }
        out->bytes.push_back(static_cast<char>(number.integer));
      }
      Accept(",");
    }
    return true;
  }
  bool ParseItems(std::string_view close, Term* out) {
    while (!Accept(close)) {
      out->items.emplace_back();
      if (!Parse(&out->items.back())) return false;
      if (out->kind == Term::Kind::kMap) {
        if (!Accept("=>")) return false;
        out->items.emplace_back();
        if (!Parse(&out->items.back())) return false;
      }
      if (Accept("|")) {
        out->tail.emplace_back();
        if (!Parse(&out->tail.back())) return false;
      }
      SkipSpace();
      if (!Accept(",") && text_.substr(at_, close.size()) != close) return false;
    }
    return true;
  }
  bool Parse(Term* out) {
    SkipSpace();
    if (Accept("<<")) return ParseBinary(out);
    if (Accept("#{")) {
      out->kind = Term::Kind::kMap;
      if (!ParseItems("}", out)) return false;
      SortMap(out);
      return true;
    }
    if (Accept("{")) {
      out->kind = Term::Kind::kTuple;
      return ParseItems("}", out);
    }
    if (Accept("[")) {
      out->kind = Term::Kind::kList;
      return ParseItems("]", out);
    }
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '\'') {
      ++at_;
      out->kind = Term::Kind::kAtom;
      while (text_[at_] != '\'') AppendUtf8(QuotedChar(), &out->bytes);
      ++at_;
      return true;
    }
    if (text_[at_] >= 'a' && text_[at_] <= 'z') {
      out->kind = Term::Kind::kAtom;
      while (at_ < text_.size() &&
             (std::isalnum(text_[at_]) || text_[at_] == '_' || text_[at_] == '@')) {
        out->bytes.push_back(text_[at_++]);
      }
      return at_ >= text_.size() || (text_[at_] != '(' && text_[at_] != ':');
    }
    return ParseNumber(out);
  }

  std::string_view text_;
  size_t at_ = 0;
};

void Write(const Term& term, EtfWriter* writer) {
  switch (term.kind) {
    case Term::Kind::kInteger:
      writer->Integer(term.integer);
      return;
    case Term::Kind::kFloat:
      writer->Float(term.real);
      return;
    case Term::Kind::kBig:
    case Term::Kind::kLocal:
      writer->Raw(term.bytes);
      return;
    case Term::Kind::kAtom:
      if (FindAtom(term.bytes) != AtomId::kOpaque) {
        writer->Atom(FindAtom(term.bytes));
      } else {
        writer->Raw(std::string{119, static_cast<char>(term.bytes.size())} + term.bytes);
      }
      return;
    case Term::Kind::kBinary:
      writer->Binary(term.bytes);
      return;
    case Term::Kind::kBits: {
      std::string raw{
          77, 0, 0, 0, static_cast<char>(term.bytes.size()), static_cast<char>(term.last_bits)};
      writer->Raw(raw + term.bytes);
      return;
    }
    case Term::Kind::kTuple:
      writer->Tuple(static_cast<uint8_t>(term.items.size()));
      break;
    case Term::Kind::kMap:
      writer->Map(static_cast<uint32_t>(term.items.size() / 2));
      break;
    case Term::Kind::kList:
      if (!term.items.empty()) writer->List(static_cast<uint32_t>(term.items.size()));
      break;
  }
  for (const Term& item : term.items) Write(item, writer);
  if (term.kind != Term::Kind::kList) return;
  if (term.tail.empty()) {
    writer->Nil();
  } else {
    Write(term.tail[0], writer);
  }
}

}  // namespace

bool operator==(const Term& a, const Term& b) { return Compare(a, b) == 0; }

std::optional<Term> DecodeTerm(std::string_view payload) {
  std::string scratch;
  std::string_view bytes;
  if (!OpenEtf(payload, &scratch, &bytes)) return std::nullopt;
  EtfReader reader(bytes);
  Term term;
  if (!Read(&reader, 0, &term)) return std::nullopt;
  return term;
}

std::optional<Term> ParseErlang(std::string_view text) { return ErlangParser(text).Whole(); }

std::string EncodeTerm(const Term& term) {
  std::string out;
  EtfWriter writer(&out);
  writer.Version();
  Write(term, &writer);
  return out;
}

}  // namespace causeway::link
