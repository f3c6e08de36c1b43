/**
 * One hostile case: what is sent, after what, and what the server does about it. The words for what it does are those
 * that `describe` in player.ts finds for what came back.
 */
import type { Version } from './wire.js'

/** The packets that come back, in order, and whether the server then closes the connection or serves it on. */
export interface Reaction {
  readonly answers: readonly string[]
  readonly after: 'closed' | 'open'
}

export interface HostileCase {
  readonly name: string
  readonly version: Version
  /** Sent on a socket that has said nothing, or behind an accepted CONNECT of that version. */
  readonly phase: 'first' | 'connected'
  readonly bytes: Uint8Array
  readonly reaction: Reaction
  /** The statement that asks for this reaction; a section where no statement has a number. */
  readonly spec: string
  /** Why this reaction, where the specification allows others. */
  readonly choice?: string
  /** 'control': the packet is well-formed and reaches the control thread, whose decision this is. */
  readonly decidedBy?: 'control'
}

/** Closed without a byte. */
export const closes: Reaction = { answers: [], after: 'closed' }

export function accepts(...answers: readonly string[]): Reaction {
  return { answers, after: 'open' }
}

export function refuses(...answers: readonly string[]): Reaction {
  return { answers, after: 'closed' }
}

export const malformed = 0x81
export const protocolError = 0x82

/** CONNACK with a code, then closed. */
export function connack(code: number): Reaction {
  return refuses(`CONNACK ${byte(code)}`)
}

/** DISCONNECT with a reason where the version has one, then closed. [MQTT-4.13.1-1] */
export function goodbye(version: Version, reason: number): Reaction {
  return version === 5 ? refuses(`DISCONNECT ${byte(reason)}`) : closes
}

/** What a server says to a bad packet: in CONNACK before it said anything else, in DISCONNECT afterwards. */
export function fault(
  phase: HostileCase['phase'],
  version: Version,
  reason: number = malformed,
): Reaction {
  if (phase === 'connected') return goodbye(version, reason)
  return version === 5 ? connack(reason) : closes
}

export function byte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}
