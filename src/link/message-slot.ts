/**
 * One message connection of a link: performs the effects of its slot and hands the connection to its loop.
 */

import type { LinkConfig } from '../config/index.js'
import type { LinkFailure } from './failure.js'
import { Line } from './line.js'
import { Machine } from './machine.js'
import type { OutboundParts } from './outbound.js'
import {
  newSlot,
  type SlotEffect,
  type SlotEvent,
  type SlotState,
  slotDeadline,
  stepSlot,
} from './pool.js'
import { messageClientId } from './topics.js'

export interface MessageSlotOptions {
  readonly parts: OutboundParts
  readonly link: LinkConfig
  /** The link's position in the data plane. */
  readonly index: number
  /** The slot's number in the data plane. */
  readonly slot: number
  /** Its number in its pool, 0 ≤ place < pool_size. */
  readonly place: number
  readonly seed: number
  onOnline(): void
  onLost(place: number, why: LinkFailure): void
}

export class MessageSlot {
  readonly #options: MessageSlotOptions
  readonly #machine: Machine<SlotState, SlotEvent, SlotEffect>
  readonly #line: Line

  constructor(options: MessageSlotOptions) {
    const { parts, link, index, slot, place, seed } = options
    const { clock, timers, engine } = parts.environment
    this.#options = options
    this.#machine = new Machine<SlotState, SlotEvent, SlotEffect>(
      newSlot(seed),
      {
        step: stepSlot,
        deadline: slotDeadline,
        timer: { kind: 'timer' },
        perform: (effect) => this.#perform(effect),
      },
      clock,
      timers,
    )
    this.#line = new Line({
      dialer: parts.dialer,
      link,
      clientId: messageClientId(link.clientId, parts.settings.nodeName, place),
      loop: (index + slot) % engine.loops,
      attempt: () => this.#machine.state.connection.attempt,
      feed: (event) => this.#machine.dispatch(event),
    })
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
  }

  #perform(effect: SlotEffect): void {
    const { parts, index, slot } = this.#options
    switch (effect.kind) {
      case 'hand-over': {
        const { address } = this.#line
        if (address === null) return
        parts.environment.engine.slotOnline({ ...address, link: index, slot, ...effect.peer })
        this.#options.onOnline()
        return
      }
      case 'lost':
        this.#options.onLost(this.#options.place, effect.failure)
        return
      default:
        this.#line.perform(effect)
    }
  }
}
