/** A refused configuration, with its problems one by one for who answers with more than a text. */
import { CausewayError, type CausewayErrorOptions } from '../errors.js'

export interface ConfigProblem {
  /** Keys, and 0-based indexes of lists. */
  readonly path: readonly PropertyKey[]
  /** Begins with EMQX's word for the reason and a colon where there is one: `redundant_topics: …`. */
  readonly message: string
  /** What stands at `path`; may be a secret. */
  readonly value: unknown
}

export class ConfigRefused extends CausewayError {
  readonly problems: readonly ConfigProblem[]

  constructor(message: string, problems: readonly ConfigProblem[], options: CausewayErrorOptions) {
    super('CONFIG_INVALID', message, options)
    this.problems = problems
  }
}
