/** Packets recorded between two live EMQX 5.8.9 clusters, by scenario. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface CapturedPacket {
  readonly scenario: string
  readonly direction: string
  readonly packetType: string
  readonly clientId: string
  readonly conn: number
  readonly topic: string | null
  readonly properties: { readonly correlationDataHex?: string }
  readonly packetHex: string
  readonly payloadHex: string | null
  readonly packetId?: number
}

/** The checkout, wherever the compiled test lies in it. */
export function root(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

// Cannot lie about what is used here: rows without a direction are remarks and are left out.
const rows = (
  JSON.parse(
    readFileSync(join(root(), 'test/vectors/emqx-capture.json'), 'utf8'),
  ) as Partial<CapturedPacket>[]
).filter((row): row is CapturedPacket => row.direction != null && row.packetHex != null)

/** Packets of the scenarios whose names begin with, or match, this; both directions, in order of time. */
export function captured(scenarios: string | RegExp): readonly CapturedPacket[] {
  return rows.filter(({ scenario }) =>
    typeof scenarios === 'string' ? scenario.startsWith(scenarios) : scenarios.test(scenario),
  )
}

export function bytesOf({ packetHex }: CapturedPacket): Buffer {
  return Buffer.from(packetHex, 'hex')
}

export function payloadOf({ payloadHex }: CapturedPacket): Buffer {
  return Buffer.from(payloadHex ?? '', 'hex')
}
