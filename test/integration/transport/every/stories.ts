/** What has to hold by every transport, in every version, with every program. */
import assert from 'node:assert/strict'
import type { Qos, Version } from '../../harness/index.js'
import { arrive, numbered } from './arrival.js'
import type { Message, Program, Properties } from './program.js'
import type { Scene } from './scene.js'
import type { Subscription } from './subscription.js'

export interface Story {
  readonly title: string
  readonly tell: (scene: Scene) => Promise<void>
  /** Why the story cannot be told; null: it can. */
  readonly untellable?: (program: Program, version: Version) => string | null
}

const levels: readonly Qos[] = [0, 1, 2]
const sizes = [0, 1024, 1024 * 1024]
const takenOver = 0x8e
const badCredentials = { 3: 4, 4: 4, 5: 0x86 }

export const stories: readonly Story[] = [
  { title: 'payloads of 0 B, 1 KiB and 1 MiB go both ways at every QoS', tell: everySize },
  { title: 'a retained message waits for who comes later, until it is cleared', tell: retained },
  {
    title: 'the will of a connection that is lost is published, of one that leaves if it says so',
    tell: will,
  },
  { title: 'a session that was left is resumed with what it missed', tell: left },
  { title: 'a session that was lost is resumed by another transport', tell: lost },
  {
    title: 'a session is taken over from another transport, and its connection ended',
    tell: takenAway,
    untellable: (program, version) =>
      program.redials(version) ? 'the program dials again and takes its session back' : null,
  },
  { title: 'a shared subscription splits what comes between two transports', tell: shared },
  { title: '2,000 messages of QoS 1 keep their order', tell: inOrder },
  { title: 'a wrong password is refused with the code of the version', tell: refused },
  {
    title: 'the properties of a message arrive, and the identifier of the subscription',
    tell: properties,
    untellable: (_program, version) => (version === 5 ? null : 'properties are of version 5'),
  },
]

async function everySize(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const messages = levels.flatMap((qos) =>
    sizes.map((bytes) => ({
      topic: scene.topic(`${qos}`),
      qos,
      payload: Buffer.alloc(bytes, `${qos} of ${bytes} `),
    })),
  )
  const filters = [{ filter: scene.topic('#'), qos: 2 }] as const
  for (const [from, to] of [
    [there, here],
    [here, there],
  ] as const) {
    const subscription = await program.subscribe(scene.caller(to), filters)
    await program.publish(scene.caller(from), messages)
    await arrive(subscription, messages)
    assert.deepEqual(await subscription.leave(), [])
  }
}

async function retained(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const [topic, fence] = [scene.topic('kept'), scene.topic('fence')]
  const filters = [topic, fence].map((filter) => ({ filter, qos: 1 }) as const)
  await program.publish(scene.caller(here), [{ topic, payload: 'kept', qos: 1, retain: true }])
  const late = await program.subscribe(scene.caller(there), filters)
  const kept = await late.message()
  assert.deepEqual([kept.topic, String(kept.payload), kept.retain], [topic, 'kept', true])
  await late.leave()
  await program.publish(scene.caller(there), [{ topic, payload: '', qos: 1, retain: true }])
  const later = await program.subscribe(scene.caller(here), filters)
  const last: Message = { topic: fence, payload: 'nothing was kept', qos: 1 }
  await program.publish(scene.caller(here), [last])
  await arrive(later, [last])
  assert.deepEqual(await later.leave(), [])
}

async function will(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const willOf = (who: string): Message => ({ topic: scene.topic('will'), payload: who, qos: 1 })
  const other = [{ filter: scene.topic('other'), qos: 0 }] as const
  const witness = await program.subscribe(scene.caller(there), [
    { filter: scene.topic('will'), qos: 1 },
  ])
  const polite = await program.subscribe(scene.caller(here, { will: willOf('left') }), other)
  await polite.leave()
  const mortal = await program.subscribe(scene.caller(here, { will: willOf('lost') }), other)
  await mortal.drop()
  const published = program.leavesItsWill(scene.version) ? ['left', 'lost'] : ['lost']
  await arrive(witness, published.map(willOf))
  assert.deepEqual(await witness.leave(), [])
}

