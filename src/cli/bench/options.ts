/** What the command line of `causeway bench` says, checked. */
import type { Side } from './side.js'

/** How clients reach the broker. */
export type Transport = 'tcp' | 'unix' | 'tls' | 'ws'

export interface BenchOptions {
  /** Null: a broker of our own. */
  readonly target: string | null
  /** Processes of the target whose processor time is the broker's. */
  readonly pids: readonly number[]
  readonly against: 'mosquitto' | null
  readonly rounds: number
  /** Null: the workload's own. */
  readonly clients: number | null
  readonly publishers: number | null
  readonly subscribers: number | null
  readonly filters: number | null
  readonly qos: 0 | 1 | 2
  readonly sizeBytes: number
  /** A second; 0: as fast as the window allows. */
  readonly rate: number
  readonly window: number
  readonly inflight: number
  readonly mqtt: 3 | 4 | 5
  readonly warmupSeconds: number
  readonly durationSeconds: number
  readonly threads: number
  /** Processors of broker and generator; null: all. */
  readonly pin: Pinning | null
  /** workers.io of our own brokers; null: 1 where pinned, else one a processor. */
  readonly io: number | null
  /** workers.tasks of our own brokers; null: 1, and for scale up to the processors. */
  readonly tasks: number | null
  readonly via: Transport
  readonly floor: boolean
  readonly oneFilter: boolean
  /** Clients that are connected before memory is looked at. */
  readonly before: number
  /** Filters that change a second in the west while subscriptions become effective. */
  readonly changes: number
  /** Of the line between linked brokers, each way. */
  readonly delayMs: number
  /** Sessions that are made, and listed while messages pass; 0: none. */
  readonly listing: number
  readonly report: string | null
  readonly json: boolean
}

export interface Pinning {
  readonly broker: readonly number[]
  readonly generator: readonly number[]
}

/** What a workload runs with: everything that is asked, and whom. */
export interface Setting {
  readonly options: BenchOptions
  readonly side: Side
  /** Says how far it is; the text replaces the last one. */
  readonly progress: (text: string) => void
}

/** `0:1`, `0-1:2,3`. @returns null when it is not that */
export function pinningOf(written: string): Pinning | null {
  const [broker, generator, more] = written.split(':').map(processorsOf)
  if (more !== undefined || !broker || !generator) return null
  return { broker, generator }
}

function processorsOf(written: string): readonly number[] | null {
  const numbers = written.split(',').flatMap((part) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    const [low, high] = [Number(from), Number(to)]
    return low <= high ? Array.from({ length: high - low + 1 }, (_, i) => low + i) : [Number.NaN]
  })
  return numbers.length > 0 && numbers.every(Number.isInteger) ? numbers : null
}

/** The broker on the first processor, the generator on the second, where there are two. */
export function defaultPinning(processors: readonly number[]): Pinning | null {
  const [broker, generator] = processors
  if (broker === undefined || generator === undefined) return null
  return { broker: [broker], generator: [generator] }
}
