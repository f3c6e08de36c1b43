/**
 * Question: what does a packet cost, decoded and encoded, natively and by mqtt-packet?
 * In the way: native packets cross the seam 100 at a time, and are validated completely; mqtt-packet makes objects of them. In
 * the broker both work: PUBLISH and acknowledgements never leave C++, CONNECT and SUBSCRIBE are validated there first.
 */
import { generate, type Packet, parser } from 'mqtt-packet'
import { type PublishSample, workbench } from '../../src/native/index.js'
import type { MicroCase, MicroSuite } from './suite.js'

const packetsPerRun = 100
const payload = Buffer.alloc(64, 'x')
const topic = 'building/7/floor/3/temperature'

interface Row {
  readonly name: string
  readonly version: 4 | 5
  readonly packet: Packet
}

const publish = (qos: 0 | 1): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos,
  retain: false,
  dup: false,
  ...(qos === 0 ? {} : { messageId: 42 }),
})

const decoded: readonly Row[] = [
  { name: 'PUBLISH, QoS 0', version: 4, packet: publish(0) },
  { name: 'PUBLISH, QoS 1', version: 5, packet: publish(1) },
  { name: 'PUBACK', version: 4, packet: { cmd: 'puback', messageId: 42 } },
  {
    name: 'CONNECT',
    version: 5,
    packet: {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clean: true,
      clientId: 'meter-000042',
      keepalive: 60,
      properties: { sessionExpiryInterval: 3600, receiveMaximum: 100 },
    },
  },
  {
    name: 'SUBSCRIBE',
    version: 5,
    packet: {
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'building/+/floor/+/temperature', qos: 1, nl: false, rap: false, rh: 0 },
        { topic: 'alarms/#', qos: 2, nl: true, rap: true, rh: 1 },
      ],
    },
  },
]

export const codecSuite: MicroSuite = {
  name: 'codec',
  question: 'what a packet costs, decoded and encoded, natively and by mqtt-packet',
  cases: () => [
    ...decoded.flatMap(decodeCases),
    ...([0, 1] as const).flatMap((qos) => encodeCases(qos)),
  ],
}

function decodeCases({ name, version, packet }: Row): MicroCase[] {
  const one = generate(packet, { protocolVersion: version })
  const batch = Buffer.concat(Array.from({ length: packetsPerRun }, () => one))
  const asExpected = (found: number) => {
    if (found !== packetsPerRun) throw new Error(`decoded ${found} of ${packetsPerRun} packets`)
    return found
  }
  return [
    {
      name: `decode ${name}, native`,
      operations: packetsPerRun,
      run: () => asExpected(workbench.decodePackets(batch, version)),
    },
    {
      name: `decode ${name}, mqtt-packet`,
      operations: packetsPerRun,
      run: () => {
        let parsed = 0
        const stream = parser({ protocolVersion: version })
        stream.on('packet', () => {
          parsed++
        })
        stream.parse(batch)
        return asExpected(parsed)
      },
    },
  ]
}

/** The bytes of both are compared once, here: they are the same packet. */
function encodeCases(qos: 0 | 1): MicroCase[] {
  const packet = publish(qos)
  const sample: PublishSample = { topic, payload, qos, packetId: qos === 0 ? 0 : 42 }
  const theirs = generate(packet, { protocolVersion: 4 })
  if (!workbench.encodePublishes(sample, 4, 1).equals(theirs))
    throw new Error(`a PUBLISH of QoS ${qos} is encoded in two ways`)
  return [
    {
      name: `encode PUBLISH, QoS ${qos}, native`,
      operations: packetsPerRun,
      run: () => {
        const { length } = workbench.encodePublishes(sample, 4, packetsPerRun)
        if (length !== packetsPerRun * theirs.length) throw new Error(`${length} bytes`)
        return length
      },
    },
    {
      name: `encode PUBLISH, QoS ${qos}, mqtt-packet`,
      operations: packetsPerRun,
      run: () => {
        let bytes = 0
        for (let at = 0; at < packetsPerRun; at++)
          bytes += generate(packet, { protocolVersion: 4 }).length
        if (bytes !== packetsPerRun * theirs.length) throw new Error(`${bytes} bytes`)
        return bytes
      },
    },
  ]
}
