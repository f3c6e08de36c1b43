/**
 * The task threads: a bounded queue in front of Piscina, jobs by name, an end that is bounded too.
 */
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { CausewayError } from '../errors.js'
import { taskLimits } from '../limits.js'
import type { BootstrapBatch, BootstrapRequest } from '../native/index.js'
import type { HashRequest } from '../password-hash.js'

export interface TaskPoolOptions {
  /** `workers.tasks`: threads at most; they start with the jobs that need them and stay. */
  readonly threads: number
  /**
   * A thread is started at once with the code of this job, which is expected: a thread's start takes 50 ms of a processor, and
   * what has the processor next to it waits.
   */
  readonly ready?: JobName | null
  /** Where the code of each job is, a module that exports `run`; a test brings its own. */
  readonly jobs?: Readonly<Partial<Record<JobName, URL>>>
}

/** What runs and waits now, and what has run since start. */
export interface TaskStatus {
  readonly waiting: number
  readonly running: number
  readonly completed: number
  readonly refused: number
}

/** Jobs by the name that appears in errors and logs. */
export type JobName = 'link-bootstrap' | 'password-hash'

const ownJobs: Readonly<Record<JobName, URL>> = {
  'link-bootstrap': new URL('./bootstrap-worker.js', import.meta.url),
  'password-hash': new URL('./password-worker.js', import.meta.url),
}

/** Jobs of one pool are independent: they start in order and end in any. */
export class TaskPool {
  readonly #piscina: Piscina
  readonly #jobs: Readonly<Record<JobName, URL>>
  /** The thread that was started at once has loaded its code, or has failed to. */
  readonly #loaded: Promise<unknown>
  readonly #unfinished = new Set<Promise<unknown>>()
  #completed = 0
  #refused = 0
  #stopped = false

  constructor({ threads, ready = null, jobs = {} }: TaskPoolOptions) {
    this.#jobs = { ...ownJobs, ...jobs }
    this.#piscina = new Piscina({
      minThreads: ready === null ? 0 : 1,
      filename: ready === null ? null : fileURLToPath(this.#jobs[ready]),
      name: 'run',
      maxThreads: threads,
      // A thread loads the addon once and is kept; between bootstraps it sleeps on a futex.
      idleTimeout: Number.POSITIVE_INFINITY,
      maxQueue: taskLimits.queue,
      // design.md §1: a task thread of normal priority on an io loop's core costs the loop milliseconds. It only lets the
      // scheduler prefer the loops, so where it is unavailable (no optional @napi-rs/nice) tasks just run unniced.
      niceIncrement: taskLimits.nice,
      // Blocking waits would keep a thread from being ended; asynchronous ones cost a millisecond a job at most.
      atomics: 'async',
      recordTiming: false,
    })
    // Piscina's threads say so with their first message.
    this.#loaded = Promise.allSettled(
      this.#piscina.threads.map((thread) => once(thread, 'message')),
    )
  }

  /** One batch of a link's bootstrap. Rejects with TASK_QUEUE_FULL or TASKS_STOPPED, or with what the job threw. */
  bootstrapBatch(request: BootstrapRequest): Promise<BootstrapBatch> {
    return this.#run('link-bootstrap', request)
  }

  /** One password hashed; rejects as `bootstrapBatch`. Who has many waits with most of them: the queue is everybody's. */
  passwordHash(request: HashRequest): Promise<Uint8Array> {
    return this.#run('password-hash', request)
  }

  status(): TaskStatus {
    const waiting = this.#piscina.queueSize
    return {
      waiting,
      running: this.#unfinished.size - waiting,
      completed: this.#completed,
      refused: this.#refused,
    }
  }

  /**
   * Ends the threads: when they have done what they were asked for, or after taskLimits.settleMs, and then within a second
   * whatever they do; jobs not done reject with TASKS_STOPPED. Node 20 aborts the process if a thread is ended while it loads a
   * module, which the first job of each kind does. Idempotent.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    const patience = new AbortController()
    const impatience = (delayMs: number) =>
      setTimeout(delayMs, undefined, { ref: false, signal: patience.signal }).catch(() => {})
    const settled = Promise.allSettled([this.#loaded, ...this.#unfinished])
    await Promise.race([settled, impatience(taskLimits.settleMs)])
    // A thread inside a native call ends when that returns; we do not wait longer than promised for it.
    await Promise.race([this.#piscina.destroy(), impatience(taskLimits.stopMs)])
    patience.abort()
  }

  async #run<Request, Result>(name: JobName, request: Request): Promise<Result> {
    if (this.#stopped)
      throw new CausewayError('TASKS_STOPPED', `job ${name}: the task threads are stopped`)
    if (this.#piscina.queueSize >= taskLimits.queue) {
      this.#refused++
      throw new CausewayError(
        'TASK_QUEUE_FULL',
        `job ${name}: ${taskLimits.queue} jobs are waiting already`,
        {
          detail: { job: name, waiting: taskLimits.queue },
        },
      )
    }
    const job = this.#piscina.run(request, {
      filename: fileURLToPath(this.#jobs[name]),
      name: 'run',
    })
    this.#unfinished.add(job)
    try {
      return await job
    } catch (error) {
      if (this.#stopped)
        throw new CausewayError('TASKS_STOPPED', `job ${name} ended with the task threads`, {
          cause: error,
        })
      throw error
    } finally {
      this.#unfinished.delete(job)
      this.#completed++
    }
  }
}
