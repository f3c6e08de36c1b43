/** SCRAM's server: RFC vectors, and messages that are not what they should be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  begun,
  keysOf,
  parseClientFinal,
  parseClientFirst,
  type ScramCredential,
  ScramFault,
  type ScramServer,
  type ScramStep,
  saltedPasswordHash,
  saslprep,
  scramStep,
} from '../../../src/auth/scram/index.js'
import { hashPassword } from '../../../src/password-hash.js'
import { ScramClient } from '../../integration/auth/scram-client.js'

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')

function credential(password: string, superuser = false): ScramCredential {
  const algorithm = saltedPasswordHash('sha256', 4096)
  const salted = hashPassword({ algorithm, password: Buffer.from(password), salt })
  return { ...keysOf('sha256', salted), salt, iterations: 4096, superuser }
}

const user = credential('pencil', true)
const server: ScramServer = {
  hash: 'sha256',
  iterations: 4096,
  secret: Buffer.from('secret'),
  find: (name) => (name === 'user' ? user : null),
}
const nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'

function said(step: ScramStep): string {
  return step.message.toString()
}

/** The state behind a first message that was accepted. */
function challenged(first: string): ScramStep & { kind: 'continue' } {
  const step = scramStep(server, begun, Buffer.from(first), nonce)
  assert.ok(step.kind === 'continue', said(step))
  return step
}

