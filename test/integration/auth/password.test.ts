/** User names and passwords, end to end: bootstrap files of EMQX, what each version is told, listeners that ask and do not. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type BrokerProcess,
  type ClientOptions,
  connectBytes,
  freePort,
  startBroker,
  TestClient,
} from '../harness/index.js'

const directory = mkdtempSync(join(tmpdir(), 'causeway-password-'))
let broker: BrokerProcess
let openPort: number
let quickPort: number

before(async () => {
  ;[openPort, quickPort] = await Promise.all([freePort(), freePort()])
  const line = await passwd(['--user', 'alice', '--header', '--superuser'], 'wonder\n')
  const other = await passwd(['--user', 'b,ob'], 'builder')
  writeFileSync(join(directory, 'users.csv'), line + other)
  broker = await startBroker({
    config: `
      authentication = [{
        mechanism = password_based, backend = built_in_database
        password_hash_algorithm { name = scrypt }
        bootstrap_file = ${JSON.stringify(join(directory, 'users.csv'))}, bootstrap_type = hash
      }]
      listeners.tcp.open { bind = "127.0.0.1:${openPort}", enable_authn = false }
      listeners.tcp.quick { bind = "127.0.0.1:${quickPort}", enable_authn = quick_deny_anonymous }
    `,
  })
})
after(async () => {
  await broker.stop()
  rmSync(directory, { recursive: true })
})

/** The line that `causeway passwd` prints. */
function passwd(args: readonly string[], password: string): Promise<string> {
  const main = join(dirname(fileURLToPath(import.meta.url)), '../../..', 'src/cli/main.js')
  const child = spawn(process.execPath, [main, 'passwd', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (bytes) => {
    output += String(bytes)
  })
  child.stdin.end(password)
  return new Promise((resolve, reject) => {
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`causeway passwd ended with ${code}`)),
    )
  })
}

/** The reason or return code of CONNACK. */
async function code(options: Omit<ClientOptions, 'port'> & { port?: number }): Promise<number> {
  const all = { port: broker.port, ...options }
  const client = await TestClient.dial(all)
  client.sendBytes(connectBytes({ ...all, clientId: client.clientId }))
  const connack = await client.packet('connack')
  const answer = connack.reasonCode ?? connack.returnCode ?? -1
  if (answer === 0) await client.disconnect()
  else await client.whenClosed()
  return answer
}

test('the right password is accepted in every version, and lines that causeway passwd made are read', async () => {
  for (const version of [3, 4, 5] as const) {
    assert.equal(await code({ version, username: 'alice', password: 'wonder' }), 0)
    assert.equal(await code({ version, username: 'b,ob', password: 'builder' }), 0)
  }
})

test('a wrong password, an unknown user and a missing password are 0x86, 4 before version 5', async () => {
  for (const [version, expected] of [
    [5, 0x86],
    [4, 4],
    [3, 4],
  ] as const) {
    assert.equal(await code({ version, username: 'alice', password: 'builder' }), expected)
    assert.equal(await code({ version, username: 'nobody', password: 'wonder' }), expected)
    assert.equal(await code({ version, username: 'alice', password: '' }), expected)
    assert.equal(await code({ version, username: 'alice' }), expected)
    assert.equal(await code({ version }), expected)
  }
})

test('enable_authn = false lets everybody in, quick_deny_anonymous refuses who has no name: 0x87, 5', async () => {
  assert.equal(await code({ port: openPort, version: 5 }), 0)
  assert.equal(await code({ port: openPort, version: 4, username: 'x', password: 'y' }), 0)
  assert.equal(await code({ port: quickPort, version: 5 }), 0x87)
  assert.equal(await code({ port: quickPort, version: 4 }), 5)
  assert.equal(await code({ port: quickPort, version: 5, username: 'alice', password: 'x' }), 0x86)
  assert.equal(
    await code({ port: quickPort, version: 5, username: 'alice', password: 'wonder' }),
    0,
  )
})

test('of CONNECTs of one client id at once each is answered for its own password, and exactly one stays', async () => {
  const options = { port: broker.port, version: 5, clientId: 'row', username: 'alice' } as const
  const clients: TestClient[] = []
  for (const password of ['wonder', 'wrong', 'wonder', 'wonder']) {
    const client = await TestClient.dial(options)
    client.sendBytes(connectBytes({ ...options, password }))
    clients.push(client)
  }
  const answers = await Promise.all(clients.map((client) => client.packet('connack')))
  assert.deepEqual(
    answers.map(({ reasonCode }) => reasonCode),
    [0, 0x86, 0, 0],
  )
  // Which of the three came last is the kernel's affair when loops accept at once: exactly one of them stays.
  const accepted = clients.filter((_, at) => at !== 1)
  let open = accepted
  while (open.length > 1) {
    await Promise.race(open.map((client) => client.closed))
    open = open.filter((client) => !client.isClosed)
  }
  await open[0]?.ping()
  await open[0]?.disconnect()
})

test('an unknown authentication method is 0x8C where there are only passwords [MQTT-4.12.0-1]', async () => {
  const properties = { authenticationMethod: 'SCRAM-SHA-256' }
  assert.equal(await code({ version: 5, username: 'alice', password: 'wonder', properties }), 0x8c)
})

test('what was proved and what was not is counted by reason, and no password is in the log', async () => {
  const counters = await broker.counters()
  assert.ok((counters.authentication_succeeded ?? 0) >= 7)
  assert.ok((counters.authentication_failed_credentials ?? 0) >= 17)
  assert.equal(counters.authentication_failed_method, 1)
  const reasons = new Set(broker.log.map(({ reason }) => reason))
  for (const reason of ['there is no such user', 'the password is wrong', 'there is no password'])
    assert.ok(reasons.has(reason), reason)
  const said = JSON.stringify(broker.log) + broker.errors
  for (const secret of ['wonder', 'builder']) assert.ok(!said.includes(secret))
})

test('a bootstrap file with a mistake stops the start, with file and line', async () => {
  const file = join(directory, 'bad.csv')
  writeFileSync(file, 'user_id,password_hash,salt,is_superuser\na,zz,,\n')
  const config = `authentication = [{
    mechanism = password_based, backend = built_in_database
    bootstrap_file = ${JSON.stringify(file)}, bootstrap_type = hash
  }]`
  await assert.rejects(startBroker({ config }), /bad\.csv:2: password_hash: expected hexadecimal/)
})
