/** The control socket: who may, what is bounded, what is answered. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CausewayError } from '../../../src/errors.js'
import { managementLimits } from '../../../src/limits.js'
import { ControlSocket, controlSocketPath, JsonText } from '../../../src/management/index.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} }

/** Answers `status` with 7, `reload` with a refusal, `links` when `release` is called, `client` with its id, `clients` with JSON. */
async function opened(t: TestContext): Promise<{ path: string; release: () => void }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'causeway-control-'))
  const path = controlSocketPath(dataDir)
  writeFileSync(path, 'left behind')
  const waiting: (() => void)[] = []
  const control = new ControlSocket({
    dataDir,
    log: quiet,
    answer: async (request) => {
      const { command } = request
      if (command === 'client') return request.clientid
      if (command === 'clients') return new JsonText(JSON.stringify(request))
      if (command === 'reload') throw new CausewayError('CONFIG_INVALID', 'no')
      if (command === 'links') await new Promise<void>((resolve) => waiting.push(resolve))
      return 7
    },
    onFatal: (error) => {
      throw error
    },
  })
  await control.start()
  t.after(() => {
    control.stop()
    rmSync(dataDir, { recursive: true })
  })
  const release = () => {
    for (const go of waiting.splice(0)) go()
  }
  return { path, release }
}

/** All that comes until the other side closes. */
function conversation(path: string, say: string): { socket: Socket; answer: Promise<string> } {
  const socket = connect(path, () => socket.write(say))
  let heard = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    heard += part
  })
  const answer = new Promise<string>((resolve) => {
    socket.on('error', () => {}) // a close like any other
    socket.on('close', () => resolve(heard))
  })
  return { socket, answer }
}

const asked = async (path: string, say: string): Promise<unknown> =>
  JSON.parse(await conversation(path, say).answer)

test('only the user of the broker may ask; a file that was left behind is no obstacle', async (t) => {
  const { path } = await opened(t)
  const { mode } = statSync(path)
  assert.equal(mode & 0o777, 0o600)
  assert.deepEqual(await asked(path, '{"command":"status"}\n'), { ok: true, result: 7 })
})

test('a refusal has its code; what is no request is told so', async (t) => {
  const { path } = await opened(t)
  assert.deepEqual(await asked(path, '{"command":"reload"}\n'), {
    ok: false,
    error: { code: 'CONFIG_INVALID', message: 'no' },
  })
  const bad = [
    '\n',
    'status\n',
    '{}\n',
    '{"command":"stop"}\n',
    '{"command":"links","name":7}\n',
    '{"command":"routes"}\n',
    '{"command":"routes","link":"eu","from":-1}\n',
    '{"command":"routes","link":"eu","from":4294967296}\n',
    '{"command":"routes","link":"eu","from":"0"}\n',
    '{"command":"client"}\n',
    '{"command":"client","clientid":null}\n',
    '{"command":"clients","limit":0}\n',
    '{"command":"clients","limit":1.5}\n',
    '{"command":"clients","limit":"1"}\n',
    `{"command":"clients","limit":${managementLimits.clientsPerPage + 1}}\n`,
    '{"command":"clients","cursor":7}\n',
    '[1]\n',
    'x'.repeat(managementLimits.requestBytes + 1),
  ]
  for (const say of bad) {
    const answer = JSON.parse(await conversation(path, say).answer)
    assert.equal(answer.error.code, 'CTL_REQUEST_INVALID', say.slice(0, 30))
  }
})

test('what is JSON already is the result as it is; a page has a limit when none was asked for', async (t) => {
  const { path } = await opened(t)
  const limit = managementLimits.clientsPerPage
  assert.deepEqual(await asked(path, '{"command":"clients"}\n'), {
    ok: true,
    result: { command: 'clients', limit, cursor: null },
  })
  assert.deepEqual(await asked(path, '{"command":"clients","limit":1,"cursor":"x"}\n'), {
    ok: true,
    result: { command: 'clients', limit: 1, cursor: 'x' },
  })
})

test('a request may hold the longest client id, and come in any pieces', async (t) => {
  const { path } = await opened(t)
  const longest = '\u0001'.repeat(65_535) // six characters each
  const say = JSON.stringify({ command: 'client', clientid: longest })
  assert.deepEqual(await asked(path, `${say}\n`), { ok: true, result: longest })

  const bytes = Buffer.from('{"command":"client","clientid":"é"}\n')
  const inside = bytes.indexOf('é') + 1
  const { socket, answer } = conversation(path, '')
  socket.once('connect', () => {
    socket.setNoDelay(true)
    socket.write(bytes.subarray(0, inside), () => socket.write(bytes.subarray(inside)))
  })
  assert.deepEqual(JSON.parse(await answer), { ok: true, result: 'é' })
})

test('who closes before the end of a request hears nothing and disturbs nobody', async (t) => {
  const { path } = await opened(t)
  const { socket, answer } = conversation(path, '{"comm')
  socket.on('connect', () => socket.end())
  assert.equal(await answer, '')
  assert.deepEqual(await asked(path, '{"command":"status"}\n'), { ok: true, result: 7 })
})

test('above so many questions at once the next is told to come back', async (t) => {
  const { path, release } = await opened(t)
  const busy = Array.from({ length: managementLimits.clients }, () =>
    conversation(path, '{"command":"links"}\n'),
  )
  let refused: { error?: { code: string } } = {}
  // Connections are accepted one after another; until all are, the next one waits for `release` as well.
  for (let attempt = 0; refused.error === undefined && attempt < 50; attempt++) {
    const late = conversation(path, '{"command":"status"}\n')
    refused = JSON.parse(await late.answer)
  }
  assert.equal(refused.error?.code, 'CTL_BUSY')
  release()
  for (const { answer } of busy) assert.deepEqual(JSON.parse(await answer), { ok: true, result: 7 })
  assert.deepEqual(await asked(path, '{"command":"status"}\n'), { ok: true, result: 7 })
})
