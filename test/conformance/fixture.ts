/** What the tests of a chapter share: one broker, clients on its loops in turn, and a way to hear that nothing came. */
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  type Qos,
  startBroker,
  TestClient,
  type Version,
} from '../integration/harness/index.js'
import { RawClient } from './raw-client.js'

export interface Chapter {
  readonly broker: BrokerProcess
  readonly port: number
  /** Connected and accepted. The first client of a chapter lives on loop 0, the next on loop 1, and so on. */
  client(name: string, options?: Partial<ClientOptions>): Promise<TestClient>
  /** A client identifier of its own; the same for the same name. */
  clientId(name: string): string
  /** @param connect hexadecimal; without it nothing is said */
  raw(connect?: string): Promise<RawClient>
}

/** @param version of its clients @param config HOCON, merged over what every broker under test has */
export function chapter(version: Version, config = ''): Chapter {
  let running: BrokerProcess | null = null
  const ids = new Map<string, string>()
  before(async () => {
    running = await startBroker({ config })
  })
  after(() => running?.stop())
  const broker = () => {
    assert.ok(running, 'the broker runs')
    return running
  }
  const clientId = (name: string) => {
    const known = ids.get(name) ?? clientIdOn(broker(), ids.size, name)
    ids.set(name, known)
    return known
  }
  return {
    get broker() {
      return broker()
    },
    get port() {
      return broker().port
    },
    clientId,
    client: (name, options = {}) =>
      TestClient.connect({ port: broker().port, version, clientId: clientId(name), ...options }),
    raw: (connect) =>
      connect === undefined
        ? RawClient.dial(broker().port)
        : RawClient.connect(broker().port, connect),
  }
}

/** Terms of a version 5 session that outlives its connection. */
export const lasting = { clean: false, properties: { sessionExpiryInterval: 60 } } as const

/** A will below `will/`, for `willWitness`. */
export const will = (topic: string, qos: Qos, retain: boolean) => ({
  topic,
  payload: Buffer.from('gone'),
  qos,
  retain,
})

/** Hears every will of its chapter. */
export async function willWitness(client: Chapter['client']): Promise<TestClient> {
  const witness = await client('witness')
  await witness.subscribe('will/#')
  return witness
}

let sentinels = 0

/**
 * Nothing of what `publisher` did so far has reached or will reach `subscriber`: a message that went the same way behind
 * it comes first.
 */
export async function nothingCame(subscriber: TestClient, publisher: TestClient): Promise<void> {
  const topic = `sentinel/${++sentinels}`
  await subscriber.subscribe({ topic, qos: 0 })
  await publisher.publish({ topic, payload: 'sentinel' })
  assert.equal((await subscriber.message()).topic, topic)
  await subscriber.unsubscribe(topic)
}

/**
 * Lets protocol time go by: expiry and keep-alive count whole seconds, and no event tells that they are over. Never a wait
 * for something to happen, which `eventually` is for.
 */
export async function pass(milliseconds: number): Promise<void> {
  await delay(milliseconds + 1) // a timer may be a millisecond early
}
