/** Which side of its TCP connections a broker is on, as Linux sees it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Cluster } from './cluster.js'

/** Local ports of the TCP connections of a process, listening sockets left out. */
function localPorts(pid: number): number[] {
  const own = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      own.add(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed since it was listed.
    }
  }
  const listening = '0A'
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => own.has(`socket:[${row[9]}]`) && row[3] !== listening)
      .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16)),
  )
}

/** Everything it is connected by came in through its listeners. */
export function assertDialsNobody({ broker, port, linkPort }: Cluster): void {
  const ports = localPorts(broker.pid)
  assert.ok(ports.length > 0)
  for (const local of ports) assert.ok(local === port || local === linkPort, `port ${local}`)
}
