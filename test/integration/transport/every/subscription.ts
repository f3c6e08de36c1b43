/** A connected client with subscriptions: what came, and how it ended. A program feeds it. */
import type { Mailbox } from '../../harness/index.js'
import type { Received, Subscriber } from './program.js'

/** For whatever a story awaits: the machine may be busy with other things. */
export const patienceMs = 20_000

export class Subscription {
  /** null: the program does not tell. */
  readonly sessionPresent: boolean | null
  /** Resolves, when the connection is over, with the reason code of the server's DISCONNECT if there was one that is told. */
  readonly ended: Promise<number | null>
  readonly #subscriber: Subscriber
  readonly #messages: Mailbox<Received>

  constructor(
    subscriber: Subscriber,
    messages: Mailbox<Received>,
    ended: Promise<number | null>,
    sessionPresent: boolean | null,
  ) {
    this.#subscriber = subscriber
    this.#messages = messages
    this.ended = ended
    this.sessionPresent = sessionPresent
  }

  message(): Promise<Received> {
    return this.#messages.take('message', patienceMs)
  }

  async take(count: number): Promise<Received[]> {
    const taken: Received[] = []
    while (taken.length < count) taken.push(await this.message())
    return taken
  }

  /** Leaves with DISCONNECT. @returns what came and was not looked at */
  async leave(): Promise<Received[]> {
    await this.#subscriber.leave()
    return this.#messages.takeAll()
  }

  drop(): Promise<void> {
    return this.#subscriber.drop()
  }
}
