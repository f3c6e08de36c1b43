/** One HTML file with everything in it: figures, distributions, throughput over time, and the curve of a scale run. */
import { comparison } from '../comparison.js'
import type { Machine } from '../machine.js'
import type { BenchOptions } from '../options.js'
import { figureOf, type Round } from '../result.js'
import { loadsOf, rateKeyOf, sidesOf } from '../scale.js'
import type { Workload } from '../workload.js'
import { barChart, escaped, lineChart, type Series } from './chart.js'

const style = `body { font: 15px/1.45 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
pre { font-size: 12px; overflow-x: auto; background: #f6f6f6; padding: 1em }
figure { margin: 1.5em 0 } svg { width: 100%; height: auto; font: 12px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }`

export function reportPage(
  workload: Workload,
  options: BenchOptions,
  machine: Machine,
  rounds: readonly Round[],
): string {
  const charts = [
    latencyChart(rounds),
    timelineChart(rounds),
    ...(workload.name === 'scale' ? loadsOf(rounds).map((load) => scaleChart(rounds, load)) : []),
  ]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>causeway bench ${escaped(workload.name)}</title>
<style>${style}</style>
<h1>causeway bench ${escaped(workload.name)}</h1>
<p>${escaped(machine.at)}</p>
<pre>${escaped(comparison(workload, options, machine, rounds))}</pre>
${charts.filter((chart) => chart !== '').join('\n')}
</html>
`
}

/** What share of the messages took longer: tails are where brokers differ. */
function latencyChart(rounds: readonly Round[]): string {
  const series = lastOfEach(rounds).flatMap(({ side, latency }): Series[] => {
    if (latency === null || latency.count === 0) return []
    const points: { x: number; y: number }[] = []
    let passed = 0
    for (let at = 0; at + 2 < latency.buckets.length; at += 3) {
      const [low = 0, width = 0, count = 0] = latency.buckets.subarray(at, at + 3)
      passed += count
      points.push({ x: (low + width / 2) / 1000, y: (passed * 100) / latency.count })
    }
    return [{ name: side, points }]
  })
  return lineChart(
    {
      title: 'Latency: share that took at most so long',
      xTitle: 'microseconds',
      yTitle: 'percent',
      xLogarithmic: true,
    },
    series,
  )
}

function timelineChart(rounds: readonly Round[]): string {
  const series = lastOfEach(rounds)
    .filter(({ timeline }) => timeline.length > 1)
    .map(({ side, timeline }) => ({
      name: side,
      points: timeline.map(({ seconds, perSecond }) => ({ x: seconds, y: perSecond })),
    }))
  return lineChart(
    {
      title: 'Throughput over time, warm-up included',
      xTitle: 'seconds',
      yTitle: 'a second',
      xLogarithmic: false,
    },
    series,
  )
}

function scaleChart(rounds: readonly Round[], load: string): string {
  const bars = sidesOf(rounds, load).map(({ side, setting }) => ({
    name: setting,
    value: figureOf(side, rateKeyOf(load), rounds) ?? 0,
  }))
  return barChart({ title: load, yTitle: 'a second' }, bars)
}

/** One curve a side: of its last round. */
function lastOfEach(rounds: readonly Round[]): Round[] {
  return [...new Map(rounds.map((round) => [round.side, round])).values()]
}
