/** What the edge thread and the io loops tell one another: one batch each way a turn. Layout: native/transport/records.h. */
import type { Binding } from './binding.js'
import { layout } from './layout.generated.js'
import { CommandBatch, RecordFields } from './records.js'

/** Whom the loops speak to: one WebSocket. */
export interface EdgeClient {
  /** `chunk` is overwritten when this returns. */
  bytes(chunk: Uint8Array): void
  /** That was all: close it when it is sent. */
  end(): void
  /** Its socket in the engine is gone. */
  drop(): void
  /** Do not read it, because more waits than may. */
  pause(): void
  resume(): void
}

/** Why somebody was turned away; the counter of that name says more. */
export type EdgeRefusal = (typeof layout.edgeRefusals)[number]

export type EdgeVerdict = (typeof layout.edgeVerdicts)[number]

/** Who came through the door of a listener. */
export interface EdgeVisitor {
  /** Number of the listener in the engine. */
  readonly listener: number
  /** 'address:port' */
  readonly peer: string
  /** Of the client, DER; empty: it showed none. */
  readonly certificate: Uint8Array
}

/** Bytes of one answer: a full ring of one connection, limits::kRingDownBytes. */
const outBytes = 256 * 1024
const nothing = Buffer.alloc(0)
const headerBytes = 8

/** Owner: the edge thread. Commands are collected and go down with the next `submit` or `run`. */
export class EdgeExchange {
  readonly #addon: Pick<Binding, 'exchangeEdge' | 'admitEdge'>
  readonly #batch = new CommandBatch()
  readonly #out = Buffer.alloc(outBytes)

  /** Use `attachEdge`. */
  constructor(addon: Pick<Binding, 'exchangeEdge' | 'admitEdge'>) {
    this.#addon = addon
  }

  /** Bytes that wait to go down. */
  get waiting(): number {
    return this.#batch.length
  }

  /** @param id unique among those open @param mayPause its socket can be told not to read */
  open(id: number, { listener, peer, certificate }: EdgeVisitor, mayPause: boolean): void {
    const batch = this.#batch.beginEdge('open').u32(id).u32(listener)
    batch
      .u32(mayPause ? 1 : 0)
      .text(peer)
      .bytes(certificate)
      .end()
  }

  /** Whether somebody may ask for a WebSocket; counted where not. Takes its share of `max_conn_rate`. */
  admit(listener: number, address: string, peer: string): EdgeVerdict {
    return layout.edgeVerdicts[this.#addon.admitEdge(listener, address, peer)] ?? 'denied'
  }

  /** Counts somebody who was turned away, or cut off. */
  refused(listener: number, why: EdgeRefusal, peer: string): void {
    const batch = this.#batch.beginEdge('refused').u32(0).u32(listener)
    batch.u32(layout.edgeRefusals.indexOf(why)).text(peer).end()
  }

  data(id: number, bytes: Uint8Array): void {
    this.#batch.beginEdge('data').u32(id).bytes(bytes).end()
  }

  gone(id: number): void {
    this.#batch.beginEdge('gone').u32(id).end()
  }

  /** Its socket has enough to write. */
  hold(id: number): void {
    this.#batch.beginEdge('hold').u32(id).end()
  }

  unhold(id: number): void {
    this.#batch.beginEdge('unhold').u32(id).end()
  }

  /** Sends the batch down; nothing comes up. */
  submit(): void {
    this.#addon.exchangeEdge(this.#batch.take(), nothing)
  }

  /** Sends the batch down and hands out what came up. True: there is more. */
  run(client: (id: number) => EdgeClient | undefined): boolean {
    const written = this.#addon.exchangeEdge(this.#batch.take(), this.#out)
    const length = Math.abs(written)
    for (let at = 0; at < length; at += this.#out.readUInt32LE(at)) {
      const fields = new RecordFields(this.#out, at + headerBytes)
      const heard = client(fields.u32())
      if (heard !== undefined) tell(heard, this.#out[at + 4] ?? -1, fields)
    }
    return written < 0
  }
}

function tell(client: EdgeClient, kind: number, fields: RecordFields): void {
  const name = layout.edgeEvents[kind]
  switch (name) {
    case 'bytes':
      client.bytes(fields.bytes())
      return
    case 'end':
      client.end()
      return
    case 'drop':
      client.drop()
      return
    case 'pause':
      client.pause()
      return
    case 'resume':
      client.resume()
      return
    default:
      throw new Error(`edge record of unknown kind ${kind}`)
  }
}
