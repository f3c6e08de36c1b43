// A bounded zlib decoder (RFC 1950, RFC 1951) for compressed terms: the size of the result is
// announced beforehand, so it writes into a buffer of exactly that size and needs no window of its
// own.
#pragma once

#include <cstddef>
#include <string_view>

namespace causeway::link {

/// Unfolds one zlib stream into exactly `size` bytes at `out`. `*consumed` gets the bytes the
/// stream occupied. False for malformed, truncated or preset-dictionary streams, a wrong Adler-32,
/// or a result of any other size.
bool Inflate(std::string_view stream, char* out, size_t size, size_t* consumed);

}  // namespace causeway::link