async function left(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const owner = scene.caller(here, { lasting: true })
  const filters = [{ filter: scene.topic('#'), qos: 2 }] as const
  const first = await program.subscribe(owner, filters)
  await first.leave()
  const missed = several(scene)
  await program.publish(scene.caller(there), missed)
  const again = await program.resume(owner, filters)
  assertResumed(scene, again)
  await arrive(again, missed)
  assert.deepEqual(await again.leave(), [])
}

async function lost(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const owner = scene.caller(here, { lasting: true })
  const filters = [{ filter: scene.topic('#'), qos: 2 }] as const
  const first = await program.subscribe(owner, filters)
  await first.drop()
  const missed = several(scene)
  await program.publish(scene.caller(here), missed)
  const again = await program.resume(scene.moved(owner, there), filters)
  assertResumed(scene, again)
  await arrive(again, missed)
  assert.deepEqual(await again.leave(), [])
}

async function takenAway(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const owner = scene.caller(there, { lasting: true })
  const filters = [{ filter: scene.topic('#'), qos: 1 }] as const
  const first = await program.subscribe(owner, filters)
  const second = await program.resume(scene.moved(owner, here), filters)
  assertResumed(scene, second)
  assert.equal(await first.ended, program.tellsGoodbye && scene.version === 5 ? takenOver : null)
  const message: Message = { topic: scene.topic('x'), payload: 'to the second', qos: 1 }
  await program.publish(scene.caller(here), [message])
  await arrive(second, [message])
  assert.deepEqual(await second.leave(), [])
}

async function shared(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const count = 20
  const filters = [{ filter: `$share/group/${scene.topic('work')}`, qos: 1 }] as const
  const members = [
    await program.subscribe(scene.caller(here), filters),
    await program.subscribe(scene.caller(there), filters),
  ]
  const work = numbered(scene.topic('work'), count)
  await program.publish(scene.caller(here), work)
  // round_robin, the default: from one publisher, each member gets every other message.
  const shares = await Promise.all(members.map((member) => member.take(count / 2)))
  const payloads = shares.flat().map(({ payload }) => Number(payload))
  assert.deepEqual(
    payloads.sort((a, b) => a - b),
    work.map((_, n) => n),
  )
  for (const member of members) assert.deepEqual(await member.leave(), [])
}

async function inOrder(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const subscription = await program.subscribe(scene.caller(here), [
    { filter: scene.topic('row'), qos: 1 },
  ])
  const row = numbered(scene.topic('row'), 2_000)
  await program.publish(scene.caller(there), row)
  await arrive(subscription, row)
  assert.deepEqual(await subscription.leave(), [])
}

async function refused(scene: Scene): Promise<void> {
  const code = await scene.program.refusal(scene.stranger())
  assert.equal(code, badCredentials[scene.version])
}

async function properties(scene: Scene): Promise<void> {
  const { program, here, there } = scene
  const id = 268_435_455 // the largest [MQTT-3.8.2.1.2]
  const sent: Properties = {
    userProperties: [
      ['colour', 'green'],
      ['colour', 'blue'],
      ['größe', 'klein'],
    ],
    responseTopic: scene.topic('answer'),
    correlationData: 'question 7',
    contentType: 'text/plain',
    expirySeconds: 3_600,
  }
  for (const [from, to] of [
    [there, here],
    [here, there],
  ] as const) {
    const subscription = await program.subscribe(
      scene.caller(to),
      [{ filter: scene.topic('question'), qos: 1 }],
      id,
    )
    await program.publish(scene.caller(from), [
      { topic: scene.topic('question'), payload: '?', qos: 1, properties: sent },
    ])
    const { expirySeconds = 0, ...rest } = (await subscription.message()).properties
    assert.ok(expirySeconds > 3_500 && expirySeconds <= 3_600, `expires in ${expirySeconds} s`)
    const { expirySeconds: _, ...expected } = sent
    assert.deepEqual(rest, { ...expected, subscriptionIds: [id] })
    await subscription.leave()
  }
}

/** Messages of both levels that a session keeps. */
function several(scene: Scene): Message[] {
  return ([1, 2] as const).flatMap((qos) => numbered(scene.topic(`${qos}`), 5, qos))
}

/** 3.1 has no bit for it. */
function assertResumed({ program, version }: Scene, { sessionPresent }: Subscription): void {
  assert.equal(sessionPresent, program.tellsSession ? version !== 3 : null)
}
