/**
 * Question: what does one cold packet cost the control thread?
 * In the way: the allocator; packets are parsed from one prepared buffer, nothing is read from a socket.
 * The packets of the hot path never come here, they are decoded natively.
 */
import { generate, type IConnectPacket, type ISubscribePacket, parser } from 'mqtt-packet'
import type { MicroCase, MicroSuite } from './suite.js'

const packetsPerRun = 100

const connect: IConnectPacket = {
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 5,
  clean: true,
  clientId: 'meter-000042',
  keepalive: 60,
  properties: { sessionExpiryInterval: 3600, receiveMaximum: 100 },
}

const subscribe: ISubscribePacket = {
  cmd: 'subscribe',
  messageId: 1,
  subscriptions: [
    { topic: 'building/+/floor/+/temperature', qos: 1, nl: false, rap: false, rh: 0 },
    { topic: 'alarms/#', qos: 2, nl: true, rap: true, rh: 1 },
  ],
}

export const mqttPacketSuite: MicroSuite = {
  name: 'cold packets',
  question: 'what a CONNECT and a SUBSCRIBE cost on the control thread',
  cases: () => [parseCase('parse CONNECT', connect), parseCase('parse SUBSCRIBE', subscribe)],
}

function parseCase(name: string, packet: IConnectPacket | ISubscribePacket): MicroCase {
  const one = generate(packet, { protocolVersion: 5 })
  const batch = Buffer.concat(Array.from({ length: packetsPerRun }, () => one))
  return {
    name,
    operations: packetsPerRun,
    run: () => {
      let parsed = 0
      const stream = parser({ protocolVersion: 5 })
      stream.on('packet', () => {
        parsed++
      })
      stream.parse(batch)
      if (parsed !== packetsPerRun) throw new Error(`parsed ${parsed} of ${packetsPerRun} packets`)
      return parsed
    },
  }
}
