/** Incarnations across restarts and clock steps; capabilities; what is dialled. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LinkConfig } from '../../../src/config/index.js'
import {
  type CapabilityName,
  decodeCapabilities,
  encodeCapabilities,
} from '../../../src/link/capabilities.js'
import { Dialer } from '../../../src/link/dialer.js'
import { IncarnationFile, Incarnations } from '../../../src/link/incarnation.js'
import type { LinkEnvironment, LinkSettings } from '../../../src/link/index.js'

test('incarnations grow across restarts although the clock goes back', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-incarnation-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const failures: unknown[] = []
  const restart = () =>
    new Incarnations(new IncarnationFile(directory), (error) => failures.push(error))
  const first = restart()
  assert.equal(first.next(1_000), 1_000n)
  assert.equal(first.next(1_000), 1_001n)
  assert.equal(restart().next(10), 1_002n)
  assert.equal(restart().next(5_000.7), 5_000n)
  assert.match(readFileSync(join(directory, 'link-incarnation.json'), 'utf8'), /"5000"/)
  writeFileSync(join(directory, 'link-incarnation.json'), '{"last":"50')
  assert.equal(restart().next(6_000), 6_000n, 'a damaged file counts as none')
  assert.deepEqual(failures, [])
})

test('a data directory that cannot be written is reported, and the link goes on', () => {
  const failures: unknown[] = []
  const incarnations = new Incarnations(new IncarnationFile('/dev/null/nowhere'), (error) =>
    failures.push(error),
  )
  assert.equal(incarnations.next(1_000), 1_000n)
  assert.equal(incarnations.next(1_000), 1_001n)
  assert.equal(failures.length, 2)
})

test('capabilities survive the way there and back', () => {
  assert.deepEqual(decodeCapabilities(encodeCapabilities('a1b2')), {
    software: 'causeway',
    instance: 'a1b2',
    names: [],
    driftKey: null,
    acceptSlots: 0,
  })
  const driftKey = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
  assert.deepEqual(
    decodeCapabilities(encodeCapabilities('a1b2', { names: ['drift/1'], driftKey })),
    { software: 'causeway', instance: 'a1b2', names: ['drift/1'], driftKey, acceptSlots: 0 },
  )
  const accepts = { names: ['accept/1'], acceptSlots: 8 } as const
  assert.deepEqual(decodeCapabilities(encodeCapabilities('a1b2', accepts)), {
    software: 'causeway',
    instance: 'a1b2',
    names: ['accept/1'],
    driftKey: null,
    acceptSlots: 8,
  })
})

test('a far end that accepts only gets as many connections as it may ask for', () => {
  const slots = (acceptSlots: number, names: readonly CapabilityName[] = ['accept/1']) =>
    decodeCapabilities(encodeCapabilities('a', { names, acceptSlots }))?.acceptSlots
  assert.deepEqual([slots(1), slots(64), slots(65), slots(99_999)], [1, 64, 64, 64])
  assert.deepEqual([slots(0), slots(-1), slots(1.5), slots(1e21)], [0, 0, 0, 0])
  assert.equal(slots(8, []), 0, 'without the name it is nothing')
})

test('capabilities that are not ours are null, whatever the bytes', () => {
  const driftKey = Buffer.alloc(16, 7)
  const ours = encodeCapabilities('a1b2c3d4', { names: ['drift/1'], driftKey })
  for (let length = 0; length < ours.length; length++)
    assert.equal(decodeCapabilities(ours.subarray(0, length)), null)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const decoded = decodeCapabilities(bytes)
      return decoded === null || typeof decoded.instance === 'string'
    }),
  )
  fc.assert(
    fc.property(fc.nat(ours.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(ours)
      damaged[at] = value
      decodeCapabilities(damaged) // must return, nothing more
    }),
  )
})

const server = (host: string, tls = false) => ({ host, port: 1883, tls })

function dialer(addresses: Record<string, readonly string[]>): Dialer {
  const environment = {
    lookup: async (host: string) => addresses[host] ?? Promise.reject(new Error('ENOTFOUND')),
    readSecret: async (path: string) =>
      path === '/secret' ? 'hunter2\n' : Promise.reject(new Error('ENOENT')),
  }
  const settings = { isOwnAddress: (host: string): boolean => host === '10.9.9.9' }
  // What `prepare` uses of them.
  return new Dialer(environment as unknown as LinkEnvironment, settings as unknown as LinkSettings)
}

function link(
  servers: readonly ReturnType<typeof server>[],
  password: string | null = null,
): LinkConfig {
  const tcp = { nodelay: true, keepalive: false, sndbufBytes: null, recbufBytes: 16_384 }
  return { servers, password, tls: null, tcp } as unknown as LinkConfig // what `prepare` uses of it
}

test('servers are tried in turn, then the next address of each', async () => {
  const two = dialer({ a: ['10.0.0.1', '10.0.0.2'], b: ['10.1.0.1'] })
  const hosts: unknown[] = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const result = await two.prepare(link([server('a'), server('b')]), attempt)
    hosts.push('host' in result && result.host)
  }
  assert.deepEqual(hosts, ['10.0.0.1', '10.1.0.1', '10.0.0.2', '10.1.0.1', '10.0.0.1'])
})

test('an address needs no lookup; a name without one, TLS without a context and a missing password file are reasons', async () => {
  const none = dialer({ empty: [] })
  assert.deepEqual(await none.prepare(link([server('::1')]), 0), {
    host: '::1',
    port: 1883,
    password: null,
    tls: null,
    tcp: { nodelay: true, keepalive: false, sndbufBytes: 0, recbufBytes: 16_384 },
  })
  const code = async (config: LinkConfig) => {
    const result = await none.prepare(config, 0)
    return 'code' in result ? result.code : result.password
  }
  assert.equal(await code(link([server('nowhere')])), 'lookup_failed')
  assert.equal(await code(link([server('empty')])), 'lookup_failed')
  assert.equal(await code(link([server('10.0.0.1', true)])), 'tls_failed')
  assert.equal(await code(link([server('10.9.9.9')])), 'self_connected')
  assert.equal(await code(link([server('10.0.0.1')], 'file:///gone')), 'password_unreadable')
  assert.equal(await code(link([server('10.0.0.1')], 'file:///secret')), 'hunter2')
})
