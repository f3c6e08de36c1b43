// Plain values out of JavaScript ones. Our own TypeScript calls us with checked types, so a wrong
// one is a programmer error.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"

namespace causeway::seam {

/// An environment that is being ended (worker.terminate) reads no property any more: what `Get`
/// gives is empty, and whatever the call returns is thrown away.
inline bool IsEnding(const Napi::Value& value) { return value.IsEmpty(); }

/// Borrowed until the call returns.
inline std::string_view BytesOf(const Napi::Value& value) {
  CHECK(value.IsTypedArray());
  const auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}
inline std::string TextOf(const Napi::Value& value) {
  CHECK(value.IsString());
  return value.As<Napi::String>().Utf8Value();
}
/// Saturates: a limit that does not fit means as much as there is, not its low bits.
inline uint32_t NumberOf(const Napi::Value& value) {
  CHECK(value.IsNumber());
  const double number = value.As<Napi::Number>().DoubleValue();
  CHECK(number >= 0);  // nor is it NaN
  return number >= UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(number);
}
inline double DoubleOf(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }
inline int64_t LargeOf(const Napi::Value& value) {
  CHECK(value.IsNumber());
  return value.As<Napi::Number>().Int64Value();
}
inline bool BooleanOf(const Napi::Value& value) {
  CHECK(value.IsBoolean());
  return value.As<Napi::Boolean>().Value();
}
/// Incarnations: within 63 bits by the contract of src/native/engine.ts.
inline int64_t BigIntOf(const Napi::Value& value) {
  CHECK(value.IsBigInt());
  bool lossless = false;
  return value.As<Napi::BigInt>().Int64Value(&lossless);
}
inline std::vector<std::string> TextsOf(const Napi::Value& value) {
  CHECK(value.IsArray());
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value text = array.Get(i);
    if (IsEnding(text)) return {};
    texts.push_back(TextOf(text));
  }
  return texts;
}
/// Copied: the bytes are JavaScript's from now on.
inline Napi::Value BufferOf(Napi::Env env, std::string_view bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace causeway::seam
