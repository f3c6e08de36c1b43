/** `mqtt.shared_subscription_strategy`: which member of a group gets a message. MQTT 5.0 §4.8.2 leaves it to the server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BrokerProcess,
  clientIdOn,
  eventually,
  startBroker,
  TestClient,
} from '../harness/index.js'

/** Members of one group, on all loops, and what publishers say to it one message at a time. */
class Group {
  readonly members: TestClient[]
  readonly #broker: BrokerProcess

  private constructor(broker: BrokerProcess, members: TestClient[]) {
    this.#broker = broker
    this.members = members
  }

  static async of(broker: BrokerProcess, count: number): Promise<Group> {
    const members = await Promise.all(
      Array.from({ length: count }, (_, n) =>
        TestClient.connect({ port: broker.port, clientId: clientIdOn(broker, n, `member-${n}`) }),
      ),
    )
    for (const member of members) await member.subscribe({ topic: '$share/g/jobs/+', qos: 1 })
    return new Group(broker, members)
  }

  publisher(loop: number, name: string): Promise<TestClient> {
    return TestClient.connect({
      port: this.#broker.port,
      clientId: clientIdOn(this.#broker, loop, name),
    })
  }

  /** The place of the member that gets the message; every member has had time to take its last one. */
  async chosenFor(publisher: TestClient, topic = 'jobs/1'): Promise<number> {
    await publisher.publish({ topic, payload: 'x', qos: 1 })
    let chosen = -1
    await eventually('a member got it', () => {
      chosen = this.members.findIndex(({ messages }) => messages.length > 0)
      return chosen >= 0
    })
    const member = this.members[chosen]
    assert.ok(member !== undefined)
    assert.equal(member.messages.takeAll().length, 1)
    await member.ping() // its acknowledgement has been handled
    return chosen
  }

  async chosenOften(publisher: TestClient, times: number, topic?: string): Promise<number[]> {
    const chosen: number[] = []
    while (chosen.length < times) chosen.push(await this.chosenFor(publisher, topic))
    return chosen
  }
}

function strategy(name: string, title: string, run: (broker: BrokerProcess) => Promise<void>) {
  test(`${name}: ${title}`, async () => {
    const broker = await startBroker({ config: `mqtt.shared_subscription_strategy = ${name}` })
    try {
      await run(broker)
    } finally {
      await broker.stop()
    }
  })
}

const distinct = (chosen: readonly number[]) => new Set(chosen).size

strategy('random', 'every member gets some', async (broker) => {
  const group = await Group.of(broker, 3)
  const publisher = await group.publisher(0, 'p')
  assert.equal(distinct(await group.chosenOften(publisher, 60)), 3)
})

for (const name of ['round_robin', 'round_robin_per_group']) {
  strategy(name, 'one after the other, in turn', async (broker) => {
    const group = await Group.of(broker, 3)
    const chosen = await group.chosenOften(await group.publisher(0, 'p'), 12)
    assert.equal(distinct(chosen.slice(0, 3)), 3)
    for (const [n, member] of chosen.entries()) assert.equal(member, chosen[n % 3])
  })
}

strategy('sticky', 'the same member until it leaves, then another one', async (broker) => {
  const group = await Group.of(broker, 3)
  const publisher = await group.publisher(0, 'p')
  const [first = -1, ...more] = await group.chosenOften(publisher, 10)
  assert.ok(more.every((member) => member === first))
  await group.members[first]?.disconnect()
  await eventually('its session is over', async () => (await broker.counter('sessions')) === 3)
  const [next = -1, ...others] = await group.chosenOften(publisher, 10)
  assert.notEqual(next, first)
  assert.ok(others.every((member) => member === next))
})

strategy('hash_clientid', 'a publisher keeps its member, publishers are spread', async (broker) => {
  const group = await Group.of(broker, 3)
  const firsts: number[] = []
  for (let n = 0; n < 40; n++) {
    const publisher = await group.publisher(n, `p-${n}`)
    const [first = -1, second] = [
      await group.chosenFor(publisher, 'jobs/1'),
      await group.chosenFor(publisher, 'jobs/2'),
    ]
    assert.equal(second, first)
    firsts.push(first)
    await publisher.disconnect()
  }
  assert.equal(distinct(firsts), 3)
})

strategy('hash_topic', 'a topic keeps its member, topics are spread', async (broker) => {
  const group = await Group.of(broker, 3)
  const publishers = [await group.publisher(0, 'p'), await group.publisher(1, 'q')]
  const firsts: number[] = []
  for (let n = 0; n < 40; n++) {
    const chosen: number[] = []
    for (const publisher of publishers) chosen.push(await group.chosenFor(publisher, `jobs/${n}`))
    assert.equal(distinct(chosen), 1)
    firsts.push(chosen[0] ?? -1)
  }
  assert.equal(distinct(firsts), 3)
})

strategy('local', "a member on the publisher's own loop", async (broker) => {
  const group = await Group.of(broker, broker.io * 2)
  for (let loop = 0; loop < broker.io; loop++) {
    const publisher = await group.publisher(loop, `p-${loop}`)
    for (const member of await group.chosenOften(publisher, 8))
      assert.equal(member % broker.io, loop)
  }
})
