/**
 * The capture as plays: what happened, in order of time, on the connections that one cluster opened to the other, by
 * recording and scenario. Packets that the dialling cluster sent are lines to speak, those it received are what to expect.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CapturedPacket } from '../capture.js'
import { root } from '../capture.js'

export type Side = 'emqx-a' | 'emqx-b'

/** One packet, or the end of a connection (`closes`). */
export type Line =
  | { readonly kind: 'packet'; readonly fromDialler: boolean; readonly row: CapturedPacket }
  | { readonly kind: 'closes'; readonly conn: number }

export interface Scenario {
  readonly name: string
  readonly lines: readonly Line[]
}

/** Everything that one recording holds of the connections from `dialler`, scenario by scenario. */
export interface Play {
  readonly recording: string
  readonly dialler: Side
  readonly acceptor: Side
  readonly scenarios: readonly Scenario[]
}

interface Row extends Partial<CapturedPacket> {
  readonly scenario: string
  readonly rec?: string
  readonly link?: string
  readonly note?: string | null
}

export function otherSide(side: Side): Side {
  return side === 'emqx-a' ? 'emqx-b' : 'emqx-a'
}

/** All plays; those in which nothing is said are left out. */
export function plays(): readonly Play[] {
  // Cannot lie about what is used here: each use below checks the columns it reads.
  const rows = JSON.parse(
    readFileSync(join(root(), 'test/vectors/emqx-capture.json'), 'utf8'),
  ) as Row[]
  const recordings = [...new Set(rows.flatMap(({ rec }) => rec ?? []))]
  return recordings.flatMap((recording) =>
    (['emqx-a', 'emqx-b'] as const).flatMap((dialler) => {
      const acceptor = otherSide(dialler)
      const own = rows.filter(
        ({ rec, link }) => rec === recording && link === `${dialler} -> ${acceptor}`,
      )
      const scenarios: Scenario[] = []
      let before: readonly Line[] = []
      for (const name of new Set(own.map(({ scenario }) => scenario))) {
        const lines = [
          ...before,
          ...linesOf(
            own.filter(({ scenario }) => scenario === name),
            dialler,
          ),
        ]
        // Where nothing is said connections still end: that belongs to what comes next.
        const isSilent = lines.every(({ kind }) => kind === 'closes')
        before = isSilent ? lines : []
        if (!isSilent) scenarios.push({ name, lines })
      }
      return scenarios.length === 0 ? [] : [{ recording, dialler, acceptor, scenarios }]
    }),
  )
}

function linesOf(rows: readonly Row[], dialler: Side): Line[] {
  return rows.flatMap((row): Line[] => {
    if (row.packetHex != null && row.direction != null) {
      // Cannot lie: these two are what makes a row a packet.
      const packet = row as CapturedPacket
      return [{ kind: 'packet', fromDialler: packet.direction.startsWith(dialler), row: packet }]
    }
    const { conn, note } = row
    return conn != null && note?.startsWith('tcp-close') === true ? [{ kind: 'closes', conn }] : []
  })
}
