/**
 * Loaded into a broker before anything else (`--import`): time passes CAUSEWAY_TEST_SPEED times as fast for its control plane,
 * so that what waits half a minute can be watched in seconds. All waits shrink alike; the io loops' own timers stay as they are.
 */
const speed = Number(process.env.CAUSEWAY_TEST_SPEED ?? 1)

const plainNow = performance.now.bind(performance)
Object.defineProperty(performance, 'now', { value: () => plainNow() * speed })

const plainTimeout = globalThis.setTimeout
// Cannot lie: the same function but for its delay; nobody in the broker asks for its promisified form.
globalThis.setTimeout = ((run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) =>
  plainTimeout(run, delayMs / speed, ...args)) as typeof setTimeout

export {}
