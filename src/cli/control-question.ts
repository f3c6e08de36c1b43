/** One question to a running broker, over the control socket of its data directory. docs/operating/control.md */
import { connect, type Socket } from 'node:net'
import { CausewayError } from '../errors.js'
import { managementLimits } from '../limits.js'
import {
  type ControlAnswer,
  type ControlRequest,
  controlSocketPath,
  parseAnswer,
} from '../management/index.js'

/** @throws CausewayError CTL_NO_BROKER, CTL_NOT_PERMITTED; Error: what came is no answer */
export async function askBroker(dataDir: string, request: ControlRequest): Promise<ControlAnswer> {
  return parseAnswer(await askBrokerForText(dataDir, request))
}

/** The answer as it came, one line. @throws CausewayError CTL_NO_BROKER, CTL_NOT_PERMITTED */
export function askBrokerForText(dataDir: string, request: ControlRequest): Promise<string> {
  return asked(dataDir, JSON.stringify(request))
}

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
