/** `authentication` and `enable_authn`: EMQX's keys, their defaults, and what does not go together. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AuthenticatorConfig } from '../../../src/config/index.js'
import type { CausewayError } from '../../../src/errors.js'
import { load, refused } from './fixture.js'

function chain(t: TestContext, text: string): readonly AuthenticatorConfig[] {
  return load(t, `authentication = [${text}]`).config.authentication
}

const password = 'mechanism = password_based, backend = built_in_database'
const scram = 'mechanism = scram, backend = built_in_database'

test('without authenticators everybody may connect', (t) => {
  const { authentication, listeners } = load(t, '').config
  assert.deepEqual(authentication, [])
  assert.ok(listeners.every(({ enableAuthn }) => enableAuthn === true))
})

test('defaults are those of EMQX', (t) => {
  assert.deepEqual(chain(t, `{ ${password} }, { ${scram} }`), [
    {
      path: 'authentication.1',
      enable: true,
      bootstrapFile: null,
      bootstrapType: 'plain',
      mechanism: 'password_based',
      userIdType: 'username',
      hash: { name: 'sha256', saltPosition: 'prefix' },
    },
    {
      path: 'authentication.2',
      enable: true,
      bootstrapFile: null,
      bootstrapType: 'plain',
      mechanism: 'scram',
      algorithm: 'sha256',
      iterationCount: 4096,
    },
  ])
})

test('each algorithm has its own keys', (t) => {
  const hash = (keys: string) => {
    const [one] = chain(t, `{ ${password}, password_hash_algorithm { ${keys} } }`)
    assert.ok(one?.mechanism === 'password_based')
    return one.hash
  }
  assert.deepEqual(hash('name = plain'), { name: 'plain', saltPosition: 'disable' })
  assert.deepEqual(hash('name = sha512, salt_position = suffix'), {
    name: 'sha512',
    saltPosition: 'suffix',
  })
  assert.deepEqual(hash('name = pbkdf2, mac_fun = sha512, iterations = 1000'), {
    name: 'pbkdf2',
    macFunction: 'sha512',
    iterations: 1000,
    keyBytes: 64,
  })
  assert.deepEqual(hash('name = pbkdf2, mac_fun = sha, iterations = 1, dk_length = 16'), {
    name: 'pbkdf2',
    macFunction: 'sha',
    iterations: 1,
    keyBytes: 16,
  })
  assert.deepEqual(hash('name = scrypt, cost = 1024'), {
    name: 'scrypt',
    cost: 1024,
    blockSize: 8,
    parallelization: 1,
    keyBytes: 64,
  })
})

test('what does not go together is refused with its place', (t) => {
  const one = (keys: string) => refused(t, `authentication = [{ ${keys} }]`)
  const hash = (keys: string) => one(`${password}, password_hash_algorithm { ${keys} }`)
  const rows: readonly [CausewayError, RegExp][] = [
    [one('backend = built_in_database'), /authentication\.1\.mechanism: required_field/],
    [one('mechanism = jwt, backend = built_in_database'), /expected one of password_based, scram/],
    [
      one('mechanism = scram, backend = http'),
      /authentication\.1\.backend: expected built_in_database/,
    ],
    [one(`${scram}, user_id_type = clientid`), /user_id_type: scram has no such key/],
    [one(`${password}, algorithm = sha256`), /algorithm: password_based has no such key/],
    [one(`${scram}, iteration_count = 4095`), /iteration_count: expected an integer from 4096/],
    [hash('name = bcrypt'), /name: bcrypt is not supported: use pbkdf2 or scrypt/],
    [
      hash('name = pbkdf2, mac_fun = sha256'),
      /iterations: required_field: pbkdf2 needs iterations/,
    ],
    [hash('name = pbkdf2, iterations = 1'), /mac_fun: required_field: pbkdf2 needs mac_fun/],
    [hash('name = sha256, iterations = 1'), /iterations: sha256 has no such key/],
    [hash('name = scrypt, cost = 1000'), /cost: expected a power of 2/],
    [hash('name = plain, salt_position = prefix'), /salt_position: plain takes no salt/],
    [
      refused(t, `authentication = [{ ${scram} }, { ${scram} }]`),
      /authentication\.2\.mechanism: two authenticators are scram/,
    ],
    [refused(t, 'authentication = { mechanism = scram }'), /expected an array/],
    [refused(t, 'listeners.tcp.default.enable_authn = maybe'), /quick_deny_anonymous/],
  ]
  for (const [{ message }, pattern] of rows) assert.match(message, pattern)
})

test('a listener says whether its clients are asked', (t) => {
  const { listeners } = load(
    t,
    'listeners.tcp { a { bind = 1, enable_authn = false }, b { bind = 2, enable_authn = quick_deny_anonymous } }',
  ).config
  const mode = (name: string) => listeners.find((one) => one.name === name)?.enableAuthn
  assert.equal(mode('a'), false)
  assert.equal(mode('b'), 'quick_deny_anonymous')
})
