/**
 * Where the processes of an overload scenario run, so that what is measured is the broker: it has cores of its own, and the healthy
 * clients do not stand behind the attack's JavaScript.
 *
 *     two cores:    broker │ healthy clients, attack
 *     more:         broker … broker │ healthy clients │ attack
 *
 * Where the user may, the healthy clients run at real-time priority, the broker and the attack before whatever else the machine does: then
 * a busy machine changes the figures little. (A broker at real-time priority would be stopped for 50 ms of each second in which it is
 * busy all the time.) Elsewhere the attack yields to everybody.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Of SCHED_RR. The healthy clients need little. */
const priority = 20
const niceness = { broker: -20, attack: -5, attackOfOrdinaryUser: 10 }

export interface Seats {
  /** Commands that start the broker, and the attack, in their place: `taskset -c 0 nice -n -20`. */
  readonly broker: readonly string[]
  readonly attack: readonly string[]
  /** One io loop for each core of the broker's. */
  readonly ioLoops: number
  readonly description: string
}

/** Takes this process, which is the healthy clients', to its own place. */
export function takeSeats(): Seats {
  const cores = availableParallelism()
  const isRealTime = runs('chrt', ['-a', '-r', '-p', `${priority}`, `${process.pid}`])
  const ordinary = (nice: number) => ['chrt', '-o', '0', 'nice', '-n', `${nice}`]
  const broker = isRealTime ? ordinary(niceness.broker) : []
  const attack = isRealTime
    ? ordinary(niceness.attack)
    : ['nice', '-n', `${niceness.attackOfOrdinaryUser}`]
  const how = isRealTime ? 'before whatever else runs here' : 'as the scheduler likes'
  if (cores < 2 || !runs('taskset', ['-V']))
    return { broker, attack, ioLoops: 2, description: `no core of its own, ${how}` }

  const attackCore = cores - 1
  const healthyCore = cores === 2 ? attackCore : cores - 2
  const brokerCores = healthyCore === 1 ? '0' : `0-${healthyCore - 1}`
  runs('taskset', ['-a', '-p', '-c', `${healthyCore}`, `${process.pid}`])
  return {
    broker: ['taskset', '-c', brokerCores, ...broker],
    attack: ['taskset', '-c', `${attackCore}`, ...attack],
    ioLoops: healthyCore,
    description: `cores: broker ${brokerCores}, healthy clients ${healthyCore}, attack ${attackCore}; ${how}`,
  }
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0
}
