/** The words of `causeway bench`. What they do is loaded when one is used. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Transport } from './options.js'

/** Name and summary of each workload; bench/workload.ts and its companions run them. */
export const benchWorkloads: Readonly<Record<string, string>> = {
  fanout: 'publishers to one topic that all clients subscribe to',
  pairs: 'publisher and subscriber pairs, a topic each',
  fanin: 'many publishers, a topic each, to one wildcard subscriber',
  wildcard: 'subscribers with many filters each, exact and wildcards',
  shared: 'many publishers to one shared subscription group',
  connections: 'idle connections: CPU of a CONNECT, memory of a connection',
  subscribe: 'all clients subscribe to one filter at once; then a message to all of them',
  churn: 'clients that subscribe and unsubscribe without an end',
  retained: 'messages are retained, then replayed to all clients at once',
  link: 'two linked brokers of our own: subscriptions, hops and messages across',
  bootstrap: 'two linked brokers of our own: how long a link takes to announce many routes',
  core: 'the router alone, without sockets: matching, subscribing',
  scale:
    'the same loads against 1, 2, … io loops and task threads, and what to set on this machine',
}

/** Flags as commander gives them: numbers parsed, defaults filled in. */
export interface BenchFlags {
  readonly target?: string
  readonly pid?: readonly number[]
  readonly against?: 'mosquitto'
  readonly rounds: number
  readonly clients?: number
  readonly publishers?: number
  readonly subscribers?: number
  readonly filters?: number
  readonly qos: number
  readonly size: number
  readonly rate: number
  readonly window: number
  readonly inflight: number
  readonly mqtt: string
  readonly warmup: number
  readonly duration: number
  readonly threads: number
  readonly pin?: string
  readonly io?: number
  readonly tasks?: number
  readonly via: Transport
  readonly floor?: boolean
  readonly oneFilter?: boolean
  readonly before: number
  readonly changes: number
  readonly delay: number
  readonly listing: number
  readonly report?: string
  readonly json?: boolean
}

/** Bytes of the stamp in every payload, and one to see whether the rest came. */
const sizeMin = 25
const sizeMax = 16 * 1024 * 1024

export function declareBench(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure a broker: of our own by default, or any other one')
  for (const [name, summary] of Object.entries(benchWorkloads)) {
    withOptions(bench.command(name).description(summary)).action(async (flags: BenchFlags) => {
      const { benchCommand } = await import('../bench-command.js')
      process.exitCode = await benchCommand(name, flags)
    })
  }
}

function withOptions(command: Command): Command {
  return command
    .option('--target <address>', 'HOST:PORT or unix:/PATH of a broker; otherwise one of our own')
    .option('--pid <pids>', 'with --target: its processes, for processor time', pids)
    .addOption(
      new Option('--against <broker>', 'measure this one too, in turn').choices(['mosquitto']),
    )
    .option('--rounds <n>', 'how often; medians are shown', integer(1, 1_000), 1)
    .option('--clients <n>', 'how many clients; each workload has its own default', integer(1))
    .option('--publishers <n>', 'how many of them publish', integer(1))
    .option('--subscribers <n>', 'how many of them subscribe', integer(1))
    .option('--filters <n>', 'filters each; retained: messages', integer(0))
    .option('--qos <level>', '0, 1 or 2', integer(0, 2), 0)
    .option('--size <bytes>', 'of a payload', integer(sizeMin, sizeMax), 64)
    .option(
      '--rate <n>',
      'messages (churn: subscriptions) a second; 0: a full window',
      number(0),
      0,
    )
    .option('--window <n>', 'deliveries outstanding without --rate', integer(1), 20_000)
    .option('--inflight <n>', 'unacknowledged messages of a publisher', integer(1, 16_000), 100)
    .addOption(
      new Option('--mqtt <version>', 'protocol').choices(['3.1', '3.1.1', '5']).default('3.1.1'),
    )
    .option('--warmup <seconds>', 'before it is measured', number(0), 1)
    .option('--duration <seconds>', 'measured', number(0.1, 3_000), 5)
    .option('--threads <n>', 'of the load generator', integer(1, 64), 1)
    .option('--pin <broker:load>', 'processors, as 0:1 or 0-1:2,3; or none')
    .option('--io <n>', 'workers.io of a broker of our own; scale: up to', integer(1, 64))
    .option('--tasks <n>', 'workers.tasks of a broker of our own; scale: up to', integer(1, 64))
    .addOption(
      new Option('--via <transport>', 'tls, ws: to any broker; unix: to brokers of our own')
        .choices(['tcp', 'unix', 'tls', 'ws'])
        .default('tcp'),
    )
    .option('--floor', 'fanout, subscribe, connections: what bare sockets cost, too')
    .option('--one-filter', 'churn: all clients the same filter')
    .option('--before <n>', 'connections: clients that stand there before', integer(0), 0)
    .option('--changes <n>', 'link: filters that others change a second', number(0), 0)
    .option(
      '--delay <ms>',
      'link, bootstrap: of the line between the brokers, each way',
      number(0, 10_000),
      0,
    )
    .option(
      '--listing <n>',
      'pairs: sessions that wait, listed again and again meanwhile',
      integer(0, 10_000_000),
      0,
    )
    .option('--report <file>', 'an HTML page of its own: distributions and curves')
    .option('--json', 'one JSON object on standard output')
}

function number(least: number, most = Number.MAX_SAFE_INTEGER): (written: string) => number {
  return (written) => {
    const value = written.trim() === '' ? Number.NaN : Number(written)
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(
      most === Number.MAX_SAFE_INTEGER
        ? `A number of at least ${least} is expected.`
        : `A number from ${least} to ${most} is expected.`,
    )
  }
}

function integer(least: number, most = 0xffff_fffe): (written: string) => number {
  const parse = number(least, most)
  return (written) => {
    const value = parse(written)
    if (Number.isInteger(value)) return value
    throw new InvalidArgumentError('A whole number is expected.')
  }
}

function pids(written: string): readonly number[] {
  return written.split(',').map(integer(1))
}
