/**
 * The home of a session: the loop that owns its queue and windows for life. `hash(client id) mod loops`, design.md §2.
 * FNV-1a over UTF-16 code units: the number only has to be even across loops and the same for the life of the process.
 */
export function homeLoop(clientId: string, loops: number): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < clientId.length; at++) {
    hash = Math.imul(hash ^ clientId.charCodeAt(at), 0x01000193)
  }
  // FNV's low bits depend on the low bits of the input alone: fold the high ones in.
  return ((hash ^ (hash >>> 15)) >>> 0) % loops
}
