// Erlang External Term Format: a pull parser over borrowed bytes, and canonical encoders.
//
// The reader allocates nothing, recurses nowhere and trusts no announced length: an arity or length
// greater than the bytes that remain is refused before it is used. Atoms become an entry of a fixed
// table or stay opaque; nothing is ever interned. Source: docs/protocol/cluster-link.md "Erlang
// External Term Format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "link/etf_encode.h"

namespace causeway::link {

/// Deepest nesting accepted anywhere in a term.
inline constexpr int kEtfDepthMax = 64;
/// Largest term a compressed payload may unfold to.
inline constexpr size_t kEtfInflatedBytesMax = 32u << 20;
/// … and at most this many times its compressed size, plus the slack.
inline constexpr size_t kEtfInflateRatioMax = 200;
inline constexpr size_t kEtfInflateSlackBytes = 64u << 10;

/// What the next term is, by its tag.
enum class EtfKind : uint8_t {
  kEnd,        // no byte left
  kInvalid,    // unknown tag
  kInteger,    // 97, 98, 110, 111 (whether it fits 64 bits shows when it is read)
  kFloat,      // 70, 99
  kAtom,       // 100, 115, 118, 119
  kTuple,      // 104, 105
  kNil,        // 106
  kString,     // 107: a list of bytes in short form
  kList,       // 108
  kBinary,     // 109
  kBitBinary,  // 77
  kMap,        // 116
  kLocal,      // pids, ports, references, funs: meaningful only inside one Erlang cluster
};

/// Whether process-local terms (EtfKind::kLocal) may be skipped over.
enum class LocalTerms : uint8_t { kRefuse, kSkip };

/// Checks the version byte and removes a compressed envelope.
/// `*term` gets the bytes of the term (and whatever trails it): a view of `payload`, or of
/// `*scratch`, which is overwritten when the payload is compressed. Size caps are applied before
/// anything is allocated; `scratch_reserve_factor` reserves that many times the inflated size, so
/// that a caller may append without moving views. `*trailing` (may be null): whether bytes follow
/// the compressed stream; those that follow the term itself are the reader's to see.
bool OpenEtf(std::string_view payload, std::string* scratch, std::string_view* term,
             size_t scratch_reserve_factor = 1, bool* trailing = nullptr);

/// A cursor over one term. Every read either consumes what it names and returns true, or returns
/// false and leaves the cursor where it was. Borrows the bytes.
class EtfReader {
 public:
  explicit EtfReader(std::string_view term) : at_(term.data()), end_(term.data() + term.size()) {}

  EtfKind Peek() const;
  /// False also for integers beyond 64 bits.
  bool ReadInteger(int64_t* value);
  bool ReadFloat(double* value);
  /// `text` (may be null) gets the bytes as sent: UTF-8, or latin-1 for tags 100 and 115.
  bool ReadAtom(AtomId* atom, std::string_view* text = nullptr);
  bool ReadBinary(std::string_view* value);
  /// A list of bytes in short form.
  bool ReadString(std::string_view* bytes);
  /// Enters a tuple: `*arity` terms follow.
  bool EnterTuple(uint32_t* arity);
  /// Enters a list: `*length` terms and a tail follow; NIL is a list of length 0 without a tail
  /// (`*has_tail` false).
  bool EnterList(uint32_t* length, bool* has_tail);
  /// Consumes the NIL that ends a proper list.
  bool ReadNil();
  /// Enters a map: `*pairs` keys, each followed by its value.
  bool EnterMap(uint32_t* pairs);
  /// Skips one whole term, checking its structure. `depth`: how many terms the caller has entered
  /// around it.
  bool Skip(LocalTerms local, int depth = 0);
  /// Skips one whole term and hands out its bytes.
  bool ReadRaw(LocalTerms local, std::string_view* raw, int depth = 0);

  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }
  const char* position() const { return at_; }

 private:
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  const char* at_;
  const char* end_;
};

/// Appends canonical terms to a string. Borrows the string.
class EtfWriter {
 public:
  explicit EtfWriter(std::string* out) : out_(out) {}

  void Version();
  void Integer(int64_t value);
  void Float(double value);
  void Atom(AtomId atom);
  void Binary(std::string_view value);
  void Tuple(uint8_t arity);
  void Map(uint32_t pairs);
  /// Opens a list of `length` elements; the caller writes them and then Nil(). For an empty list
  /// write Nil() alone.
  void List(uint32_t length);
  void Nil();
  /// One complete encoded term (without the version byte), as it is.
  void Raw(std::string_view term);

 private:
  std::string* out_;
};

}  // namespace causeway::link
