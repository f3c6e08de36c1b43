/** Where a story is told: who the program dials, and names that no other story uses. */
import { clientIdOn, type Version } from '../../harness/index.js'
import { type Door, type Doors, type Kind, user } from './doors.js'
import type { Caller, Program } from './program.js'

let scenes = 0

export class Scene {
  readonly program: Program
  readonly version: Version
  /** The transport that the story is about. */
  readonly here: Door
  /** Another one of the same broker, which the program dials too. */
  readonly there: Door
  readonly #doors: Doors
  readonly #number = ++scenes
  #callers = 0

  constructor(program: Program, version: Version, doors: Doors, kind: Kind) {
    this.program = program
    this.version = version
    this.#doors = doors
    this.here = doors.door(kind)
    const { dials } = program
    this.there = doors.door(dials[(dials.indexOf(kind) + 1) % dials.length] ?? kind)
  }

  topic(name: string): string {
    return `every/${this.#number}/${name}`
  }

  /** Somebody new; the next one's session lives on the next loop. */
  caller(door: Door, more: Partial<Caller> = {}): Caller {
    const loop = this.#number + this.#callers++
    const clientId = clientIdOn(this.#doors.broker, loop, `every-${this.#number}-${this.#callers}`)
    return { door, version: this.version, clientId, ...more }
  }

  /** The same session by another transport. */
  moved(caller: Caller, door: Door): Caller {
    return { ...caller, door }
  }

  /** Somebody who does not know the password. */
  stranger(): Caller {
    return this.caller(this.here, { password: user.wrongPassword })
  }
}
