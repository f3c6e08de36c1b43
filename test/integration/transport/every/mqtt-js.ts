/** MQTT.js, which dials everything. */
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import { Mailbox } from '../../harness/index.js'
import { type Door, user } from './doors.js'
import type { Caller, Filter, Message, Program, Properties, Received } from './program.js'
import { patienceMs, Subscription } from './subscription.js'

export class MqttJs implements Program {
  readonly name = 'MQTT.js'
  readonly dials = ['tcp', 'tls', 'unix', 'ws', 'wss'] as const
  readonly tellsSession = true
  readonly tellsGoodbye = true

  leavesItsWill(): boolean {
    return false
  }

  redials(): boolean {
    return false // reconnectPeriod: 0
  }

  async subscribe(caller: Caller, filters: readonly Filter[], id?: number): Promise<Subscription> {
    const [subscription, client] = await this.#connect(caller)
    for (const { filter, qos } of filters) {
      await client.subscribeAsync(filter, {
        qos,
        ...(id === undefined ? {} : { properties: { subscriptionIdentifier: id } }),
      })
    }
    return subscription
  }

  async resume(caller: Caller): Promise<Subscription> {
    return (await this.#connect(caller))[0]
  }

  async publish(caller: Caller, messages: readonly Message[]): Promise<void> {
    const [subscription, client] = await this.#connect(caller)
    // All at once: the program keeps their order.
    await Promise.all(
      messages.map(({ topic, payload, qos, retain = false, properties }) =>
        client.publishAsync(topic, payload, {
          qos,
          retain,
          ...(properties === undefined ? {} : { properties: toMqttJs(properties) }),
        }),
      ),
    )
    await subscription.leave()
  }

  async refusal(caller: Caller): Promise<number> {
    const client = mqtt.connect(options(caller))
    try {
      return await new Promise((resolve, reject) => {
        client.once('connect', () => reject(new Error(`${caller.clientId} was let in`)))
        client.once('error', (error) => {
          if ('code' in error && typeof error.code === 'number') resolve(error.code)
          else reject(error)
        })
      })
    } finally {
      await client.endAsync(true)
    }
  }

  async #connect(caller: Caller): Promise<[Subscription, MqttClient]> {
    const client = mqtt.connect(options(caller))
    const messages = new Mailbox<Received>(caller.clientId)
    client.on('message', (_topic, _payload, packet) => messages.put(fromMqttJs(packet)))
    let goodbye: number | null = null
    client.on('disconnect', ({ reasonCode }) => {
      goodbye = reasonCode ?? 0
    })
    const ended = new Promise<number | null>((resolve) => {
      client.once('close', () => {
        messages.end('the connection is closed')
        resolve(goodbye)
      })
    })
    const sessionPresent = await new Promise<boolean>((resolve, reject) => {
      client.once('connect', (connack) => resolve(connack.sessionPresent))
      client.once('error', reject)
      client.once('close', () => reject(new Error(`${caller.clientId}: closed before it was open`)))
    })
    const leave = () => client.endAsync()
    const drop = async () => {
      client.stream.destroy()
      await ended
      await client.endAsync(true)
    }
    return [new Subscription({ leave, drop }, messages, ended, sessionPresent), client]
  }
}

function options(caller: Caller): IClientOptions {
  const { version, clientId, lasting = false, will } = caller
  return {
    ...address(caller.door),
    protocolVersion: version,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    clientId,
    username: user.name,
    password: caller.password ?? user.password,
    clean: !lasting,
    reconnectPeriod: 0,
    connectTimeout: patienceMs,
    ...(version === 5 && lasting ? { properties: { sessionExpiryInterval: 60 } } : {}),
    ...(will === undefined
      ? {}
      : {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.payload),
            qos: will.qos,
            retain: will.retain ?? false,
          },
        }),
  }
}

function address({ kind, port, path, ca }: Door): IClientOptions {
  const host = '127.0.0.1'
  switch (kind) {
    case 'tcp':
      return { protocol: 'mqtt', host, port }
    case 'tls':
      return { protocol: 'mqtts', host, port, ca }
    case 'unix':
      return { protocol: 'mqtt', unixSocket: true, path }
    case 'ws':
      return { protocol: 'ws', host, port, path }
    case 'wss':
      return { protocol: 'wss', host, port, path, ca }
  }
}

function toMqttJs(properties: Properties): NonNullable<IPublishPacket['properties']> {
  const { userProperties, responseTopic, correlationData, contentType, expirySeconds } = properties
  const grouped: Record<string, string[]> = {}
  for (const [name, value] of userProperties ?? []) {
    grouped[name] = [...(grouped[name] ?? []), value]
  }
  return {
    ...(userProperties === undefined ? {} : { userProperties: grouped }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData) }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(expirySeconds === undefined ? {} : { messageExpiryInterval: expirySeconds }),
  }
}

function fromMqttJs(packet: IPublishPacket): Received {
  const { userProperties, responseTopic, correlationData, contentType, ...more } =
    packet.properties ?? {}
  const { messageExpiryInterval, subscriptionIdentifier } = more
  return {
    topic: packet.topic,
    payload: Buffer.from(packet.payload),
    qos: packet.qos,
    retain: packet.retain,
    properties: {
      ...(userProperties === undefined
        ? {}
        : {
            userProperties: Object.entries(userProperties).flatMap(([name, values]) =>
              [values].flat().map((value) => [name, value] as const),
            ),
          }),
      ...(responseTopic === undefined ? {} : { responseTopic }),
      ...(correlationData === undefined ? {} : { correlationData: correlationData.toString() }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(messageExpiryInterval === undefined ? {} : { expirySeconds: messageExpiryInterval }),
      ...(subscriptionIdentifier === undefined
        ? {}
        : { subscriptionIds: [subscriptionIdentifier].flat() }),
    },
  }
}
