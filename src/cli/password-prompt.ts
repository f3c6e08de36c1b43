/** Reads a password: from a terminal, twice and without echo; from a pipe or file, the first line. */
import type { Readable, Writable } from 'node:stream'
import { CausewayError } from '../errors.js'

export interface PasswordSource {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  /** Where the question is asked; the line itself goes to standard output. */
  readonly prompt: Writable
}

/** Far more than MQTT's 64 KiB; whoever pipes a device in is stopped. */
const charsMax = 1024 * 1024

const key = { interrupt: '\u0003', end: '\u0004', delete: '\u007f', backspace: '\b' }

/** @throws CausewayError PASSWD_REFUSED */
export async function readPassword(source: PasswordSource): Promise<string> {
  if (source.input.isTTY !== true) return firstLine(source.input)
  const first = await typed(source, 'Password: ')
  if (first !== (await typed(source, 'Again: ')))
    throw new CausewayError('PASSWD_REFUSED', 'no line was made: the two passwords differ')
  return first
}

async function firstLine(input: Readable): Promise<string> {
  input.setEncoding('utf8')
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.includes('\n') || text.length > charsMax) break
  }
  return (text.split(/\r?\n/, 1)[0] ?? '').slice(0, charsMax)
}

/** Raw mode: the terminal shows nothing, and sends every key. */
async function typed({ input, prompt }: PasswordSource, question: string): Promise<string> {
  prompt.write(question)
  input.setEncoding('utf8')
  input.setRawMode?.(true)
  try {
    return await new Promise<string>((resolve, reject) => {
      let text = ''
      const onData = (chunk: unknown) => {
        for (const char of String(chunk)) {
          if (char === '\r' || char === '\n' || char === key.end) {
            input.off('data', onData)
            resolve(text)
            return
          }
          if (char === key.interrupt) {
            input.off('data', onData)
            reject(new CausewayError('PASSWD_REFUSED', 'no line was made: interrupted'))
            return
          }
          text = char === key.delete || char === key.backspace ? text.slice(0, -1) : text + char
        }
      }
      input.on('data', onData)
      input.resume()
    })
  } finally {
    input.setRawMode?.(false)
    input.pause()
    prompt.write('\n')
  }
}
