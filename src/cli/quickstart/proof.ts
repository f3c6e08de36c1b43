/**
 * The proof that two regions are linked: an ordinary MQTT client subscribes in one, another publishes in the other.
 */
import { connectAsync, type MqttClient } from 'mqtt'
import { CausewayError } from '../../errors.js'
import { host, type Region } from './region.js'
import { failed, within } from './waiting.js'

export interface Delivery {
  readonly topic: string
  readonly payload: string
  /** From SUBACK in one region until the other region acknowledged a PUBLISH as matched. */
  readonly routeMs: number
  /** From PUBLISH in one region to the message at the subscriber in the other. */
  readonly messageMs: number
}

const connectTimeoutMs = 5_000
const routeTimeoutMs = 5_000
const messageTimeoutMs = 5_000
const probeEveryMs = 2
/** PUBACK of MQTT 5: nobody is subscribed, here or, as far as this broker knows, in another region. */
const noMatchingSubscribers = 0x10

/**
 * Sends one QoS 1 message from `from` to a subscriber in `to` and waits for it.
 * @throws CausewayError QUICKSTART_FAILED when a step takes too long or something else arrives
 */
export async function sendAcross(from: Region, to: Region): Promise<Delivery> {
  const clients: MqttClient[] = []
  try {
    const subscriber = await connectTo(to)
    clients.push(subscriber)
    const publisher = await connectTo(from)
    clients.push(publisher)
    return await deliver(publisher, subscriber, from, to)
  } finally {
    await Promise.all(clients.map((client) => client.endAsync()))
  }
}

async function deliver(
  publisher: MqttClient,
  subscriber: MqttClient,
  from: Region,
  to: Region,
): Promise<Delivery> {
  const topic = `linked/${from.cluster}/hello`
  const probe = `linked/${from.cluster}/probe`
  const payload = `hello ${to.cluster}, this is ${from.cluster}`
  // The first message may find its connection between the brokers still being dialled: not what is to be measured.
  const open = nextMessage(subscriber, probe, to)
  const arrived = nextMessage(subscriber, topic, to)
  await subscriber.subscribeAsync(`linked/${from.cluster}/#`, { qos: 1 })
  const subscribedAtMs = performance.now()
  await routeKnown(publisher, probe, from, to)
  const routeMs = performance.now() - subscribedAtMs
  await open.within(messageTimeoutMs)
  const sentAtMs = performance.now()
  await publisher.publishAsync(topic, payload, { qos: 1 })
  const got = await arrived.within(messageTimeoutMs)
  if (got.payload !== payload) {
    throw failed(
      `${to.cluster} received ${JSON.stringify(got.payload)} instead of ${JSON.stringify(payload)}`,
    )
  }
  return { topic, payload, routeMs, messageMs: got.atMs - sentAtMs }
}

/** The subscription takes a moment to become known in the other region; until then a PUBACK there says so. */
async function routeKnown(
  publisher: MqttClient,
  topic: string,
  from: Region,
  to: Region,
): Promise<void> {
  const deadlineMs = performance.now() + routeTimeoutMs
  let reason: number | undefined
  publisher.on('packetreceive', (packet) => {
    if (packet.cmd === 'puback') reason = packet.reasonCode
  })
  for (;;) {
    await publisher.publishAsync(topic, '', { qos: 1 })
    if (reason !== noMatchingSubscribers) return
    if (performance.now() >= deadlineMs) {
      throw failed(
        `a subscription in ${to.cluster} did not become known in ${from.cluster} within ${routeTimeoutMs / 1_000} s`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, probeEveryMs))
  }
}

interface Arrival {
  readonly payload: string
  readonly atMs: number
}

/** The first message on `topic`; listening starts at once, the clock with `within`. */
function nextMessage(
  subscriber: MqttClient,
  topic: string,
  to: Region,
): { within(limitMs: number): Promise<Arrival> } {
  const arrival = new Promise<Arrival>((resolve) => {
    subscriber.on('message', (name, payload) => {
      if (name === topic) resolve({ payload: payload.toString('utf8'), atMs: performance.now() })
    })
  })
  return {
    within: (limitMs) =>
      within(
        limitMs,
        arrival,
        () => `a message on ${topic} did not reach ${to.cluster} within ${limitMs / 1_000} s`,
      ),
  }
}

async function connectTo({ cluster, clientPort }: Region): Promise<MqttClient> {
  const url = `mqtt://${host}:${clientPort}`
  try {
    return await connectAsync(
      url,
      { protocolVersion: 5, reconnectPeriod: 0, connectTimeout: connectTimeoutMs },
      false,
    )
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CausewayError(
      'QUICKSTART_FAILED',
      `an MQTT client could not connect to ${cluster} at ${url}: ${why}`,
      { cause },
    )
  }
}
