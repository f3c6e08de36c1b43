/**
 * The threads that Node has started before us: V8's, which compile and collect, and libuv's, which read files and look up names.
 * They compute for milliseconds at a time. An io loop that wakes on their processor should not wait for that (docs/decisions/0027).
 */
import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { controlLimits } from './limits.js'

/** Raises the nice value of every thread there is but the calling one, the main thread. Elsewhere than on Linux: nothing. */
export function lowerHelperThreads(): void {
  if (process.platform !== 'linux') return
  const nice = Math.min(19, getPriority() + controlLimits.helperNice)
  for (const thread of readdirSync('/proc/self/task')) {
    if (Number(thread) === process.pid) continue
    try {
      setPriority(Number(thread), nice)
    } catch {
      // It has ended meanwhile, or a sandbox does not allow it: then it goes on as it is.
    }
  }
}
