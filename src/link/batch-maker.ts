/**
 * The batches of a link's bootstrap, which a task thread makes: one at a time, at the pace of a bootstrap, in memory that both
 * threads share. Every job is answered with one event for the link's agent.
 */
import { linkLimits } from '../limits.js'
import type { AgentEffect, AgentEvent } from './agent-state.js'
import { BootstrapPace } from './bootstrap-pace.js'
import type { LinkEnvironment } from './environment.js'
import { batchMemory } from './wire.js'

type MakeBatch = AgentEffect & { kind: 'make-batch' }

interface BatchMakerOptions {
  readonly environment: LinkEnvironment
  /** The link's, what its batches are cut by. */
  readonly topics: readonly string[]
  readonly actor: string
  readonly routeTopic: string
  readonly dispatch: (event: AgentEvent) => void
}

export class BatchMaker {
  readonly #options: BatchMakerOptions
  readonly #pace: BootstrapPace
  /** Of the batch to be made next; null: one is being made, or none is expected. */
  #memory: Uint8Array<SharedArrayBuffer> | null = null

  constructor(options: BatchMakerOptions) {
    const { clock, timers } = options.environment
    this.#options = options
    this.#pace = new BootstrapPace(clock, timers)
  }

  /** @param isPaced live changes wait for a batch of a repeated walk, so those are not held back */
  make(effect: MakeBatch, isPaced: boolean): void {
    if (isPaced) this.#pace.begin(effect.cursor === 0, () => this.#make(effect))
    else this.#make(effect)
  }

  stop(): void {
    this.#pace.stop()
  }

  #make({ attempt, incarnation, cursor, bytesMax }: MakeBatch): void {
    const { environment, topics, actor, routeTopic, dispatch } = this.#options
    const into = this.#memory ?? batchMemory(routeTopic)
    this.#memory = null
    const request = {
      topics,
      actor,
      incarnation,
      cursor,
      entriesMax: linkLimits.batchEntries,
      bytesMax,
      into,
    }
    environment.tasks.bootstrapBatch(request).then(
      (batch) => {
        this.#pace.made(batch.entries)
        // A batch is sent, which copies it, before the next one is asked for.
        if (!batch.done) this.#memory = into
        dispatch({ kind: 'batch', attempt, ...batch })
      },
      (error: unknown) => dispatch({ kind: 'batch-failed', attempt, reason: messageOf(error) }),
    )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
