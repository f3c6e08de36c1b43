/** A broker with a listener of every transport, so that a client may leave by one and come back by another. */
import { type BrokerProcess, freePort, startBroker } from '../../harness/index.js'
import { TlsFiles } from '../tls-files.js'

export type Kind = 'tcp' | 'tls' | 'unix' | 'ws' | 'wss'
/** Who serves WebSockets: uWebSockets.js, or the package `ws`. */
export type Library = 'uws' | 'ws'

/** What a client needs to know of one listener. */
export interface Door {
  readonly kind: Kind
  /** Of 127.0.0.1; 0 for a Unix domain socket. */
  readonly port: number
  /** Of the Unix domain socket; of the WebSocket's URL. */
  readonly path: string
  /** PEM file of the authority that signed the server's certificate. */
  readonly caFile: string
  readonly ca: string
}

export const user = { name: 'caller', password: 'calling', wrongPassword: 'guessing' } as const

export class Doors {
  readonly broker: BrokerProcess
  readonly #files: TlsFiles
  readonly #ports: ReadonlyMap<Kind, number>

  private constructor(broker: BrokerProcess, files: TlsFiles, ports: ReadonlyMap<Kind, number>) {
    this.broker = broker
    this.#files = files
    this.#ports = ports
  }

  /** @param more HOCON */
  static async open(library: Library, more = ''): Promise<Doors> {
    const files = await TlsFiles.make()
    const users = files.write(
      'users.csv',
      `user_id,password,is_superuser\n${user.name},${user.password},false\n`,
    )
    const [tcp, tls] = [await freePort(), await freePort()]
    const [ws, wss] = [await freePort(), await freePort()]
    const broker = await startBroker({
      port: tcp,
      config: `
        workers.websocket = ${library === 'uws' ? 'auto' : 'ws'}
        mqtt { max_packet_size = 2MB, max_mqueue_len = 10000 }
        authentication = [{
          mechanism = password_based, backend = built_in_database
          bootstrap_file = ${JSON.stringify(users)}, bootstrap_type = plain
        }]
        ${files.listener('secure', tls)}
        listeners.unix.local.bind = ${JSON.stringify(files.path('mqtt.sock'))}
        listeners.ws.default { enable = true, bind = "127.0.0.1:${ws}" }
        ${files.listener('secure', wss, '', 'wss')}
        ${more}
      `,
    })
    const ports = new Map<Kind, number>([
      ['tcp', tcp],
      ['tls', tls],
      ['unix', 0],
      ['ws', ws],
      ['wss', wss],
    ])
    return new Doors(broker, files, ports)
  }

  door(kind: Kind): Door {
    return {
      kind,
      port: this.#ports.get(kind) ?? 0,
      path: kind === 'unix' ? this.#files.path('mqtt.sock') : '/mqtt',
      caFile: this.#files.path('ca.pem'),
      ca: this.#files.root.certificate,
    }
  }

  /** The broker's word on who serves its WebSockets, by listener. */
  get libraries(): unknown {
    return this.broker.log.find(({ event }) => event === 'edge_started')?.libraries
  }

  /** Ends the broker, too; once it has, does nothing. @throws Error when it did not end well */
  async close(): Promise<void> {
    try {
      await this.broker.stop()
    } finally {
      this.#files.remove()
    }
  }
}