test('the exchange of RFC 7677 §3', () => {
  const first = challenged('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
  assert.equal(said(first), `r=rOprNGfwEbeRWgbNEkqO${nonce},s=${salt.toString('base64')},i=4096`)
  const final = `c=biws,r=rOprNGfwEbeRWgbNEkqO${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`
  const done = scramStep(server, first.state, Buffer.from(final), '')
  assert.ok(done.kind === 'done')
  assert.equal(said(done), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  assert.equal(done.username, 'user')
  assert.equal(done.superuser, true)
})

test('what comes first is refused with the error of RFC 5802 that names it', () => {
  const rows: readonly [string | Buffer, string][] = [
    ['', 'other-error'],
    ['n', 'other-error'],
    ['n,', 'other-error'],
    ['n,,', 'other-error'],
    ['n,,n=user', 'other-error'],
    ['x,,n=user,r=abc', 'other-error'],
    ['N,,n=user,r=abc', 'other-error'],
    ['p=tls-unique,,n=user,r=abc', 'channel-binding-not-supported'],
    ['p=tls exporter,,n=user,r=abc', 'other-error'],
    ['n,,m=ext,n=user,r=abc', 'extensions-not-supported'],
    ['n,,n=user,r=abc,m=ext', 'extensions-not-supported'],
    ['n,,n=user,r=abc,x', 'other-error'],
    ['n,,n=user,r=abc,', 'other-error'],
    ['n,,r=abc,n=user', 'other-error'],
    ['n,,n=,r=abc', 'invalid-username-encoding'],
    ['n,,n=us=er,r=abc', 'invalid-username-encoding'],
    ['n,,n=us=2cer,r=abc', 'invalid-username-encoding'],
    ['n,,n=us\u0007er,r=abc', 'invalid-username-encoding'],
    ['n,,n=\u00ad,r=abc', 'invalid-username-encoding'],
    ['n,,n=user,r=', 'other-error'],
    ['n,,n=user,r=a c', 'other-error'],
    ['n,,n=user,r=\u00e4', 'other-error'],
    ['n,user,n=user,r=abc', 'other-error'],
    ['n,a=other,n=user,r=abc', 'other-error'],
    ['n,a=,n=user,r=abc', 'invalid-username-encoding'],
    ['n,,n=us\0er,r=abc', 'invalid-encoding'],
    [Buffer.from('6e2c2c6e3dff2c723d616263', 'hex'), 'invalid-encoding'],
  ]
  for (const [message, error] of rows) {
    const step = scramStep(server, begun, Buffer.from(message), nonce)
    assert.equal(step.kind, 'failed', String(message))
    assert.equal(said(step), `e=${error}`, String(message))
  }
})

test('what may stand in a first message is accepted: y, an identity that is the user, extensions', () => {
  for (const message of [
    'y,,n=user,r=abc',
    'n,a=user,n=user,r=abc',
    'n,,n=user,r=abc,x=1,y=a=b',
    'n,,n=u\u00adser,r=abc',
    'n,,n=\uff55\uff53\uff45\uff52,r=abc',
  ]) {
    const { state } = challenged(message)
    assert.equal(state.kind === 'challenged' && state.exists, true, message)
  }
})

test('what comes last is refused with the error of RFC 5802 that names it', () => {
  const { state } = challenged('n,,n=user,r=abc')
  const proof = Buffer.alloc(32).toString('base64')
  const rows: readonly [string, string][] = [
    ['', 'other-error'],
    [`c=biws,r=abc${nonce}`, 'other-error'],
    [`r=abc${nonce},c=biws,p=${proof}`, 'other-error'],
    [`c=eSws,r=abc${nonce},p=${proof}`, 'channel-bindings-dont-match'],
    [`c=b*ws,r=abc${nonce},p=${proof}`, 'invalid-encoding'],
    [`c=biws,r=abc,p=${proof}`, 'other-error'],
    [`c=biws,r=abc${nonce}x,p=${proof}`, 'other-error'],
    [`c=biws,r=abc${nonce},m=x,p=${proof}`, 'extensions-not-supported'],
    [`c=biws,r=abc${nonce},p=`, 'invalid-encoding'],
    [`c=biws,r=abc${nonce},p=AAA`, 'invalid-encoding'],
    [`c=biws,r=abc${nonce},p=AAAA`, 'invalid-proof'],
    [`c=biws,r=abc${nonce},p=${proof},x=1`, 'invalid-encoding'],
    [`c=biws,r=abc${nonce},p=${proof}`, 'invalid-proof'],
  ]
  for (const [message, error] of rows) {
    const step = scramStep(server, state, Buffer.from(message), '')
    assert.equal(step.kind, 'failed', message)
    assert.equal(said(step), `e=${error}`, message)
  }
})

test('a name that nobody has keeps its salt, differs from others, and fails whatever its proof', () => {
  const saltOf = (name: string) => said(challenged(`n,,n=${name},r=abc`)).split(',')[1]
  assert.equal(saltOf('nobody'), saltOf('nobody'))
  assert.notEqual(saltOf('nobody'), saltOf('somebody'))
  // Nor would the right proof help, were the keys of a decoy ever known.
  const client = new ScramClient({ username: 'user', password: 'pencil', nonce: 'abc' })
  const { state, message } = challenged(client.first().toString())
  assert.ok(state.kind === 'challenged')
  const final = client.final(message)
  assert.equal(scramStep(server, state, final, '').kind, 'done')
  assert.equal(said(scramStep(server, { ...state, exists: false }, final, '')), 'e=invalid-proof')
})

test('any user name and password that SASLprep allows are proved, and no other password is', () => {
  const printable = fc.string({ minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(printable, printable, printable, (name, password, other) => {
      const [prepared, secret] = [saslprep(name), saslprep(password)]
      fc.pre(prepared !== null && prepared !== '' && secret !== null && secret !== '')
      const one = credential(secret)
      const own: ScramServer = { ...server, find: (asked) => (asked === prepared ? one : null) }
      const proves = (guess: string): boolean => {
        const client = new ScramClient({ username: name, password: guess })
        const first = scramStep(own, begun, client.first(), nonce)
        assert.ok(first.kind === 'continue')
        const last = scramStep(own, first.state, client.final(first.message), '')
        return last.kind === 'done' && client.trusts(last.message)
      }
      assert.ok(proves(secret))
      if (other !== secret) assert.ok(!proves(other))
    }),
    { numRuns: 30 },
  )
})

test('any bytes are a message or a fault, in both places, and what is accepted can be read back', () => {
  const grammar = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          'n,',
          'y,',
          ',',
          'n=',
          'r=',
          'c=',
          'p=',
          'a=',
          'm=',
          '=2C',
          '=',
          'biws',
          'i=1',
        ),
        fc.string({ maxLength: 6 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => Buffer.from(parts.join('')))
  const anything = fc.oneof(grammar, fc.uint8Array({ maxLength: 80 }))
  const attempt = <T>(parse: () => T): T | null => {
    try {
      return parse()
    } catch (error) {
      assert.ok(error instanceof ScramFault, String(error))
      return null
    }
  }
  fc.assert(
    fc.property(anything, (bytes) => {
      const first = attempt(() => parseClientFirst(bytes))
      if (first !== null) {
        assert.equal(first.gs2Header + first.bare, Buffer.from(bytes).toString())
        assert.match(first.nonce, /^[\x21-\x2b\x2d-\x7e]+$/)
        assert.ok(first.username !== '')
      }
      const final = attempt(() => parseClientFinal(bytes))
      if (final !== null) {
        const proof = final.proof.toString('base64')
        assert.equal(
          `${final.withoutProof},p=${proof}`.length,
          Buffer.from(bytes).toString().length,
        )
      }
      const step = scramStep(server, begun, bytes, nonce)
      assert.notEqual(step.kind, 'done')
    }),
    { numRuns: 5_000 },
  )
})

test('SASLprep: what looks alike becomes alike, what cannot be typed is refused (RFC 4013 §3)', () => {
  const rows: readonly [string, string | null][] = [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['\u0007', null],
    ['\ud800', null],
    ['\ue000', null],
    ['\u200e', null],
  ]
  for (const [text, prepared] of rows) assert.equal(saslprep(text), prepared, JSON.stringify(text))
})
