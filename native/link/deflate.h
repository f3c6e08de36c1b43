// A small zlib encoder (RFC 1950, RFC 1951) for terms that cross a link: one pass, one block with
// fixed codes. Half of what zlib's best would save, at a tenth of its time, on an io loop.
#pragma once

#include <string>
#include <string_view>

namespace causeway::link {

/// Appends the zlib stream of `plain` to `*out`. False, with `*out` as it was, when it would not be
/// smaller than `plain`. At most 32 KiB of `plain` lie between a repetition and what it repeats.
bool Deflate(std::string_view plain, std::string* out);

}  // namespace causeway::link
