/** Worker threads come and go beside a running engine: the environment that started it is the only one that ends it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { brokerFile, causeway, folder, packageRoot } from '../cli/command.js'
import { freePort, TestClient } from '../harness/index.js'
import { Traffic } from './traffic.js'

const preload = pathToFileURL(
  join(packageRoot, 'dist-test/test/integration/exit/worker-churn.js'),
).href

test('worker threads are ended inside native calls while the engine runs, and it runs on', async (t) => {
  const port = await freePort()
  const broker = causeway(t, ['start', '-c', brokerFile(folder(t), { port })], {
    node: ['--import', preload],
  })
  await broker.ready()
  const client = await TestClient.connect({ port })
  await client.subscribe(Array.from({ length: 200 }, (_, n) => `filters/${n}/#`))
  const traffic = await Traffic.start(port)
  broker.signal('SIGUSR1')
  await broker.said(/^churned$/m, 'stdout')
  await traffic.delivered(1_000)
  await client.ping()
  // One worker is inside the engine at this moment.
  assert.deepEqual(await broker.stopped(), { code: 0, signal: null }, broker.stderr)
  await traffic.stop()
})
