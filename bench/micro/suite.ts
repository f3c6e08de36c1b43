/**
 * A micro benchmark: a question, and cases that answer it with the same inputs.
 */
import Benchmark from 'benchmark'

export interface MicroCase {
  readonly name: string
  /** Makes what `run` needs and holds it until `finish`; neither is measured, each is called once. */
  readonly prepare?: () => void
  readonly finish?: () => void
  /** Operations one call of `run` performs; the cost is divided by it. Native calls: at least 100. */
  readonly operations: number
  /** Returns something that depends on the work, so that the work cannot be optimised away. */
  readonly run: () => unknown
}

export interface MicroSuite {
  readonly name: string
  /** What is asked, and what is in the way of the answer. */
  readonly question: string
  /** Prepares inputs; called once, outside the measurement. @param brief nothing is timed: small inputs do */
  readonly cases: (brief: boolean) => readonly MicroCase[]
}

export interface MicroResult {
  readonly suite: string
  readonly name: string
  /** Of one operation. */
  readonly nanoseconds: number
  /** Half the 95 % confidence interval, in percent of the mean. */
  readonly marginPercent: number
  readonly samples: number
}

/** The last result of any case: reachable from outside, so never dead code. */
export let kept: unknown

export function measure(suite: MicroSuite): Promise<MicroResult[]> {
  const cases = suite.cases(false)
  const results: MicroResult[] = []
  return new Promise((resolve, reject) => {
    const benchmark = new Benchmark.Suite(suite.name)
    for (const { name, run, operations, prepare, finish } of cases) {
      benchmark.add(name, {
        fn: () => {
          kept = run()
        },
        onStart: () => prepare?.(),
        onComplete: (event: Benchmark.Event) => {
          finish?.()
          const { stats } = event.target
          if (stats === undefined) return
          results.push({
            suite: suite.name,
            name,
            nanoseconds: (stats.mean * 1e9) / operations,
            marginPercent: stats.rme,
            samples: stats.sample.length,
          })
        },
        // benchmark.js swallows a throw and reports an endless speed instead.
        onError: (event: Benchmark.Event) => reject(errorOf(event)),
      })
    }
    benchmark.on('complete', () => resolve(results)).run({ async: true })
  })
}

function errorOf(event: Benchmark.Event): Error {
  // The typings leave out `error`, which benchmark.js sets on the target whenever it emits 'error'.
  const { error } = event.target as Benchmark.Target & { readonly error?: unknown }
  return error instanceof Error ? error : new Error(String(error))
}
