/**
 * Limits: the bounds of the TypeScript side, each with unit, derivation and what happens when full.
 *
 * What an operator may move is in the configuration (`limits.*`, `mqtt.*`); here are the constants.
 * The native side has its own in `native/core/limits.h`. Relations are asserted at the end.
 */

/** Bounds of reading a configuration. Full: the configuration is refused, CONFIG_LIMIT_EXCEEDED. */
export const configLimits = {
  /** Bytes of one file. A link entry is about 200 bytes: room for 64 links 300 times over. */
  fileBytes: 4 * 1024 * 1024,
  /** Files in the including chain. EMQX's own layering needs 3; more than 16 is a mistake. */
  includeDepth: 16,
  /** Files included in all, repetitions counted: a chain of 16 with 8 leaves each. */
  includes: 128,
  /** Objects and arrays inside each other. The deepest documented key has 6 levels. */
  nestingDepth: 64,
  /** Values after substitution, so that `${a}${a}` doubled 40 times is refused, not computed. */
  values: 200_000,
  /** Characters of one string after concatenation: the largest is a PEM chain of some 100 KiB. */
  stringChars: 1024 * 1024,
  /** `cluster.links`: each holds 1 + pool_size connections and a bit in the origin mask. */
  links: 64,
  /** Servers of one link; they are tried in turn, so more only lengthen an outage's diagnosis. */
  linkServers: 16,
  /** `topics` of one link; checked pairwise for redundancy: 1,000² / 2 comparisons, about 100 ms. */
  linkTopics: 1_000,
  /** `workers.io`: a publisher keeps a lane to every loop, so memory grows with the square. */
  ioLoops: 64,
  /** `workers.tasks`: threads that run at the same time as the io loops; more only compete. */
  taskThreads: 64,
  /** Listeners in all. */
  listeners: 256,
  /** Further errors listed under the first one of a refused configuration; the rest are counted. */
  furtherErrors: 9,
} as const

/** Bounds that the MQTT specifications set and no configuration can move. */
export const mqttLimits = {
  /** Remaining Length of four bytes plus the fixed header. MQTT 5.0 §1.5.5, §2.1.4. */
  packetBytes: 268_435_455 + 5,
  /** A UTF-8 string with a two-byte length. MQTT 5.0 §1.5.4. */
  stringBytes: 65_535,
  /** Largest interval of four bytes, in seconds. MQTT 5.0 §3.1.2.11.2. */
  intervalSeconds: 4_294_967_295,
} as const

assertLimits()

function assertLimits(): void {
  // The parser recurses once per level: 64 levels of some 10 frames each stay far from V8's stack.
  if (configLimits.nestingDepth > 256) throw new RangeError('configLimits.nestingDepth > 256')
  // One string must fit in what one file may hold, else the string bound could never be met.
  if (configLimits.stringChars > configLimits.fileBytes) {
    throw new RangeError('configLimits.stringChars > configLimits.fileBytes')
  }
}
