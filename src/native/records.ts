/**
 * The bytes of the two batches: commands are written here, events are read here. Layout: native/transport/records.h.
 *
 * Every field begins at a multiple of 4, so numbers are written as words of the processor, as the loops read them. Short texts
 * and bytes are copied one by one: a call of Buffer's costs more than 30 of them.
 */
import type {
  AnswerCommand,
  AttachCommand,
  CloseCause,
  EngineEvent,
  ProtocolVersion,
  SubscriptionOp,
} from './engine.js'
import { layout } from './layout.generated.js'

type CommandName = (typeof layout.commands)[number]
type EdgeCommandName = (typeof layout.edgeCommands)[number]

const firstBytes = 64 * 1024
const noSession = 0xffff_ffff
/** Copied one by one. */
const shortBytes = 32

const commandKinds = new Map<string, number>(layout.commands.map((name, kind) => [name, kind]))
const edgeCommandKinds = new Map<string, number>(
  layout.edgeCommands.map((name, kind) => [name, kind]),
)

/** Collects command records. One per engine; the memory is kept between batches. */
export class CommandBatch {
  #buffer = Buffer.from(new ArrayBuffer(firstBytes))
  #words = new Uint32Array(this.#buffer.buffer)
  #length = 0
  #start = 0

  get length(): number {
    return this.#length
  }

  begin(command: CommandName, loop: number): this {
    return this.#begin(commandKinds.get(command) ?? 0, loop)
  }

  /** A record of the edge thread's batch, which no loop is named in. */
  beginEdge(command: EdgeCommandName): this {
    return this.#begin(edgeCommandKinds.get(command) ?? 0, 0)
  }

