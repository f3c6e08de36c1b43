/** What a person sees at the end: the machine, the load, a row a side, and every problem in a sentence. */
import type { Machine } from './machine.js'
import type { BenchOptions } from './options.js'
import { figureOf, type Round } from './result.js'
import { aligned, shown } from './table.js'
import type { Column, Workload } from './workload.js'

/** Above this share of a processor the generator, not the broker, may be what limits the rate. */
const saturatedCores = 0.95

export function comparison(
  workload: Workload,
  options: BenchOptions,
  machine: Machine,
  rounds: readonly Round[],
): string {
  const sides = [...new Set(rounds.map(({ side }) => side))]
  const columns = workload.columns.filter(({ key }) =>
    rounds.some(({ figures }) => figures[key] !== undefined),
  )
  const rows = sides.map((side) => rowOf(side, columns, rounds))
  const [first, ...others] = sides
  if (workload.how.kind === 'sides' && first !== undefined)
    rows.push(...others.map((other) => ratioOf(first, other, columns, rounds)))
  const head = ['', ...columns.map(({ title }) => title)]
  return [
    ...header(workload, options, machine),
    '',
    aligned([head, ...rows]),
    ...concluded(workload, rounds),
    ...notes(rounds, options),
  ].join('\n')
}

function concluded({ how }: Workload, rounds: readonly Round[]): string[] {
  const text = how.kind === 'own' && how.conclusion !== null ? how.conclusion(rounds) : ''
  return text === '' ? [] : ['', text]
}

function header(workload: Workload, options: BenchOptions, machine: Machine): string[] {
  const { pin, mqtt, qos, sizeBytes, rate, window, inflight, via } = options
  const version = { 3: '3.1', 4: '3.1.1', 5: '5' }[mqtt]
  const by = via === 'tcp' ? '' : ` over ${via === 'unix' ? 'Unix sockets' : via.toUpperCase()}`
  const load =
    rate > 0 ? `${rate} a second, open loop` : `window ${window}, ${inflight} in flight a publisher`
  const where =
    pin === null
      ? 'not pinned'
      : `broker on processor ${pin.broker.join(',')}, load on ${pin.generator.join(',')}`
  return [
    `${workload.name}: ${workload.summary}`,
    ...(workload.sendsLoad
      ? [
          `MQTT ${version}${by}, QoS ${qos}, ${sizeBytes} bytes, ${load}, ${options.durationSeconds} s × ${options.rounds}, ${where}`,
        ]
      : []),
    `Causeway ${machine.causeway}${machine.commit === null ? '' : ` (${machine.commit})`}, Node ${machine.node}, Linux ${machine.kernel}, ${machine.processors}, load average ${machine.loadAverage}`,
  ]
}

function rowOf(side: string, columns: readonly Column[], rounds: readonly Round[]): string[] {
  const own = rounds.filter((round) => round.side === side)
  const bad = own.some(({ problems }) => problems.length > 0)
  const partial = own.some((round) => round.partial)
  const mark = partial ? ' (PARTIAL)' : bad ? ' (NOT CLEAN)' : ''
  return [
    `${side}${mark}`,
    ...columns.map(({ key, digits }) => shown(figureOf(side, key, rounds), digits)),
  ]
}

function ratioOf(
  first: string,
  second: string,
  columns: readonly Column[],
  rounds: readonly Round[],
): string[] {
  return [
    `${first} ÷ ${second}`,
    ...columns.map(({ key }) => {
      const [one, other] = [figureOf(first, key, rounds), figureOf(second, key, rounds)]
      return one === undefined || !other ? '–' : shown(one / other, 3)
    }),
  ]
}

function notes(rounds: readonly Round[], options: BenchOptions): string[] {
  const problems = rounds.flatMap(({ side, problems: found }, at) =>
    found.map((problem) => `NOT CLEAN: ${side}, round ${at + 1}: ${problem}`),
  )
  const busiest = Math.max(0, ...rounds.map(({ figures }) => figures.generatorCores ?? 0))
  const saturated =
    options.rate === 0 && busiest > saturatedCores * options.threads
      ? [
          `The load generator was busy all the time (${shown(busiest, 2)} cores): rates are its own limit; the broker's time per delivery is not.`,
        ]
      : []
  return [...problems, ...saturated].flatMap((note, at) => (at === 0 ? ['', note] : [note]))
}
