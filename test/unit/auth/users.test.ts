/** Bootstrap files: what EMQX writes is read, and what is wrong is told with its line. */
import assert from 'node:assert/strict'
import { createHash, pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { openAuthenticators } from '../../../src/auth/index.js'
import { RowFault, readCsv, readJson } from '../../../src/auth/users/rows.js'
import type {
  AuthenticatorConfig,
  PasswordAuthenticatorConfig,
  ScramAuthenticatorConfig,
} from '../../../src/config/index.js'
import { CausewayError } from '../../../src/errors.js'
import { hashPassword, type PasswordHash } from '../../../src/password-hash.js'

const directory = mkdtempSync(join(tmpdir(), 'causeway-users-'))
after(() => rmSync(directory, { recursive: true }))

const sha256: PasswordHash = { name: 'sha256', saltPosition: 'prefix' }
let files = 0

function fileOf(content: string, extension = 'csv'): string {
  const path = join(directory, `users-${++files}.${extension}`)
  writeFileSync(path, content)
  return path
}

function passwords(
  file: string,
  more: Partial<PasswordAuthenticatorConfig> = {},
): PasswordAuthenticatorConfig {
  return {
    path: 'authentication.1',
    enable: true,
    mechanism: 'password_based',
    userIdType: 'username',
    hash: sha256,
    bootstrapFile: file,
    bootstrapType: 'hash',
    ...more,
  }
}

function scram(
  file: string,
  more: Partial<ScramAuthenticatorConfig> = {},
): ScramAuthenticatorConfig {
  return {
    path: 'authentication.1',
    enable: true,
    mechanism: 'scram',
    algorithm: 'sha256',
    iterationCount: 4096,
    bootstrapFile: file,
    bootstrapType: 'hash',
    ...more,
  }
}

const open = (config: AuthenticatorConfig) =>
  openAuthenticators([config], async (request) => hashPassword(request))

async function fault(config: AuthenticatorConfig): Promise<string> {
  try {
    await open(config)
  } catch (error) {
    assert.ok(error instanceof CausewayError, String(error))
    assert.equal(error.code, 'AUTH_BOOTSTRAP_INVALID')
    return error.message.replace(config.bootstrapFile ?? '', 'FILE')
  }
  return assert.fail('the file was accepted')
}

test('users of an EMQX file have its hash, salt and privileges, from CSV and JSON alike', async () => {
  const hash = createHash('sha256').update('saltpassword').digest('hex')
  const csv = `\ufeffuser_id,password_hash,salt,is_superuser\r\nalice,${hash},salt,true\r\n\r\n"b,""o""b",${hash.toUpperCase()},salt,\r\n`
  const json = JSON.stringify([
    { user_id: 'alice', password_hash: hash, salt: 'salt', is_superuser: true },
    { user_id: 'b,"o"b', password_hash: hash, salt: 'salt' },
  ])
  for (const file of [fileOf(csv), fileOf(json, 'json')]) {
    const { password } = await open(passwords(file))
    assert.deepEqual([...(password?.users.keys() ?? [])], ['alice', 'b,"o"b'])
    const alice = password?.users.get('alice')
    assert.equal(alice?.superuser, true)
    assert.equal(alice?.hash.toString('hex'), hash)
    assert.equal(password?.users.get('b,"o"b')?.superuser, false)
    assert.equal(password?.users.get('b,"o"b')?.hash.toString('hex'), hash)
  }
})

test('any field that does not go over a line survives CSV, quoted or not', () => {
  const field = fc
    .string({ unit: 'grapheme', maxLength: 12 })
    .filter((text) => !/[\r\n]/.test(text))
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
      const names = fields.map((_, at) => `c${at}`)
      const [row] = readCsv(`${names.join(',')}\n${fields.map(quote).join(',')}\n`)
      assert.deepEqual([...(row?.fields.values() ?? [])], fields)
      assert.equal(row?.line, 2)
    }),
  )
})

