/** Scenarios 27 and 30 to 32 of EMQX's suites: which links a configuration may have, and by which reasons others are refused. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { load, refused } from './fixture.js'

const link = (name: string, topics: readonly string[], more = '') =>
  `{ name = ${name}, server = "${name}.invalid:1", topics = ${JSON.stringify(topics)} ${more} }`
const links = (...all: readonly string[]) => `cluster.links = [\n${all.join('\n')}\n]`

/** The complaints about topics, as `reason of the element`. */
function complaints(t: TestContext, topics: readonly string[]): string[] {
  const { code, message } = refused(t, links(link('eu', topics)))
  assert.equal(code, 'CONFIG_INVALID')
  return [
    ...message.matchAll(/cluster\.links\.1\.topics\.(\d+): (?:invalid_topics: )?(\w+#?)/g),
  ].map(([, at, reason]) => `${reason} of ${topics[Number(at) - 1]}`)
}

test('scenario 27: names twice, topics of linking, bad topics and missing fields are refused with their reasons', (t) => {
  for (const [text, reason] of [
    [links(link('eu', []), link('us', []), link('eu', [])), 'duplicated_cluster_links'],
    [links(link('eu', [], ', enable = false'), link('eu', [])), 'duplicated_cluster_links'],
    [links(link('eu', ['$LINK/cluster/test/#'])), 'topic_not_allowed'],
    [links(link('eu', ['t/+/#/+'])), 'topic_invalid_#'],
    [links(link('eu', [''])), 'empty_topic'],
    ['cluster.links = [{ server = "h:1", topics = [] }]', 'name: required_field'],
    ['cluster.links = [{ name = eu, topics = [] }]', 'server: required_field'],
    ['cluster.links = [{ name = eu, server = "h:1" }]', 'topics: required_field'],
  ] as const) {
    const { code, message } = refused(t, text)
    assert.equal(code, 'CONFIG_INVALID', text)
    assert.ok(message.split('\n')[0]?.includes(reason), `${reason} of ${message}`)
  }
})

test('scenario 27: a host that does not exist is no mistake, nor are several links changed at once', (t) => {
  const { config } = load(
    t,
    links(link('eu', ['t/#'], ', pool_size = 1'), link('us', ['#'], ', max_inflight = 7')),
  )
  assert.deepEqual(
    config.links.map(({ name, poolSize, topics }) => [name, poolSize, topics]),
    [
      ['eu', 1, ['t/#']],
      ['us', 8, ['#']],
    ],
  )
  assert.equal(config.links[1]?.maxInflight, 7)
})

test('scenario 30: every bad topic is told with its own cause', (t) => {
  assert.deepEqual(complaints(t, ['t/+', '', '$SYS/#/+']), [
    'empty_topic of ',
    'topic_invalid_# of $SYS/#/+',
  ])
})

test('scenario 31: every topic that another covers is told', (t) => {
  const topics = ['t/+', 'g/2', 't/1', 't/+/#', 't']
  assert.deepEqual(complaints(t, topics), ['redundant_topics of t/+', 'redundant_topics of t/1'])
})

test('scenario 32: the topics of linking itself are refused under a wildcard too, a broader filter is not', (t) => {
  assert.deepEqual(complaints(t, ['$LINK/cluster/+/name']), [
    'topic_not_allowed of $LINK/cluster/+/name',
  ])
  assert.deepEqual(load(t, links(link('eu', ['#']))).config.links[0]?.topics, ['#'])
})
