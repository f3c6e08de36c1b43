/** One engine for all suites of this process, with one io loop that nobody connects to: only the calls of the seam are measured. */
import { loadConfig } from '../../src/config/index.js'
import { type NativeEngine, openEngine } from '../../src/native/index.js'

let engine: NativeEngine | null = null

export function microEngine(): NativeEngine {
  engine ??= opened()
  return engine
}

/** Ends its threads; nothing may be measured after. */
export function closeMicroEngine(): void {
  engine?.halt()
  engine = null
}

function opened(): NativeEngine {
  const { config } = loadConfig({ file: null, env: { EMQX_WORKERS__IO: '1' } })
  const open = openEngine({ config, onEvents: () => {} })
  open.configureLinks('here', [
    {
      index: 0,
      name: 'there',
      enabled: true,
      transit: false,
      forwards: true,
      homes: [],
      retainedSync: [],
      topics: ['#'],
      pool: { first: 0, count: 1 },
      former: { first: 1, count: 0 },
      maxInflight: 32,
      bufferBytesMax: 1024 * 1024,
      requestTtlMs: 0,
    },
  ])
  return open
}