test('any text is rows or a fault with a line, as CSV and as JSON', () => {
  const piece = fc.constantFrom(
    '"',
    ',',
    '\n',
    '\r\n',
    'a',
    '[',
    ']',
    '{',
    '}',
    ':',
    '"a"',
    '\\',
    '1',
  )
  const text = fc.array(piece, { maxLength: 20 }).map((parts) => parts.join(''))
  for (const read of [readCsv, readJson]) {
    fc.assert(
      fc.property(text, (content) => {
        try {
          read(content)
        } catch (error) {
          assert.ok(error instanceof RowFault, String(error))
          assert.ok(error.line >= 1 && error.line <= content.split('\n').length)
        }
      }),
      { numRuns: 3_000 },
    )
  }
})

test('passwords in a file are hashed with salts of their own, by every algorithm', async () => {
  const algorithms: PasswordHash[] = [
    sha256,
    { name: 'plain', saltPosition: 'disable' },
    { name: 'md5', saltPosition: 'suffix' },
    { name: 'sha', saltPosition: 'disable' },
    { name: 'sha512', saltPosition: 'suffix' },
    { name: 'pbkdf2', macFunction: 'sha', iterations: 3, keyBytes: 20 },
    { name: 'scrypt', cost: 16, blockSize: 8, parallelization: 1, keyBytes: 64 },
  ]
  const file = fileOf('user_id,password,is_superuser\na,secret,false\nb,secret,true\n')
  for (const hash of algorithms) {
    const { password } = await open(passwords(file, { hash, bootstrapType: 'plain' }))
    const [a, b] = [password?.users.get('a'), password?.users.get('b')]
    assert.ok(a !== undefined && b !== undefined)
    const again = hashPassword({ algorithm: hash, password: Buffer.from('secret'), salt: a.salt })
    assert.deepEqual(again, a.hash, hash.name)
    const salted = hash.name !== 'plain' && hash.name !== 'sha'
    assert.equal(a.salt.equals(b.salt), !salted, hash.name)
  }
})

test('hashes are those of EMQX: hexadecimal salts enter as text, before or behind the password', () => {
  const [password, salt] = [Buffer.from('secret'), Buffer.from('00ff')]
  const sha = (text: string) => createHash('sha256').update(text).digest()
  const simple = (saltPosition: 'prefix' | 'suffix' | 'disable') =>
    hashPassword({ algorithm: { name: 'sha256', saltPosition }, password, salt })
  assert.deepEqual(simple('prefix'), sha('00ffsecret'))
  assert.deepEqual(simple('suffix'), sha('secret00ff'))
  assert.deepEqual(simple('disable'), sha('secret'))
  const algorithm = { name: 'pbkdf2', macFunction: 'sha', iterations: 5, keyBytes: 20 } as const
  assert.deepEqual(
    hashPassword({ algorithm, password, salt }),
    pbkdf2Sync('secret', '00ff', 5, 20, 'sha1'),
  )
})

