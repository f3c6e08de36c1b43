/** Wills: when they are published, when they wait, when they are forgotten. MQTT 5.0 §3.1.2.5, §3.1.3.2, §3.14.4. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import {
  type BrokerProcess,
  type ClientOptions,
  clientIdOn,
  eventually,
  startBroker,
  TestClient,
  type Version,
} from '../harness/index.js'

const versions: readonly Version[] = [3, 4, 5]
let broker: BrokerProcess
let witness: TestClient

before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())
beforeEach(async () => {
  witness = await TestClient.connect({
    port: broker.port,
    version: 5,
    clientId: clientIdOn(broker, 0, 'witness'),
  })
  await witness.subscribe('will/#')
})
afterEach(() => witness.disconnect())

const home = (prefix: string) => clientIdOn(broker, 1, prefix)

function mortal(name: string, version: Version, more: Partial<ClientOptions> = {}): ClientOptions {
  return {
    port: broker.port,
    version,
    clientId: home(name),
    will: { topic: `will/${name}`, payload: Buffer.from('gone'), qos: 1, retain: false },
    ...more,
  }
}

/** A version 5 will with a delay. */
function delayed(name: string, delaySeconds: number, expirySeconds: number): ClientOptions {
  return mortal(name, 5, {
    clean: false,
    properties: { sessionExpiryInterval: expirySeconds },
    will: {
      topic: `will/${name}`,
      payload: Buffer.from('gone'),
      qos: 1,
      retain: false,
      properties: { willDelayInterval: delaySeconds },
    },
  })
}

/** Nothing came before the sentinel. Wills go through the control thread, so it is asked first. */
async function nothingCame(): Promise<void> {
  await broker.counters()
  await witness.publish({ topic: 'will/sentinel', payload: 'sentinel', qos: 1 })
  assert.equal((await witness.message()).topic, 'will/sentinel')
}

for (const version of versions) {
  test(`a connection of version ${version} that breaks publishes its will at once`, async () => {
    await (await TestClient.connect(mortal(`broken-${version}`, version))).drop()
    const will = await witness.message()
    assert.deepEqual(
      [will.topic, will.payload.toString(), will.qos],
      [`will/broken-${version}`, 'gone', 1],
    )
  })

  test(`DISCONNECT of version ${version} forgets the will`, async () => {
    await (await TestClient.connect(mortal(`polite-${version}`, version))).disconnect()
    await nothingCame() // [MQTT-3.1.2-10]
  })

  test(`a protocol error of version ${version} publishes the will`, async () => {
    const client = await TestClient.connect(mortal(`error-${version}`, version))
    client.sendBytes(Buffer.from('f100', 'hex'))
    await client.whenClosed()
    assert.equal((await witness.message()).topic, `will/error-${version}`)
  })

  test(`keep-alive running out publishes the will of version ${version}`, async () => {
    const client = await TestClient.connect(
      mortal(`silent-${version}`, version, { keepAliveSeconds: 1 }),
    )
    await client.whenClosed(6_000)
    assert.equal((await witness.message()).topic, `will/silent-${version}`)
  })

  test(`a takeover publishes the will of the version ${version} connection that is replaced`, async () => {
    const options = mortal(`taken-${version}`, version)
    const first = await TestClient.connect(options)
    const { will: _, ...without } = options
    const second = await TestClient.connect(without)
    await first.whenClosed()
    assert.equal((await witness.message()).topic, `will/taken-${version}`)
    await second.disconnect()
    await nothingCame()
  })
}

test('DISCONNECT with 0x04 publishes the will', async () => {
  await (await TestClient.connect(mortal('asked', 5))).disconnect(0x04)
  assert.equal((await witness.message()).topic, 'will/asked') // MQTT 5.0 §3.14.2.1
})

test('a delayed will waits its time', async () => {
  const client = await TestClient.connect(delayed('late', 1, 60))
  const droppedMs = performance.now()
  await client.drop()
  assert.equal((await witness.message()).topic, 'will/late')
  const tookMs = performance.now() - droppedMs
  assert.ok(tookMs >= 1_000 && tookMs < 3_000, `after ${tookMs} ms`)
  await nothingCame()
})

test('a session that is resumed before the delay is over keeps its will to itself', async () => {
  const client = await TestClient.connect(delayed('resumed', 2, 60))
  await client.drop()
  const { will: _, ...without } = delayed('resumed', 2, 60)
  const again = await TestClient.connect(without)
  assert.equal(again.sessionPresent, true)
  const deadlineMs = performance.now() + 2_500
  await eventually('the delay is over', () => performance.now() > deadlineMs)
  await nothingCame() // [MQTT-3.1.3-9]
  await again.disconnect(0, { sessionExpiryInterval: 0 })
})

