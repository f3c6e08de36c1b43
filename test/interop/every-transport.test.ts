/** The stories of every transport with other people's programs: mosquitto's, and Paho for Python. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, describe, test } from 'node:test'
import { MqttJs, tellEverywhere, tellOfCrowds } from '../integration/transport/every/index.js'
import { Mosquitto } from './mosquitto.js'
import { Paho, pythonWithPaho } from './paho.js'
import { missing } from './tools.js'

const noMosquitto = missing('mosquitto_sub')
describe("mosquitto's clients", { skip: noMosquitto }, () => {
  test('dial TCP, TLS and Unix domain sockets, and no WebSocket', () => {
    const { stdout } = spawnSync('mosquitto_sub', ['--help'], { encoding: 'utf8' })
    const offers = (option: string) => stdout.includes(` ${option} `)
    assert.deepEqual(['--cafile', '--unix', '--ws'].map(offers), [true, true, false])
  })
  tellEverywhere([new Mosquitto()])
})

const python = pythonWithPaho()
const noPaho = python === null && 'no Python 3 here has paho.mqtt'
describe('Paho', { skip: noPaho }, () => {
  if (python === null) return
  const paho = new Paho(python)
  after(() => paho.stop())
  test('dials TCP and WebSockets, and no Unix domain socket', async () => {
    assert.deepEqual(await paho.transports(), ['tcp', 'websockets'])
  })
  tellEverywhere([paho])
})

describe('programs among themselves', { skip: noMosquitto || noPaho }, () => {
  if (python === null) return
  const paho = new Paho(python)
  after(() => paho.stop())
  tellOfCrowds([new MqttJs(), new Mosquitto(), paho])
})
