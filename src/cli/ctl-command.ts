/**
 * `causeway ctl`: asks a running broker through the control socket of its data directory. Exit codes: 0 answered, 1 the broker
 * said no, 2 no broker was there to ask.
 */
import { connect, type Socket } from 'node:net'
import { type Environment, loadConfig } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { managementLimits } from '../limits.js'
import {
  type ControlAnswer,
  type ControlRequest,
  controlSocketPath,
  parseAnswer,
} from '../management/index.js'
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

/** @throws CausewayError CONFIG_* of the file that names the data directory */
export async function ctl(request: ControlRequest, options: CtlOptions): Promise<CtlResult> {
  const dataDir =
    options.dataDir ?? loadConfig({ file: options.file, env: options.env }).config.node.dataDir
  let answer: ControlAnswer
  try {
    answer = parseAnswer(await asked(dataDir, JSON.stringify(request)))
  } catch (error) {
    return { exitCode: 2, output: error instanceof Error ? error.message : String(error) }
  }
  if (!answer.ok) return { exitCode: 1, output: answer.error.message }
  const output = options.json
    ? JSON.stringify(answer.result, null, 2)
    : text(request, answer.result)
  return { exitCode: 0, output }
}

function text(request: ControlRequest, result: unknown): string {
  switch (request.command) {
    case 'status':
      return brokerText(result)
    case 'links':
      return request.name === undefined ? linksTable(result) : linkText(result)
    case 'reload':
      return reloadText(result)
  }
}

/** @throws CausewayError CTL_NO_BROKER, CTL_NOT_PERMITTED */
function asked(dataDir: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(controlSocketPath(dataDir))
    let answer = ''
    socket.setTimeout(managementLimits.answerMs, () => socket.destroy(noBroker(dataDir)))
    socket.on('error', (error) => reject(explained(error, dataDir)))
    socket.on('connect', () => socket.write(`${request}\n`))
    socket.setEncoding('utf8')
    socket.on('data', (part: string) => {
      answer += part
    })
    socket.on('close', () => {
      if (answer.endsWith('\n')) resolve(answer)
      else reject(noBroker(dataDir))
    })
  })
}

function explained(error: Error, dataDir: string): Error {
  if (error instanceof CausewayError) return error
  if ('code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) {
    return new CausewayError(
      'CTL_NOT_PERMITTED',
      `the broker with the data directory ${dataDir} belongs to another user: run causeway ctl as that user`,
      { cause: error },
    )
  }
  return noBroker(dataDir, error)
}

function noBroker(dataDir: string, cause?: Error): CausewayError {
  return new CausewayError(
    'CTL_NO_BROKER',
    `no broker answers in ${dataDir}: none runs with this node.data_dir (give its -c FILE or --data-dir DIR)`,
    { cause },
  )
}
