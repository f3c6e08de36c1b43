/** A worker thread that uses the engine of its process without a pause, until it is ended or the engine has stopped. */
import { parentPort } from 'node:worker_threads'
import { bootstrapBatch } from '../../../src/native/index.js'

const request = {
  topics: ['#'],
  actor: 'a worker',
  incarnation: 1n,
  cursor: 0,
  entriesMax: 4_000,
  bytesMax: 512 * 1024,
  into: new Uint8Array(new SharedArrayBuffer(512 * 1024)),
}

bootstrapBatch(request)
parentPort?.postMessage('attached')
try {
  for (;;) bootstrapBatch(request)
} catch (error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENGINE_STOPPED')) throw error
}
