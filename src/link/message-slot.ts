/**
 * One message connection of a link: performs the effects of its slot and hands the connection to its loop. Or a connection that
 * carries the far end's messages alone, where it has more slots than we: that one has no slot of ours.
 */

import type { LinkConfig } from '../config/index.js'
import type { ConnectionAddress } from '../native/index.js'
import { AcceptedLine } from './accepted-line.js'
import type { ConnectionEvent, PeerLimits } from './connection.js'
import type { LinkFailure } from './failure.js'
import { DialledLine, type Line } from './line.js'
import { Machine } from './machine.js'
import { encodeOffer } from './offer.js'
import type { OutboundParts } from './outbound.js'
import {
  newSlot,
  type SlotEffect,
  type SlotEvent,
  type SlotState,
  slotDeadline,
  stepSlot,
} from './pool.js'
import { bothWaysClientId, messageClientId, offerTopic } from './topics.js'
import { encodePublish } from './wire.js'

export interface MessageSlotOptions {
  readonly parts: OutboundParts
  readonly link: LinkConfig
  /** The link's position in the data plane. */
  readonly index: number
  /** The slot's number in the data plane; null: there is none. */
  readonly slot: number | null
  /** Its number in its pool, 0 ≤ place < pool_size, or beyond without a slot. */
  readonly place: number
  /** The far end accepts only: it may use the connection too. */
  readonly bothWays: boolean
  readonly seed: number
  onOnline(): void
  onLost(place: number, why: LinkFailure): void
}

export class MessageSlot {
  readonly #options: MessageSlotOptions
  readonly #machine: Machine<SlotState, SlotEvent, SlotEffect>
  readonly #line: Line
  /** The same as the line where we accept only. */
  readonly #accepted: AcceptedLine | null

  constructor(options: MessageSlotOptions) {
    const { parts, link, seed } = options
    const { clock, timers, engine } = parts.environment
    this.#options = options
    this.#machine = new Machine<SlotState, SlotEvent, SlotEffect>(
      newSlot(seed, link.acceptOnly),
      {
        step: stepSlot,
        deadline: slotDeadline,
        timer: { kind: 'timer' },
        perform: (effect) => this.#perform(effect),
      },
      clock,
      timers,
    )
    const { index } = options
    const feed = (event: ConnectionEvent) => this.#machine.dispatch(event)
    this.#accepted = link.acceptOnly
      ? new AcceptedLine({ engine, lines: parts.acceptedLines, index, feed })
      : null
    this.#line = this.#accepted ?? this.#dialledLine(feed)
  }

  get online(): boolean {
    return this.#machine.state.phase.kind === 'online'
  }

  /** Nothing when it is started already. */
  start(): void {
    this.#machine.dispatch({ kind: 'start' })
  }

  stop(): void {
    this.#machine.dispatch({ kind: 'stop' })
    this.#accepted?.release()
  }

  /** The far end has dialled it. Text: why it cannot be used. */
  offered(address: ConnectionAddress, peer: PeerLimits): string | null {
    const { link, parts, place } = this.#options
    const id = bothWaysClientId(link.name, parts.settings.clusterName, place)
    if (address.loop !== parts.settings.homeOf(id))
      return `message connection ${place + 1} has another client id than ${id}`
    return this.#accepted?.offer(address, peer) === true
      ? null
      : `another connection is message connection ${place + 1} already`
  }

  /** Lets the far end use the connection, as it may not have known that it can; nothing while it is down. */
  offer(): void {
    const { bothWays, parts, place } = this.#options
    if (!bothWays || !this.online) return
    const { clusterName, packetBytesMax } = parts.settings
    const payload = encodeOffer({ place, packetBytesMax })
    this.#line.send(encodePublish(offerTopic(clusterName), 0, 0, payload, null))
  }

  #dialledLine(feed: (event: ConnectionEvent) => void): Line {
    const { bothWays, index, link, parts, place, slot } = this.#options
    return new DialledLine({
      dialer: parts.dialer,
      link,
      clientId: bothWays
        ? bothWaysClientId(parts.settings.clusterName, link.name, place)
        : messageClientId(link.clientId, parts.settings.nodeName, place),
      loop: (index + (slot ?? place)) % parts.environment.engine.loops,
      attempt: () => this.#machine.state.connection.attempt,
      feed,
    })
  }

  #perform(effect: SlotEffect): void {
    switch (effect.kind) {
      case 'hand-over':
        this.#handOver(effect.peer)
        return
      case 'lost':
        this.#options.onLost(this.#options.place, effect.failure)
        return
      default:
        this.#line.perform(effect)
    }
  }

  #handOver(peer: PeerLimits): void {
    const { address } = this.#line
    if (address === null) return
    const { bothWays, index, link, parts, place, slot } = this.#options
    const { engine } = parts.environment
    // Before the offer leaves: what comes is taken in by the loop.
    if (bothWays) engine.carry(address, index, `${link.name}:${place + 1}`)
    if (slot !== null) engine.slotOnline({ ...address, link: index, slot, ...peer })
    this.offer()
    this.#options.onOnline()
  }
}
