/**
 * A process that only answers: what an exchange costs when nothing is decided. Started by side.ts with its address as argument;
 * leaves with its parent.
 */
import { type LoadEndpoint, loadRoom } from '../../native/index.js'

// Cannot lie: side.ts wrote it.
const endpoint = JSON.parse(process.argv[2] ?? '') as LoadEndpoint
const complaint = loadRoom.floor(endpoint)
if (complaint !== null) {
  process.stderr.write(`the floor cannot listen: ${complaint}\n`)
  process.exitCode = 1
} else {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
}
