/** `$LINK/#` belongs to linked clusters: who may touch it, and what others are told. design.md §9. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, startBroker, TestClient, type Version } from '../harness/index.js'

const versions: readonly Version[] = [3, 4, 5]

test('with a link listener, ordinary clients can neither publish nor subscribe under $LINK/', async () => {
  const clink = await freePort()
  const broker = await startBroker({ config: `listeners.tcp.clink.bind = "127.0.0.1:${clink}"` })
  try {
    assert.equal(
      broker.log.some(({ event }) => event === 'link_open_to_all'),
      false,
    )
    const insider = await TestClient.connect({ port: clink, version: 5 })
    assert.deepEqual((await insider.subscribe({ topic: '$LINK/#', qos: 1 })).granted, [1])
    const denied = await broker.counter('native_messages_denied')
    for (const version of versions) {
      const client = await TestClient.connect({ port: broker.port, version })
      const refusal = version === 5 ? 0x87 : 0x80
      const filters = ['$LINK/#', '$LINK/cluster/+/x', '$share/g/$LINK/#']
      for (const topic of filters) {
        const { granted } = await client.subscribe({ topic, qos: 0 })
        assert.deepEqual(granted, [refusal], `${topic}, version ${version}`)
      }
      const topics = ['$LINK/cluster/msg/x', '$LINK/cluster/route/x', '$LINK/anything']
      for (const topic of topics) {
        for (const qos of [1, 2] as const) {
          const answer = await client.publish({ topic, payload: 'forged', qos })
          assert.equal(answer?.reasonCode ?? 0, version === 5 ? 0x87 : 0)
        }
        await client.publish({ topic, payload: 'forged', retain: true })
      }
      await client.subscribe('#')
      await client.publish({ topic: '$LINK/anything', payload: 'forged' })
      await client.ping()
      assert.equal(client.messages.length, 0)
      await client.disconnect()
    }
    await insider.ping()
    assert.equal(insider.messages.length, 0, 'nothing forged was delivered')
    const refused = (await broker.counter('native_messages_denied')) - denied
    assert.equal(refused, versions.length * (3 * 3 + 1))
    assert.equal(await broker.counter('native_retained_count'), 0)
    await insider.disconnect()
  } finally {
    await broker.stop()
  }
})

test('enable_link opens a listener of any name, and closes one named clink', async () => {
  const [open, closed] = [await freePort(), await freePort()]
  const broker = await startBroker({
    config: `listeners.tcp {
      trusted { bind = "127.0.0.1:${open}", enable_link = true }
      clink2 { bind = "127.0.0.1:${closed}", enable_link = false }
    }`,
  })
  try {
    for (const [port, granted] of [
      [open, 1],
      [closed, 0x87],
      [broker.port, 0x87],
    ] as const) {
      const client = await TestClient.connect({ port, version: 5 })
      assert.deepEqual((await client.subscribe({ topic: '$LINK/x', qos: 1 })).granted, [granted])
      await client.disconnect()
    }
  } finally {
    await broker.stop()
  }
})

test('with links but no link listener everybody may, and the log warns of it once', async () => {
  const broker = await startBroker({
    config: `cluster {
      name = "here"
      links = [{ name = "there", server = "127.0.0.1:${await freePort()}", clientid = "here", topics = [] }]
    }`,
  })
  try {
    await broker.counters() // the log is read up to here
    assert.equal(broker.log.filter(({ event }) => event === 'link_open_to_all').length, 1)
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.deepEqual((await client.subscribe({ topic: '$LINK/#', qos: 1 })).granted, [1])
    await client.disconnect()
  } finally {
    await broker.stop()
  }
})

test('without links and link listeners nobody may, and there is nothing to warn of', async () => {
  const broker = await startBroker()
  try {
    await broker.counters() // the log is read up to here
    assert.equal(
      broker.log.some(({ event }) => event === 'link_open_to_all'),
      false,
    )
    const client = await TestClient.connect({ port: broker.port, version: 5 })
    assert.deepEqual((await client.subscribe({ topic: '$LINK/#', qos: 1 })).granted, [0x87])
    await client.disconnect()
  } finally {
    await broker.stop()
  }
})

test('a will under $LINK/ is refused with its CONNECT', async () => {
  const broker = await startBroker()
  try {
    const connecting = TestClient.connect({
      port: broker.port,
      version: 5,
      will: { topic: '$LINK/cluster/msg/x', payload: Buffer.from('forged'), qos: 0, retain: false },
    })
    await assert.rejects(connecting, /refused with 135/)
  } finally {
    await broker.stop()
  }
})
