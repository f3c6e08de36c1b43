/** What the API answers about links, and what of a change is kept; docs/operating/links.md. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { bodyOf, Desk, link, unusable } from './desk.js'

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

test('scenario 36: a link comes, is shown with its defaults, changes and goes', async (t) => {
  const desk = new Desk(t)
  const nothing = { status: 404, body: { code: 'NOT_FOUND', message: 'Cluster link not found' } }
  for (const answer of [
    await desk.get('eu'),
    await desk.put('eu', link()),
    await desk.remove('eu'),
    await desk.metrics('eu'),
    await desk.reset('eu'),
  ])
    assert.deepEqual(answer, nothing)
  assert.deepEqual(await desk.list(), { status: 200, body: [] })
  assert.equal(existsSync(desk.file), false)

  const made = await desk.post(
    link({ password: 'secret', ssl: { password: 'key', verify: 'verify_peer' } }),
  )
  assert.equal(made.status, 201)
  assert.deepEqual(bodyOf(made), {
    name: 'eu',
    enable: true,
    server: 'eu:1883',
    accept_only: false,
    password: '******',
    topics: ['t/#'],
    pool_size: 8,
    retry_interval: '15s',
    max_inflight: 0,
    transit: false,
    retained_sync: [],
    drift_check: false,
    ssl: {
      enable: false,
      password: '******',
      verify: 'verify_peer',
      depth: 10,
      versions: ['tlsv1.3', 'tlsv1.2'],
      ciphers: [],
    },
    tcp_opts: { nodelay: true, keepalive: false },
    resource_opts: {
      worker_pool_size: 16,
      health_check_interval: '15s',
      health_check_interval_jitter: '0ms',
      health_check_timeout: '60s',
      start_timeout: '5s',
      request_ttl: '45s',
      inflight_window: 100,
      max_buffer_bytes: '256MB',
      dispatch_strategy: 'per_clientid',
    },
    ps_actor_incarnation: 0,
    status: 'connected',
    node_status: [{ node: 'n@1', status: 'connected' }],
    route_status: {
      state: 'online',
      server: 'h:1883',
      incarnation: '7',
      last_error: null,
      routes_out: 2,
      bootstrap: { batches: 1, entries: 2, done: true },
    },
  })
  assert.deepEqual(await desk.post(link()), {
    status: 400,
    body: { code: 'ALREADY_EXISTS', message: 'Cluster link already exists' },
  })
  const { body } = await desk.get('eu')
  assert.deepEqual(body, made.body)
  assert.deepEqual(await desk.list(), { status: 200, body: [body] })
  assert.equal(desk.links[0]?.password, 'secret')

  const off = bodyOf(
    await desk.put('eu', { server: 'other', topics: [], enable: false, name: 'us' }),
  )
  assert.deepEqual(
    [off.name, off.server, off.enable, off.password, off.status, off.node_status],
    ['eu', 'other', false, undefined, 'disconnected', [{ node: 'n@1', status: 'disconnected' }]],
  )
  assert.deepEqual((await desk.list()).body, [off])
  assert.deepEqual(await desk.remove('eu'), { status: 204, body: null })
  assert.deepEqual(await desk.get('eu'), nothing)
  assert.deepEqual(desk.links, [])
})

test('scenario 37: of eight that delete a link one finds it', async (t) => {
  const desk = new Desk(t)
  await desk.post(link())
  const answers = await Promise.all(Array.from({ length: 8 }, () => desk.remove('eu')))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, ...Array(7).fill(404)])
})

test('scenario 38: names that a new link may not have', async (t) => {
  const desk = new Desk(t)
  const reasonFor = async (name: unknown) => {
    const { status, body } = await desk.post(link({ name }))
    assert.equal(status, 400)
    const { code, message } = body as { code: string; message: { kind: string; reason: string } }
    assert.deepEqual([code, message.kind], ['BAD_REQUEST', 'validation_error'])
    return message.reason
  }
  assert.equal(await reasonFor(''), 'Name cannot be empty string')
  assert.equal(await reasonFor('a'.repeat(255)), 'Name length must be less than 255')
  assert.match(await reasonFor('a.b'), /^Invalid name format/)
  assert.match(await reasonFor('-a'), /^Invalid name format/)
  assert.equal(await reasonFor(undefined), 'required_field')
  assert.equal((await desk.post(link({ name: 'a'.repeat(254) }))).status, 201)
})

test('what is wrong with a link is said in the words of EMQX, and changes nothing', async (t) => {
  const desk = new Desk(t)
  await desk.post(link())
  const before = desk.kept()
  const said = async (more: object) => {
    const { status, body } = await desk.put('eu', { ...link(), ...more })
    assert.equal(status, 400)
    const { code, message } = body as { code: string; message: Record<string, unknown> }
    assert.equal(code, 'BAD_REQUEST')
    const { kind, ...rest } = message
    assert.equal(kind, 'validation_error')
    return rest
  }
  assert.deepEqual(await said({ topics: ['t', 't'] }), {
    path: 'topics',
    reason: { reason: 'redundant_topics', topics: ['t'] },
  })
  assert.deepEqual(await said({ topics: ['t/+', '', '$SYS/#/+', '$LINK/cluster/+/name'] }), {
    path: 'topics',
    reason: {
      reason: 'invalid_topics',
      topics: [
        { topic: '', reason: 'empty_topic' },
        { topic: '$SYS/#/+', reason: 'topic_invalid_#' },
        { topic: '$LINK/cluster/+/name', reason: 'topic_not_allowed' },
      ],
    },
  })
  const missing = await said({ server: undefined })
  assert.deepEqual([missing.path, missing.reason], ['server', 'required_field'])
  assert.equal((await said({ topics: null })).reason, 'required_field')
  const unknown = await said({ pool: 3 })
  assert.deepEqual([unknown.path, unknown.reason], ['pool', 'unknown_fields'])
  assert.deepEqual(await said({ pool_size: 'many' }), {
    path: 'pool_size',
    reason: 'expected an integer from 1 to 1024, got "many"',
    value: 'many',
  })
  const password = await said({ password: ['x'] })
  assert.equal('value' in password, false)
  assert.equal((await desk.put('eu', 'text')).status, 400)
  assert.deepEqual([desk.kept(), desk.applied], [before, 1])
})

test('scenario 41: ****** keeps what is secret, and stands for nothing where nothing is', async (t) => {
  const desk = new Desk(t)
  const redacted = { password: '******', ssl: { password: '******' } }
  const { status, body } = await desk.post(link({ password: '******' }))
  assert.equal(status, 400)
  assert.match(JSON.stringify(body), /"path":"password"/)
  await desk.post(link({ password: 'p', ssl: { password: 'k' } }))
  const shown = bodyOf(await desk.get('eu'))
  assert.equal((await desk.put('eu', shown)).status, 200) // as it was shown
  assert.equal((await desk.put('eu', link({ ...redacted, pool_size: 2 }))).status, 200)
  assert.deepEqual([desk.links[0]?.password, desk.links[0]?.poolSize], ['p', 2])
  assert.match(desk.kept(), /"password": "k"/)
  await desk.put('eu', link())
  assert.equal((await desk.put('eu', link(redacted))).status, 400)
})

test('scenario 34: certificates as text become files, which go with the last link that names them', async (t) => {
  const desk = new Desk(t)
  const { ssl } = bodyOf(await desk.post(link({ ssl: { cacertfile: pem } })))
  const { cacertfile } = ssl as { cacertfile: string }
  assert.equal(dirname(cacertfile), join(desk.dataDir, 'certs', 'links', 'eu'))
  assert.equal(readFileSync(cacertfile, 'utf8'), pem)
  assert.equal(statSync(cacertfile).mode & 0o777, 0o600)
  await desk.put('eu', link({ ssl: { cacertfile } }))
  assert.ok(existsSync(cacertfile))
  desk.refuses = unusable()
  await desk.put('eu', link({ ssl: { cacertfile: `${pem} other` } }))
  assert.equal(readdirSync(dirname(cacertfile)).length, 1)
  desk.refuses = null
  await desk.put('eu', link({ ssl: { cacertfile: `${pem} other` } }))
  assert.equal(existsSync(cacertfile), false)
  await desk.remove('eu')
  assert.deepEqual(readdirSync(join(desk.dataDir, 'certs', 'links')), [])
})

test('a key that the main file holds as text is not shown, and stays with ******', async (t) => {
  const key = '-----BEGIN PRIVATE KEY-----\\nMIIB'
  const ssl = `ssl { certfile = "c.pem", keyfile = "${key}" }`
  const desk = new Desk(
    t,
    `cluster.links = [{ name = eu, server = "eu:1883", topics = [], ${ssl} }]`,
  )
  const shown = await desk.get('eu')
  assert.equal(JSON.stringify(shown).includes('PRIVATE'), false)
  assert.equal((await desk.put('eu', bodyOf(shown))).status, 200)
  const [, file = ''] = /"keyfile": "([^"]+)"/.exec(desk.kept()) ?? []
  assert.match(readFileSync(file, 'utf8'), /PRIVATE KEY/)
})

test('links of the main file are taken over as written with the first change, and stay there no longer', async (t) => {
  const main = `cluster.links = [{ name = "u.s", server = us, topics = [a], password = pw, resource_opts.request_timeout = 1h30m }]`
  const desk = new Desk(t, main)
  const before = bodyOf(await desk.get('u.s'))
  assert.deepEqual(
    [before.password, (before.resource_opts as { request_ttl: string }).request_ttl],
    ['******', '1h30m'],
  )
  assert.equal((await desk.post(link())).status, 201)
  assert.equal(statSync(desk.file).mode & 0o777, 0o600)
  assert.deepEqual(bodyOf(await desk.get('u.s')), before)
  desk.main = `${main}\nmqtt.max_inflight = 9`
  const { warnings, restart } = await desk.reloader.reload('test')
  assert.deepEqual(restart, ['mqtt.max_inflight'])
  assert.equal(warnings.length, 1)
  const [warning = ''] = warnings
  assert.ok(warning.includes(`${desk.mainFile}:2:9`) && warning.includes(desk.file), warning)
  assert.deepEqual(
    desk.links.map(({ name, password }) => [name, password]),
    [
      ['u.s', 'pw'],
      ['eu', null],
    ],
  )
  assert.equal(desk.load().warnings[0]?.kind, 'links-passed-over')
})

test('a file of links that is wrong is told with its place in it', (t) => {
  const desk = new Desk(t)
  mkdirSync(dirname(desk.file), { recursive: true })
  const says = (text: string) => {
    writeFileSync(desk.file, text)
    try {
      desk.load()
    } catch (error) {
      return String(error).split('\n')[0]?.replace(`CausewayError: ${desk.file}`, '')
    }
    return null
  }
  assert.match(
    says('cluster {\n  links = [{ name = eu, topics = [], server = "a:x" }]\n}') ?? '',
    /^:2:/,
  )
  assert.match(says('cluster {\n  links = [') ?? '', /^:2:11: this \[ is never closed/)
  assert.match(says('mqtt.max_inflight = 1') ?? '', /^:1:1: this file holds cluster.links/)
  assert.match(says('cluster.name = x') ?? '', /^:1:9: this file holds cluster.links/)
  assert.equal(says('# nothing'), null)
})

test('what the environment says of links cannot be changed here', async (t) => {
  const desk = new Desk(t, 'cluster.links = [{ name = us, server = us, topics = [] }]', {
    EMQX_CLUSTER__LINKS__1__SERVER: 'elsewhere',
  })
  assert.equal(bodyOf(await desk.get('us')).server, 'elsewhere')
  for (const answer of [await desk.post(link()), await desk.remove('us')]) {
    assert.equal(answer.status, 400)
    assert.match(String(bodyOf(answer).message), /EMQX_CLUSTER__LINKS__1__SERVER/)
  }
  assert.equal(existsSync(desk.file), false)
})

test('what cannot be put in force or kept leaves everything as it was', async (t) => {
  const desk = new Desk(t)
  desk.refuses = unusable()
  assert.deepEqual(await desk.post(link()), {
    status: 400,
    body: {
      code: 'BAD_REQUEST',
      message: {
        kind: 'validation_error',
        path: 'ssl.certfile',
        reason: 'bad_ssl_config',
        details: '/c.pem: no certificate',
      },
    },
  })
  assert.equal(existsSync(desk.file), false)
  desk.refuses = null
  await desk.post(link())
  const before = desk.kept()
  desk.refuses = unusable()
  assert.equal((await desk.remove('eu')).status, 400)
  assert.equal(desk.kept(), before)
  assert.equal((await desk.get('eu')).status, 200)
})

test('a disk that refuses is an internal error', async (t) => {
  const desk = new Desk(t)
  mkdirSync(desk.dataDir)
  writeFileSync(join(desk.dataDir, 'configs'), 'in the way')
  const answer = await desk.post(link())
  assert.equal(answer.status, 500)
  assert.equal(bodyOf(answer).code, 'INTERNAL_ERROR')
  assert.deepEqual([desk.applied, (await desk.list()).body], [0, []])
})

test('another cluster name in the file waits for a restart, and so do links', async (t) => {
  const desk = new Desk(t)
  desk.main = 'cluster.name = other'
  const answer = await desk.post(link())
  assert.match(String(bodyOf(answer).message), /cluster.name has changed/)
  assert.equal(existsSync(desk.file), false)
})

test('a status is that of all message connections', async (t) => {
  const desk = new Desk(t)
  await desk.post(link())
  const status = async () => bodyOf(await desk.get('eu')).status
  desk.pool = { online: 7 }
  assert.equal(await status(), 'connecting')
  desk.pool = { online: 7, lastError: { code: 'LINK_UNREACHABLE', message: 'm', atMs: 0 } }
  assert.equal(await status(), 'disconnected')
  desk.pool = { online: 8, lastError: { code: 'LINK_UNREACHABLE', message: 'm', atMs: 0 } }
  assert.equal(await status(), 'connected')
})
