/** What the link room of a simulated broker lives in: the clock, timers, tasks, slices and log of its world, for one life. */
import type { LinkEnvironment, LinkLog, LinkPorts } from '../../src/link/index.js'
import type { SimBroker } from './link-world.js'

/** @param alive false once this life is over: what was under way then is not for the next one */
export function environmentOf(
  broker: SimBroker,
  engine: LinkPorts,
  alive: () => boolean,
): LinkEnvironment {
  const { world } = broker
  return {
    engine,
    tls: { open: () => 0, close: () => {} },
    tasks: {
      bootstrapBatch: (request) =>
        // Made at one moment, heard of at a later one: interest changes in between.
        new Promise((resolve) => {
          world.at(world.delay(), () => {
            if (!alive()) return
            const batch = broker.engine.bootstrapBatch(request)
            world.onBootstrap(broker)
            world.at(world.delay(), () => {
              world.unsettled = true
              if (alive()) resolve(batch)
            })
          })
        }),
    },
    slices: {
      run: (_name, job) =>
        new Promise((resolve) => {
          const step = () => {
            if (!alive()) return
            if (job.next().done !== true) return world.at(1, step)
            world.unsettled = true
            resolve()
          }
          world.at(0, step)
        }),
    },
    clock: { monotonicMs: () => world.now, wallMs: () => broker.wallOffset + world.now },
    timers: {
      after: (delayMs, run) => {
        let cancelled = false
        world.at(delayMs, () => {
          if (!cancelled && alive()) run()
        })
        return {
          cancel: () => {
            cancelled = true
          },
        }
      },
    },
    log: logOf(broker),
    randomHex: (bytes) =>
      Array.from({ length: bytes }, () =>
        world.random.below(256).toString(16).padStart(2, '0'),
      ).join(''),
    lookup: (host) => {
      world.unsettled = true
      return Promise.resolve([host.replace('.example', '')])
    },
    readSecret: async () => '',
  }
}

function logOf({ name, world }: SimBroker): LinkLog {
  const write = (level: string) => (_fields: object, message: string) => {
    world.trace.push(`${String(world.now).padStart(7)} ${name} ${level} ${message}`)
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
}