test('a session that ends before the delay is over publishes its will at its end', async () => {
  const client = await TestClient.connect(delayed('expired', 60, 1))
  const droppedMs = performance.now()
  await client.drop()
  assert.equal((await witness.message()).topic, 'will/expired') // MQTT 5.0 §3.1.2.5
  const tookMs = performance.now() - droppedMs
  assert.ok(tookMs >= 1_000 && tookMs < 3_000, `after ${tookMs} ms`)
})

test('a clean start that ends the session publishes the waiting will at once', async () => {
  await (await TestClient.connect(delayed('replaced', 60, 60))).drop()
  const { will: _, properties: __, ...without } = delayed('replaced', 60, 60)
  const fresh = await TestClient.connect({ ...without, clean: true })
  assert.equal((await witness.message()).topic, 'will/replaced')
  await fresh.disconnect()
})

test('a takeover with a delayed will that resumes the session cancels it', async () => {
  const first = await TestClient.connect(delayed('over', 1, 60))
  const { will: _, ...without } = delayed('over', 1, 60)
  const second = await TestClient.connect(without)
  await first.whenClosed()
  const deadlineMs = performance.now() + 1_500
  await eventually('the delay is over', () => performance.now() > deadlineMs)
  await nothingCame()
  await second.disconnect(0, { sessionExpiryInterval: 0 })
})

test('a will is not sent to its own session where that asked for No Local [MQTT-3.8.3-3]', async () => {
  const options = delayed('own', 0, 60)
  const client = await TestClient.connect(options)
  await client.subscribe([
    { topic: 'will/own', qos: 1, nl: true },
    { topic: 'will/sentinel', qos: 1 },
  ])
  await client.drop()
  assert.equal((await witness.message()).topic, 'will/own')
  await witness.publish({ topic: 'will/sentinel', payload: 'sentinel', qos: 1 })
  const { will: _, ...without } = options
  const back = await TestClient.connect(without)
  assert.equal((await back.message()).topic, 'will/sentinel')
  await back.disconnect(0, { sessionExpiryInterval: 0 })
  assert.equal((await witness.message()).topic, 'will/sentinel')
})

test('a delayed will keeps all its properties, and its expiry begins when it is published', async () => {
  const options = mortal('rich', 5, {
    clean: false,
    properties: { sessionExpiryInterval: 60 },
    will: {
      topic: 'will/rich',
      payload: Buffer.from('gone'),
      qos: 2,
      retain: false,
      properties: {
        willDelayInterval: 1,
        contentType: 'text/plain',
        responseTopic: 'answers',
        correlationData: Buffer.from([0, 1, 255]),
        messageExpiryInterval: 1,
        payloadFormatIndicator: true,
        userProperties: { why: ['first', 'second'], other: 'x' },
      },
    },
  })
  await (await TestClient.connect(options)).drop()
  const will = await witness.message()
  assert.equal(will.qos, 2)
  assert.equal(will.properties?.contentType, 'text/plain')
  assert.equal(will.properties?.responseTopic, 'answers')
  assert.deepEqual(will.properties?.correlationData, Buffer.from([0, 1, 255]))
  assert.equal(will.properties?.messageExpiryInterval, 1) // a second in the delay is none in the queue
  assert.equal(will.properties?.payloadFormatIndicator, true)
  assert.deepEqual({ ...will.properties?.userProperties }, { why: ['first', 'second'], other: 'x' })
})

test('a retained will stays for those who subscribe later, with its properties', async () => {
  const options = mortal('kept', 5, {
    will: {
      topic: 'kept/will',
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
      properties: {
        contentType: 'text/plain',
        responseTopic: 'answers',
        correlationData: Buffer.from('c'),
        messageExpiryInterval: 100,
        payloadFormatIndicator: true,
        userProperties: { why: 'test' },
      },
    },
  })
  await (await TestClient.connect(options)).drop()
  await eventually('stored', async () => (await broker.counter('native_retained_count')) === 1)
  await witness.subscribe('kept/#')
  const will = await witness.message()
  assert.deepEqual([will.topic, will.retain, will.payload.toString()], ['kept/will', true, 'gone'])
  assert.equal(will.properties?.contentType, 'text/plain')
  assert.equal(will.properties?.responseTopic, 'answers')
  assert.equal(will.properties?.correlationData?.toString(), 'c')
  assert.equal(will.properties?.payloadFormatIndicator, true)
  assert.deepEqual({ ...will.properties?.userProperties }, { why: 'test' })
  assert.ok((will.properties?.messageExpiryInterval ?? 0) > 90)
  await witness.publish({ topic: 'kept/will', retain: true, qos: 1 })
})

test('wills are not published when the server shuts down', async () => {
  const other = await startBroker()
  const client = await TestClient.connect({ ...mortal('shutdown', 5), port: other.port })
  await other.stop()
  await client.whenClosed()
  assert.equal(client.goodbye?.reasonCode, 0x8b)
  const stopped = other.log.find(({ event }) => event === 'stopped')
  assert.ok(stopped)
})
