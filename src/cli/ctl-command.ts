/**
 * `causeway ctl`: asks a running broker through the control socket of its data directory. Exit codes: 0 answered, 1 the broker
 * said no, 2 no broker was there to ask.
 */
import { type Environment, loadConfig } from '../config/index.js'
import type { ControlAnswer, ControlRequest } from '../management/index.js'
import { askBroker } from './control-question.js'
import { clientText } from './ctl-client-text.js'
import { brokerText, linksTable, linkText, reloadText } from './ctl-text.js'

export interface CtlOptions {
  /** Whose `node.data_dir` it is; null: that of the defaults and the environment. */
  readonly file: string | null
  /** Instead of a file; null: not given. */
  readonly dataDir: string | null
  /** The answer as it came. */
  readonly json: boolean
  readonly env: Environment
}

export interface CtlResult {
  readonly exitCode: 0 | 1 | 2
  /** Without a final newline: standard output with exit code 0, else standard error. */
  readonly output: string
}

/** A question that one answer settles. */
export type Question = Exclude<ControlRequest, { readonly command: 'routes' | 'clients' }>

/** @throws CausewayError CONFIG_* of the file that names the data directory */
export async function ctl(request: Question, options: CtlOptions): Promise<CtlResult> {
  const answer = await answerOf(request, dataDirOf(options))
  if ('exitCode' in answer) return answer
  const output = options.json
    ? JSON.stringify(answer.result, null, 2)
    : text(request, answer.result)
  return { exitCode: 0, output }
}

/** @throws CausewayError CONFIG_* */
export function dataDirOf({ dataDir, file, env }: CtlOptions): string {
  return dataDir ?? loadConfig({ file, env }).config.node.dataDir
}

/** What the broker says, or how the command ends because it does not. */
export async function answerOf(
  request: ControlRequest,
  dataDir: string,
): Promise<{ readonly result: unknown } | CtlResult> {
  let answer: ControlAnswer
  try {
    answer = await askBroker(dataDir, request)
  } catch (error) {
    return { exitCode: 2, output: error instanceof Error ? error.message : String(error) }
  }
  if (!answer.ok) return { exitCode: 1, output: answer.error.message }
  return { result: answer.result }
}

function text(request: Question, result: unknown): string {
  switch (request.command) {
    case 'status':
      return brokerText(result)
    case 'links':
      return request.name === undefined ? linksTable(result) : linkText(result)
    case 'client':
      return clientText(result)
    case 'reload':
      return reloadText(result)
  }
}
