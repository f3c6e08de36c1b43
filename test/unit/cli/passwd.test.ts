/** `causeway passwd`: a terminal without echo, a pipe, and lines that the broker reads. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import {
  type PasswdAlgorithm,
  type PasswdOptions,
  passwd,
} from '../../../src/cli/passwd-command.js'
import { CausewayError } from '../../../src/errors.js'
import { hashPassword } from '../../../src/password-hash.js'

const options: PasswdOptions = {
  user: 'alice',
  algorithm: 'sha256',
  superuser: false,
  header: false,
}

function piped(text: string) {
  const input = new PassThrough()
  input.end(text)
  return { input, prompt: new PassThrough() }
}

/** A terminal that types, and remembers what it was asked to show. */
function terminal(keys: readonly string[]) {
  const raw: boolean[] = []
  const waiting = [...keys]
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => {
      raw.push(on)
      if (on) setImmediate(() => input.write(waiting.shift() ?? '\u0003'))
    },
  })
  const prompt = new PassThrough()
  return { source: { input, prompt }, raw, shown: () => String(prompt.read() ?? '') }
}

async function refusal(run: Promise<unknown>): Promise<string> {
  const error = await run.then(
    () => assert.fail('a line was made'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof CausewayError && error.code === 'PASSWD_REFUSED', String(error))
  return error.message
}

test('a line holds the hash of the password, its salt and the privileges', async () => {
  const made = await passwd({ ...options, superuser: true, header: true }, piped('secret\nmore\n'))
  const [header, line = ''] = made.lines.split('\n')
  assert.equal(header, 'user_id,password_hash,salt,is_superuser')
  const [user, hash, salt = '', superuser] = line.split(',')
  const expected = hashPassword({
    algorithm: { name: 'sha256', saltPosition: 'prefix' },
    password: Buffer.from('secret'),
    salt: Buffer.from(salt),
  })
  assert.deepEqual([user, hash, superuser], ['alice', expected.toString('hex'), 'true'])
  assert.match(salt, /^[0-9a-f]{32}$/)
  assert.match(made.advice, /name = sha256/)
})

test('every algorithm makes one line, and never the same twice', async () => {
  const algorithms: PasswdAlgorithm[] = ['scrypt', 'sha512', 'scram-sha-256', 'scram-sha-512']
  for (const algorithm of algorithms) {
    const one = await passwd({ ...options, algorithm, header: true }, piped('secret'))
    const two = await passwd({ ...options, algorithm }, piped('secret'))
    const [header = '', line = ''] = one.lines.split('\n')
    assert.equal(header.split(',').length, line.split(',').length)
    assert.notEqual(`${line}\n`, two.lines)
    assert.ok(!one.lines.includes('secret'))
  }
})

test('a name with commas and quotes is quoted, one over two lines is refused', async () => {
  const { lines } = await passwd({ ...options, user: 'a,"b"' }, piped('secret'))
  assert.ok(lines.startsWith('"a,""b""",'))
  assert.match(await refusal(passwd({ ...options, user: 'a\nb' }, piped('x'))), /line/)
  assert.match(await refusal(passwd({ ...options, user: '' }, piped('x'))), /no name/)
})

test('an empty password is refused, and for SCRAM what SASLprep does not allow', async () => {
  assert.match(await refusal(passwd(options, piped('\nsecret'))), /empty/)
  const algorithm = 'scram-sha-256'
  assert.match(await refusal(passwd({ ...options, algorithm }, piped('\u0007'))), /SASLprep/)
})

test('a terminal is asked twice, shows nothing of what is typed, and is left as it was', async () => {
  const { source, raw, shown } = terminal(['secrex\u007ft\r', 'secret\r'])
  const { lines } = await passwd(options, source)
  assert.ok(lines.startsWith('alice,'))
  assert.deepEqual(raw, [true, false, true, false])
  assert.equal(shown(), 'Password: \nAgain: \n')
})

test('two different passwords and an interrupt make no line', async () => {
  assert.match(await refusal(passwd(options, terminal(['one\r', 'two\r']).source)), /differ/)
  const interrupted = terminal(['sec\u0003'])
  assert.match(await refusal(passwd(options, interrupted.source)), /interrupted/)
  assert.deepEqual(interrupted.raw, [true, false])
})
