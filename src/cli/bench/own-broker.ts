/** A Causeway of our own as a child process, with a configuration that means what bench/peers/causeway.conf means. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askBroker } from '../control-question.js'
import { BrokerProcess } from '../quickstart/broker-process.js'
import { benchFailed } from './failure.js'
import { identityIn } from './identity.js'
import type { Pinning, Transport } from './options.js'
import type { Side } from './side.js'
import { late, onProcessors } from './starting.js'

/** It can be asked, and configured anew. */
export interface OwnSide extends Side {
  readonly dataDir: string
  /** Instead of the HOCON it was started with. @throws CausewayError BENCH_FAILED: the broker refuses it */
  reconfigure(more: string): Promise<void>
}

export interface OwnBroker {
  readonly name: string
  readonly port: number
  /** workers.io; null: one a processor. */
  readonly io: number | null
  readonly tasks: number
  /** More HOCON. */
  readonly more: string
  readonly via: Transport
  readonly pin: Pinning | null
}

/** The settings of bench/peers/causeway.conf. */
export async function startCauseway(broker: OwnBroker, folder: string): Promise<OwnSide> {
  const { name, port, via, pin } = broker
  const dataDir = join(folder, `${name}-${port}`)
  const socket = join(folder, `${name}-${port}.sock`)
  const configFile = join(folder, `${name}-${port}.conf`)
  writeFileSync(configFile, configOf(broker, folder, dataDir, socket))
  const child = onProcessors(
    pin?.broker ?? null,
    () =>
      new BrokerProcess({
        name,
        configFile,
        logFile: join(folder, `${name}-${port}.log`),
        env: process.env,
        onEvent: () => {},
        failure: benchFailed,
      }),
  )
  try {
    await Promise.race([child.logged('ready'), child.died, late(`${name} was not ready`)])
  } catch (error) {
    await child.stop()
    throw error
  }
  return {
    name,
    endpoint: via === 'unix' ? { path: socket } : { host: '127.0.0.1', port },
    pids: [child.pid],
    died: child.died,
    stop: () => child.stop(),
    dataDir,
    reconfigure: async (more) => {
      writeFileSync(configFile, configOf({ ...broker, more }, folder, dataDir, socket))
      const answer = await askBroker(dataDir, { command: 'reload' })
      if (!answer.ok)
        throw benchFailed(`${name} takes no new configuration: ${answer.error.message}`)
    },
  }
}

function configOf(broker: OwnBroker, folder: string, dataDir: string, socket: string): string {
  const { port, io, tasks, more, via } = broker
  const bound = `bind = "127.0.0.1:${port}", max_connections = infinity`
  const tls = via === 'tls' ? identityIn(folder) : null
  return `node.data_dir = ${JSON.stringify(dataDir)}
workers { ${io === null ? '' : `io = ${io}, `}tasks = ${tasks} }
mqtt { max_inflight = 1000, max_mqueue_len = infinity }
listeners {
  tcp.default { ${via === 'tcp' || via === 'unix' ? bound : 'enable = false'} }
  ${via === 'unix' ? `unix.default { bind = ${JSON.stringify(socket)}, max_connections = infinity }` : ''}
  ssl.default { ${tls === null ? 'enable = false' : `${bound}, ssl_options { certfile = ${JSON.stringify(tls.certificate)}, keyfile = ${JSON.stringify(tls.key)} }`} }
  ws.default { ${via === 'ws' ? bound : 'enable = false'} }
  wss.default.enable = false
}
dashboard.listeners.http.bind = 0
${more}
`
}
