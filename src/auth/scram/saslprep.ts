/**
 * SASLprep as far as Unicode properties reach: user names and passwords that look alike become alike, and what cannot be typed
 * is refused. The check of mixed writing directions is left out: it can only refuse. Source: RFC 4013.
 */

/** Table B.1: mapped to nothing. */
const vanishing =
  /[\u00ad\u1806\u200b\u2060\ufeff]|[\u180b-\u180d]|[\u200c\u200d]|[\ufe00-\ufe0f]|\u034f/gu
/** Table C.1.2 without U+200B: mapped to a space. */
const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu
/** Tables C.2 to C.9: controls, private use, surrogates, what is no character or only marks others. */
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u

/** Null: it may not be used. */
export function saslprep(text: string): string | null {
  const prepared = text.replace(spaces, ' ').replace(vanishing, '').normalize('NFKC')
  return prohibited.test(prepared) ? null : prepared
}
