/**
 * A new reading of the configuration while the broker runs. Links and the contents of certificate files change at once; what
 * else has changed is told, once, and waits for a restart. A file that cannot be read, or says something impossible, changes
 * nothing at all.
 */
import { changedKeys, type LoadedConfig, type WrittenLinks } from '../config/index.js'
import { CausewayError } from '../errors.js'
import type { LinkChange } from '../link/index.js'
import type { Log } from '../log.js'

export interface ReloadReport {
  readonly links: readonly LinkChange[]
  /** Keys whose new values are not in force before a restart. */
  readonly restart: readonly string[]
  /** What the configuration's reader warns of. */
  readonly warnings: readonly string[]
}

/** One's turn between reloads: nothing else changes the configuration meanwhile. */
export interface ReloadTurn {
  /** What the links in force were made of. */
  readonly links: WrittenLinks
  /**
   * The configuration with this text in place of the file of links; nothing changes yet.
   * @throws CausewayError CONFIG_*
   */
  read(linksText: string): LoadedConfig
  /** Whether links of this configuration can be used without a restart. */
  canTake(read: LoadedConfig): boolean
  /** Puts it in force, as a reload does. @throws CausewayError TLS_UNUSABLE; everything is as it was */
  take(read: LoadedConfig, why: string): Promise<ReloadReport>
}

export interface ReloaderOptions {
  readonly loaded: LoadedConfig
  readonly log: Log
  /**
   * Reads the files and the environment again, with `linksText` in place of the file of links if there is one.
   * @throws CausewayError CONFIG_*
   */
  load(linksText?: string): LoadedConfig
  /** @throws CausewayError TLS_UNUSABLE, and nothing has changed */
  links(config: LoadedConfig['config']): Promise<readonly LinkChange[]>
  /** Reads the files of certificates again. */
  certificates(): void
}

const linksKey = 'cluster.links'
const nameKey = 'cluster.name'

export class Reloader {
  readonly #options: ReloaderOptions
  /** One after another: the second sees what the first has changed. */
  #last: Promise<unknown> = Promise.resolve()
  /** Asked for and not begun: it will read what is written by then, so whoever asks meanwhile gets its report. */
  #waiting: Promise<ReloadReport> | null = null
  #links: WrittenLinks

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#links = options.loaded.links
  }

  /** What the links in force were made of. */
  get links(): WrittenLinks {
    return this.#links
  }

  /**
   * However often it is asked for, one runs and one waits.
   * @throws CausewayError CONFIG_*, TLS_UNUSABLE: what is wrong, as `causeway check` says it; everything is as it was
   */
  reload(why: string): Promise<ReloadReport> {
    this.#waiting ??= this.#next(() => {
      this.#waiting = null
      return this.#reload(why)
    })
    return this.#waiting
  }

  /** Calls `work` when everything asked for before is done; what comes meanwhile waits for its end. */
  inTurn<T>(work: (turn: ReloadTurn) => Promise<T>): Promise<T> {
    return this.#next(() =>
      work({
        links: this.#links,
        read: (linksText) => this.#options.load(linksText),
        canTake: (read) => !this.#differing(read).includes(nameKey),
        take: (read, why) => this.#take(read, why),
      }),
    )
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => {})
    return next
  }

  async #reload(why: string): Promise<ReloadReport> {
    try {
      return await this.#take(this.#options.load(), why)
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error
      this.#options.log.error(
        { event: 'config_reload_refused', why, code: error.code, reason: error.message },
        'the configuration cannot be used: everything stays as it was',
      )
      throw error
    }
  }

  async #take(read: LoadedConfig, why: string): Promise<ReloadReport> {
    const { log } = this.#options
    const report = await this.#apply(read)
    log.info(
      { event: 'config_reloaded', why, links: report.links.map(changeText) },
      'the configuration was read again',
    )
    if (report.restart.length > 0) {
      log.warn(
        { event: 'config_needs_restart', keys: report.restart },
        `not in force before a restart: ${report.restart.join(', ')}`,
      )
    }
    return report
  }

  async #apply(read: LoadedConfig): Promise<ReloadReport> {
    const { certificates, links } = this.#options
    const differing = this.#differing(read)
    // Links speak under the cluster's name: those of another name are not for this process.
    const renamed = differing.includes(nameKey)
    const changes = renamed ? [] : await links(read.config)
    if (!renamed) this.#links = read.links
    certificates()
    return {
      links: changes,
      restart: renamed ? differing : differing.filter((key) => key !== linksKey),
      warnings: read.warnings.map(({ message }) => message),
    }
  }

  #differing(read: LoadedConfig): string[] {
    return changedKeys(this.#options.loaded.settings, read.settings)
  }
}

/** `eu: changed topics, pool_size` */
export function changeText({ link, kind, keys }: LinkChange): string {
  return `${link}: ${[kind, keys.join(', ')].filter((part) => part !== '').join(' ')}`
}
