import { test } from 'node:test'
import { controlGauges, controlMetrics } from '../../../src/metrics/index.js'
import { nativeCounters, nativeGauges } from '../../../src/native/index.js'
import { assertGenerated, table } from './generated.js'

interface Declared {
  readonly name: string
  readonly unit: string
  readonly meaning: string
}

const declared = (metrics: Readonly<Record<string, Omit<Declared, 'name'>>>): Declared[] =>
  Object.entries(metrics).map(([name, rest]) => ({ name, ...rest }))

const withPrefix = (metrics: readonly Declared[]): Declared[] =>
  metrics.map((metric) => ({ ...metric, name: `native_${metric.name}` }))

test('the page of metrics lists every metric with its unit and meaning', () => {
  const sections: Readonly<Record<string, readonly Declared[]>> = {
    'control counters': declared(controlMetrics),
    'control gauges': declared(controlGauges),
    'native counters': withPrefix(nativeCounters),
    'native gauges': withPrefix(nativeGauges),
  }
  for (const [section, metrics] of Object.entries(sections)) {
    const rows = metrics.map(({ name, unit, meaning }) => [`\`${name}\``, unit, meaning])
    assertGenerated('metrics.md', section, table(['name', 'unit', 'meaning'], rows))
  }
})
