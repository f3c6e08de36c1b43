/** `causeway ctl` as a person calls it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { compiledRoot } from './broker-process.js'

export interface CtlAnswer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export function ctl(...args: readonly string[]): Promise<CtlAnswer> {
  const main = join(compiledRoot(), 'src/cli/main.js')
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'ctl', ...args], (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ exitCode, stdout, stderr })
    })
  })
}
