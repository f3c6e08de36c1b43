/**
 * A new reading of the configuration while the broker runs. Links and the contents of certificate files change at once; what
 * else has changed is told, once, and waits for a restart. A file that cannot be read, or says something impossible, changes
 * nothing at all.
 */
import { changedKeys, type LoadedConfig } from '../config/index.js'
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

export interface ReloaderOptions {
  readonly loaded: LoadedConfig
  readonly log: Log
  /** Reads the file and the environment again. @throws CausewayError CONFIG_* */
  load(): LoadedConfig
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

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /** @throws CausewayError CONFIG_*, TLS_UNUSABLE: what is wrong, as `causeway check` says it; everything is as it was */
  reload(why: string): Promise<ReloadReport> {
    const next = this.#last.then(() => this.#reload(why))
    this.#last = next.catch(() => {})
    return next
  }

  async #reload(why: string): Promise<ReloadReport> {
    const { log } = this.#options
    try {
      const report = await this.#apply()
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
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error
      log.error(
        { event: 'config_reload_refused', why, code: error.code, reason: error.message },
        'the configuration cannot be used: everything stays as it was',
      )
      throw error
    }
  }

  async #apply(): Promise<ReloadReport> {
    const { certificates, links, load, loaded } = this.#options
    const read = load()
    const differing = changedKeys(loaded.settings, read.settings)
    // Links speak under the cluster's name: those of another name are not for this process.
    const renamed = differing.includes(nameKey)
    const changes = renamed ? [] : await links(read.config)
    certificates()
    return {
      links: changes,
      restart: renamed ? differing : differing.filter((key) => key !== linksKey),
      warnings: read.warnings.map(({ message }) => message),
    }
  }
}

/** `eu: changed topics, pool_size` */
export function changeText({ link, kind, keys }: LinkChange): string {
  return `${link}: ${[kind, keys.join(', ')].filter((part) => part !== '').join(' ')}`
}
