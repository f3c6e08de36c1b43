/**
 * A job: one batch of a link's bootstrap, cut by the link's topics and encoded natively over the engine of this process.
 * Runs on a task thread. The thread's own environment attaches to the engine when the native door is loaded.
 */
import { type BootstrapBatch, type BootstrapRequest, bootstrapBatch } from '../native/index.js'

export function run(request: BootstrapRequest): BootstrapBatch {
  return bootstrapBatch(request)
}