  #begin(kind: number, loop: number): this {
    this.#room(8)
    this.#start = this.#length
    this.#length += 4 // its size: `end` knows it
    return this.#word(kind | (loop << 8))
  }

  /** Saturates: a limit or a duration that does not fit means as much as there is, not its low bits. */
  u32(value: number): this {
    this.#room(4)
    return this.#word(Math.min(value, 0xffff_ffff))
  }

  bytes(value: Uint8Array): this {
    const length = value.length
    this.#room(4 + length + 3)
    this.#word(length)
    if (length > shortBytes) this.#buffer.set(value, this.#length)
    else for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = value[i] ?? 0
    return this.#behind(length)
  }

  text(value: string): this {
    this.#room(4 + value.length * 3 + 3)
    const at = this.#length + 4
    const bytes = this.#writeAscii(value, at) ? value.length : this.#buffer.write(value, at)
    return this.#word(bytes).#behind(bytes)
  }

  end(): void {
    this.#words[this.#start >>> 2] = this.#length - this.#start
  }

  /** The records so far, valid until the next `begin`; the batch is empty afterwards. */
  take(): Uint8Array {
    const batch = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    return batch
  }

  #word(value: number): this {
    this.#words[this.#length >>> 2] = value
    this.#length += 4
    return this
  }

  /** Writes a short ASCII text at `at`. False: it is none, or long. */
  #writeAscii(value: string, at: number): boolean {
    if (value.length > shortBytes) return false
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      this.#buffer[at + i] = code
    }
    return true
  }

  #behind(bytes: number): this {
    this.#length += bytes
    while (this.#length % 4 !== 0) this.#buffer[this.#length++] = 0
    return this
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const needed = (this.#length + bytes + 3) & ~3
    const wider = Buffer.from(new ArrayBuffer(Math.max(this.#buffer.length * 2, needed)))
    this.#buffer.copy(wider, 0, 0, this.#length)
    this.#buffer = wider
    this.#words = new Uint32Array(wider.buffer)
  }
}

export function writeAttach(batch: CommandBatch, command: AttachCommand): void {
  const bit = layout.attachFlags
  const flags =
    (command.takeOver === null ? 0 : bit.takeOver) |
    (command.username === null ? 0 : bit.hasUsername) |
    (command.persistent ? bit.persistent : 0) |
    (command.storeQos0 ? bit.storeQos0 : 0) |
    (command.linkAllowed ? bit.linkAllowed : 0) |
    (command.upgradeQos ? bit.upgradeQos : 0) |
    (command.ignoreLoopDeliver ? bit.ignoreLoopDeliver : 0)
  batch
    .begin('attach', command.loop)
    .u32(command.acceptLoop)
    .u32(command.connection)
    .u32(command.session)
    .u32(command.generation)
    .u32(command.version)
    .u32(flags)
    .u32(command.takeOver?.session ?? 0)
    .u32(command.takeOver?.generation ?? 0)
    .u32(command.keepAliveMs)
    .u32(command.windowMax)
    .u32(command.receiveMax)
    .u32(command.packetBytesMax)
    .u32(command.topicAliasMax)
    .u32(command.clientTopicAliasMax)
    .u32(command.queueLengthMax)
    .u32(command.publishBefore.length)
    .text(command.clientId)
    .text(command.username ?? '')
    .text(command.mountpoint)
    .bytes(command.connack)
  for (const packet of command.publishBefore) batch.bytes(packet)
  batch.end()
}

export function writeAnswer(batch: CommandBatch, command: AnswerCommand): void {
  batch
    .begin('answer', command.loop)
    .u32(command.session)
    .u32(command.generation)
    .u32(command.connection)
    .u32(command.next === 'close' ? 1 : 0)
    .u32(command.ops.length)
    .bytes(command.reply)
  for (const op of command.ops) writeOp(batch, op)
  batch.end()
}

function writeOp(batch: CommandBatch, op: SubscriptionOp): void {
  const bit = layout.opFlags
  const shared = op.group === null ? 0 : bit.shared
  const flags =
    op.op === 'unsubscribe'
      ? shared
      : shared |
        bit.subscribe |
        op.qos |
        (op.noLocal ? bit.noLocal : 0) |
        (op.retainAsPublished ? bit.retainAsPublished : 0) |
        (op.existing ? bit.existing : 0) |
        (op.replay ? bit.replay : 0)
  batch
    .u32(flags)
    .u32(op.op === 'subscribe' ? op.subscriptionId : 0)
    .text(op.filter)
    .text(op.group ?? '')
}

type BarrierType = (EngineEvent & { readonly kind: 'packet' })['type']

/** By MQTT's number of the packet. */
const packetTypes: Readonly<Record<number, BarrierType>> = {
  8: 'subscribe',
  10: 'unsubscribe',
  14: 'disconnect',
  15: 'auth',
}

const packetKind = layout.events.indexOf('packet')

/** All events of a batch, in order. Packets are views of `batch`, which is the caller's own copy and begins at a word. */
export function readEvents(batch: Buffer): EngineEvent[] {
  const words = new Uint32Array(batch.buffer, batch.byteOffset, batch.length >>> 2)
  const events: EngineEvent[] = []
  for (let at = 0; at < batch.length; ) {
    const size = words[at >>> 2] ?? 0
    const kind = batch[at + 4] ?? 0
    const loop = batch[at + 5] ?? 0
    const event =
      kind === packetKind
        ? readPacket(batch, words, at + 8, loop)
        : readEvent(new RecordFields(batch, at + 8), kind, loop)
    events.push(event)
    at += size
  }
  return events
}

/** By itself and without fields read one by one: of a storm of SUBSCRIBEs there is nothing else. */
function readPacket(batch: Buffer, words: Uint32Array, at: number, loop: number): EngineEvent {
  const word = at >>> 2
  const type = packetTypes[words[word + 3] ?? 0]
  if (type === undefined) throw new Error('packet event of a type that is not a barrier')
  const begin = at + 20
  return {
    kind: 'packet',
    loop,
    session: words[word] ?? 0,
    generation: words[word + 1] ?? 0,
    connection: words[word + 2] ?? 0,
    type,
    packet: batch.subarray(begin, begin + (words[word + 4] ?? 0)),
  }
}

export class RecordFields {
  readonly #batch: Buffer
  #at: number

  constructor(batch: Buffer, at: number) {
    this.#batch = batch
    this.#at = at
  }

  u32(): number {
    this.#at += 4
    return this.#batch.readUInt32LE(this.#at - 4)
  }

  bytes(): Buffer {
    const length = this.u32()
    const value = this.#batch.subarray(this.#at, this.#at + length)
    this.#at += length + ((4 - (length % 4)) % 4)
    return value
  }
}

function readEvent(fields: RecordFields, kind: number, loop: number): EngineEvent {
  const name = layout.events[kind]
  switch (name) {
    case 'connect': {
      const connection = fields.u32()
      const listener = fields.u32()
      const peer = fields.bytes().toString('latin1')
      const packet = fields.bytes()
      const der = fields.bytes()
      const certificate = der.length === 0 ? null : der
      return { kind: 'connect', loop, connection, listener, peer, packet, certificate }
    }
    case 'exchange':
      return { kind: 'exchange', loop, connection: fields.u32(), packet: fields.bytes() }
    case 'link_publish': {
      const address = readAddress(fields)
      const version = fields.u32() as ProtocolVersion // the loop only serves 3, 4 and 5
      return { kind: 'link-publish', loop, ...address, version, packet: fields.bytes() }
    }
    case 'attached':
      return { kind: 'attached', loop, ...readAddress(fields) }
    case 'closed': {
      const address = readAddress(fields)
      const cause: CloseCause = layout.closeCauses[fields.u32()] ?? 'socket-closed'
      const reasonCode = fields.u32()
      const detail = fields.bytes().toString('latin1')
      return { kind: 'closed', loop, ...address, cause, reasonCode, detail }
    }
    case 'dialed':
      return { kind: 'dialed', loop, connection: fields.u32() }
    case 'client_packet':
      return { kind: 'client-packet', loop, connection: fields.u32(), packet: fields.bytes() }
    case 'tls_failed': {
      const listener = fields.u32()
      const unsaid = fields.u32()
      const peer = fields.bytes().toString('latin1')
      return {
        kind: 'tls-failed',
        loop,
        listener,
        unsaid,
        peer,
        reason: fields.bytes().toString('latin1'),
      }
    }
    default:
      throw new Error(`event record of unknown kind ${kind}`)
  }
}

function readAddress(fields: RecordFields): {
  session: number
  generation: number
  connection: number
} {
  const session = fields.u32()
  const generation = fields.u32()
  return { session: session === noSession ? -1 : session, generation, connection: fields.u32() }
}
