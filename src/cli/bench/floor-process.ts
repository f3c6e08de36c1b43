/**
 * A process that only answers, or sends: what an exchange costs when nothing is decided. Started by side.ts with its address and
 * what it sends as arguments; leaves with its parent.
 */
import { type FloorFan, type LoadEndpoint, loadRoom } from '../../native/index.js'

// Cannot lie: side.ts wrote them.
const endpoint = JSON.parse(process.argv[2] ?? '') as LoadEndpoint
const fan = JSON.parse(process.argv[3] ?? '') as FloorFan | null
const complaint = loadRoom.floor(endpoint, fan)
if (complaint !== null) {
  process.stderr.write(`the floor cannot listen: ${complaint}\n`)
  process.exitCode = 1
} else {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
}