test('what is wrong in a file is told with file, line and key', async () => {
  const good = 'a'.repeat(64)
  const header = 'user_id,password_hash,salt,is_superuser\n'
  const rows: readonly [string, string, string][] = [
    ['', 'csv', 'FILE:1: expected a header'],
    [`${header}a,${good}\n`, 'csv', 'FILE:2: expected 4 fields as in the header, got 2'],
    [`${header}\n\n"a,${good},s,\n`, 'csv', 'FILE:4: a quote that is not closed'],
    [`${header}"a"x,${good},s,\n`, 'csv', 'FILE:2: expected a comma behind a quoted field'],
    [`${header},${good},s,\n`, 'csv', 'FILE:2: user_id: expected a value, got nothing'],
    [`${header}a,,s,\n`, 'csv', 'FILE:2: password_hash: expected a value, got nothing'],
    [`${header}a,xyz,s,\n`, 'csv', 'FILE:2: password_hash: expected hexadecimal digits'],
    [`${header}a,abcd,s,\n`, 'csv', 'FILE:2: password_hash: expected 64 hexadecimal digits'],
    [`${header}a,${good},s,yes\n`, 'csv', 'FILE:2: is_superuser: expected true or false'],
    [
      `${header}a,${good},s,\na,${good},s,\n`,
      'csv',
      'FILE:3: user_id: "a" stands in line 2 already',
    ],
    ['user_id,password\na,b\n', 'csv', 'FILE:2: no such column: "password"'],
    ['user_id,salt\na,b\n', 'csv', 'FILE:2: expected a value of password_hash'],
    ['{', 'json', 'FILE:1: not valid JSON'],
    ['[\n{"user_id": "a",\n oops}]', 'json', 'FILE:3: not valid JSON'],
    ['{}', 'json', 'FILE:1: expected an array of objects'],
    ['[\n[]]', 'json', 'FILE:2: expected an object'],
    ['[\n{},\n{}]', 'json', 'FILE:2: expected a value of user_id'],
    [
      `[{"user_id": "a\\"[", "password_hash": "${good}"},\n\n{"user_id": {}}]`,
      'json',
      'FILE:3: user_id: expected text',
    ],
    ['', 'txt', 'FILE: expected a name that ends in .csv or .json'],
  ]
  for (const [content, extension, message] of rows) {
    const said = await fault(passwords(fileOf(content, extension)))
    assert.ok(said.startsWith(message), `${said}\nshould begin with\n${message}`)
    assert.ok(said.endsWith('(authentication.1.bootstrap_file)'), said)
  }
  assert.match(await fault(passwords(join(directory, 'absent.csv'))), /ENOENT/)
})

test('a mistake in JSON is told without what stands around it, which may be a password', async () => {
  const file = fileOf('[{"user_id": "a", "password": "hunter2" oops}]', 'json')
  const said = await fault(passwords(file, { bootstrapType: 'plain' }))
  assert.doesNotMatch(said, /hunter2/)
})

test('SCRAM users come from passwords or from keys, with the iteration count of their own', async () => {
  const { scram: made } = await open(
    scram(fileOf('user_id,password\na,secret\n'), { bootstrapType: 'plain' }),
  )
  const a = made?.server.find('a')
  assert.ok(a)
  const key = (bytes: Buffer) => bytes.toString('base64')
  const line = `user_id,stored_key,server_key,salt,iteration_count,is_superuser\na,${key(a.storedKey)},${key(a.serverKey)},${key(a.salt)},5000,true\n`
  const { scram: read } = await open(scram(fileOf(line)))
  assert.deepEqual(read?.server.find('a'), { ...a, iterations: 5000, superuser: true })
  assert.equal(read?.server.find('b'), null)
  assert.equal(read?.method, 'SCRAM-SHA-256')
  const { scram: again } = await open(scram(fileOf(line)))
  assert.deepEqual(again?.server.secret, read?.server.secret, 'decoys outlast a restart')
})

test('what is wrong with SCRAM users is told like the rest', async () => {
  const header = 'user_id,stored_key,server_key,salt,iteration_count\n'
  const key = Buffer.alloc(32).toString('base64')
  const rows: readonly [string, string][] = [
    [`a,${key},${key},c2FsdA==,4095`, 'FILE:2: iteration_count: expected at least 4096'],
    [`a,AAAA,${key},c2FsdA==,`, 'FILE:2: stored_key: expected 32 bytes in base64'],
    [`a,${key},${key},s*lt,`, 'FILE:2: salt: expected base64'],
    [`\u0007,${key},${key},c2FsdA==,`, 'FILE:2: user_id: not a name that SASLprep allows'],
  ]
  for (const [line, message] of rows) {
    const said = await fault(scram(fileOf(`${header}${line}\n`)))
    assert.ok(said.startsWith(message), said)
  }
  const plain = fileOf('user_id,password\na,\u0007\n')
  assert.match(await fault(scram(plain, { bootstrapType: 'plain' })), /SASLprep/)
})

test('a disabled authenticator is not opened, and one without a file has no users', async () => {
  const disabled = { ...passwords('/nowhere.csv'), enable: false }
  assert.deepEqual(await open(disabled), { password: null, scram: null })
  const { password } = await open({ ...passwords(''), bootstrapFile: null })
  assert.equal(password?.users.size, 0)
})
