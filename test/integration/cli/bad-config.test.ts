/** Every kind of mistake in a file: one message with its place, exit code 1, no stack; from `check` and from `start`. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { causeway, folder } from './command.js'

interface Mistake {
  readonly title: string
  readonly text: string
  /** Line and column of the mistake, 1-based. */
  readonly at: string
  readonly says: RegExp
}

const link = (body: string) => `cluster {
  name = "cluster-us-east"
  links = [
    { name = "cluster-eu-west", server = "127.0.0.1:21883", ${body} }
  ]
}
`

const mistakes: readonly Mistake[] = [
  {
    title: 'an unknown key',
    text: 'mqtt {\n  max_packet_sise = 2MB\n}\n',
    at: '2:3',
    says: /mqtt\.max_packet_sise: .*did you mean "max_packet_size"/,
  },
  {
    title: 'an unknown section',
    text: 'clutser.name = "x"\n',
    at: '1:1',
    says: /clutser: .*did you mean "cluster"/,
  },
  {
    title: 'text for a number',
    text: 'mqtt.max_inflight = "many"\n',
    at: '1:21',
    says: /expected an integer .*got "many"/,
  },
  {
    title: 'a list for text',
    text: 'node.data_dir = ["a"]\n',
    at: '1:17',
    says: /node\.data_dir: expected a string, got an array/,
  },
  {
    title: 'text for a switch',
    text: 'listeners.tcp.default.enable = maybe\n',
    at: '1:32',
    says: /expected true or false, got "maybe"/,
  },
  {
    title: 'a bad duration',
    text: 'mqtt {\n  idle_timeout = 15 parsecs\n}\n',
    at: '2:18',
    says: /mqtt\.idle_timeout: expected a duration.*got "15 parsecs"/,
  },
  {
    title: 'a bad size',
    text: 'mqtt.max_packet_size = 3 acres\n',
    at: '1:24',
    says: /expected a size .*got "3 acres"/,
  },
  {
    title: 'no threads at all',
    text: '\nworkers.io = 0\n',
    at: '2:14',
    says: /workers\.io: expected an integer from 1 to 64, got 0/,
  },
  {
    title: 'a port that is none',
    text: 'listeners.tcp.default.bind = 70000\n',
    at: '1:30',
    says: /port from 1 to 65535, got 70000/,
  },
  {
    title: 'an address that is none',
    text: 'listeners.tcp.default.bind = "nowhere:x"\n',
    at: '1:30',
    says: /expected an address of this machine, got the name "nowhere"/,
  },
  {
    title: 'two listeners on one port',
    text: 'listeners {\n  tcp.a.bind = 21001\n  tcp.b.bind = 21001\n}\n',
    at: '3:16',
    says: /tcp\.a\.bind and listeners\.tcp\.b\.bind/,
  },
  {
    title: 'two links of one name',
    text: 'cluster.links = [\n  { name = b, server = "h:1", topics = [] }\n  { name = b, server = "h:2", topics = [] }\n]\n',
    at: '3:12',
    says: /duplicated_cluster_links/,
  },
  {
    title: 'a link without a server',
    text: 'cluster.links = [{ name = b, topics = [] }]\n',
    at: '1:18',
    says: /cluster\.links\.1\.server: required_field/,
  },
  {
    title: 'a topic covered by another',
    text: link('topics = ["a/#", "a/b"]'),
    at: '4:78',
    says: /redundant_topics: "a\/b" is covered by "a\/#"/,
  },
  {
    title: 'a topic of linking itself',
    text: link('topics = ["$LINK/#"]'),
    at: '4:71',
    says: /topic_not_allowed: "\$LINK\/#"/,
  },
  {
    title: 'a filter with # in the middle',
    text: link('topics = ["a/#/b"]'),
    at: '4:71',
    says: /topic_invalid_#: "a\/#\/b"/,
  },
  {
    title: 'a brace never closed',
    text: 'cluster {\n  name = "a"\n',
    at: '1:9',
    says: /this \{ is never closed/,
  },
  {
    title: 'a quote never closed',
    text: 'cluster {\n  name = "a\n}\n',
    at: '2:10',
    says: /this string is never closed/,
  },
  {
    title: 'a substitution of nothing',
    text: 'cluster.name = $\x7bnobody_set_this}\n',
    at: '1:16',
    says: /\$\{nobody_set_this\} is not set/,
  },
  {
    title: 'a required file that is missing',
    text: 'include required("missing.conf")\n',
    at: '1:1',
    says: /missing\.conf does not exist/,
  },
]

for (const { title, text, at, says } of mistakes) {
  test(`${title}: check and start refuse it with file, line and column`, async (t) => {
    const file = join(folder(t), 'wrong.conf')
    writeFileSync(file, text)
    const [checked, started] = await Promise.all(
      ['check', 'start'].map(async (name) => {
        const command = causeway(t, [name, '-c', file])
        return { exit: await command.ended(10_000), stdout: command.stdout, stderr: command.stderr }
      }),
    )
    assert.deepEqual(started, checked, 'the broker says what the check says')
    assert.deepEqual(checked?.exit, { code: 1, signal: null })
    assert.equal(checked?.stdout, '')
    const [first = '', ...rest] = checked?.stderr.split('\n') ?? []
    assert.ok(first.includes(`${basename(file)}:${at}: `), `${first} is not at ${at}`)
    assert.match(first, says)
    assert.doesNotMatch(rest.join('\n'), /^\s+at .*:\d+|Error:/m, 'no stack')
  })
}

test('a file that does not exist is named', async (t) => {
  const file = join(folder(t), 'nowhere.conf')
  const command = causeway(t, ['start', '-c', file])
  assert.deepEqual(await command.ended(10_000), { code: 1, signal: null })
  assert.equal(command.stderr, `${file}: no such file\n`)
})

test('a key of EMQX that has no effect here is a warning, and with --strict refused', async (t) => {
  const file = join(folder(t), 'emqx.conf')
  writeFileSync(file, 'node.cookie = "secret"\n')
  const lenient = causeway(t, ['check', '-c', file])
  assert.deepEqual(await lenient.ended(10_000), { code: 0, signal: null })
  assert.match(lenient.stdout, /emqx\.conf:1:6: warning: node\.cookie/)
  const strict = causeway(t, ['check', '--strict', '-c', file])
  assert.deepEqual(await strict.ended(10_000), { code: 1, signal: null })
  assert.match(strict.stderr, /emqx\.conf:1:6: node\.cookie/)
})

test('an unknown option, command or missing file argument says what there is', async (t) => {
  for (const args of [['start', '--bogus'], ['frobnicate'], ['check']]) {
    const command = causeway(t, args)
    assert.deepEqual(await command.ended(10_000), { code: 1, signal: null })
    assert.match(command.stderr, /^error: .*\n\(causeway --help shows what there is\)\n$/)
  }
})

test('--version prints the version of the package and nothing else', async (t) => {
  const command = causeway(t, ['--version'])
  assert.deepEqual(await command.ended(10_000), { code: 0, signal: null })
  assert.match(command.stdout, /^\d+\.\d+\.\d+\n$/)
  assert.equal(command.stderr, '')
})
