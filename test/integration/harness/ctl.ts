/** `causeway ctl` as a person calls it, and its socket as a program does. */
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import {
  type ControlRequest,
  controlSocketPath,
  parseAnswer,
} from '../../../src/management/index.js'
import { compiledRoot } from './broker-process.js'

/** Of what a command writes: all routes of the largest test. */
const outputBytesMax = 64 * 1024 * 1024

export interface CtlAnswer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export function ctl(...args: readonly string[]): Promise<CtlAnswer> {
  const main = join(compiledRoot(), 'src/cli/main.js')
  const options = { maxBuffer: outputBytesMax }
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'ctl', ...args], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ exitCode, stdout, stderr })
    })
  })
}

/** One question over the control socket: cheap enough to ask again and again. @throws Error what the broker refuses with */
export function askControl(dataDir: string, request: ControlRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocketPath(dataDir), () =>
      socket.write(`${JSON.stringify(request)}\n`),
    )
    let heard = ''
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part
    })
    socket.on('error', reject)
    socket.on('close', () => {
      try {
        const answer = parseAnswer(heard)
        if (answer.ok) resolve(answer.result)
        else reject(new Error(answer.error.message))
      } catch (error) {
        reject(error)
      }
    })
  })
}
