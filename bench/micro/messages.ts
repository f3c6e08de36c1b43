/**
 * Question: what does the term cost in which a message crosses a link, encoded once for all links and decoded at the far end?
 * In the way: 100 terms cross the seam at a time; their payload is copied once each way, as on a link.
 */
import { type MessageSample, workbench } from '../../src/native/index.js'
import type { MicroCase, MicroSuite } from './suite.js'

const termsPerRun = 100

export const messagesSuite: MicroSuite = {
  name: 'messages',
  question: 'what the term of one message costs that crosses a link',
  cases: () => [64, 1_024, 65_536].flatMap(termCases),
}

function termCases(payloadBytes: number): MicroCase[] {
  const message: MessageSample = {
    topic: 'building/7/floor/3/temperature',
    payload: Buffer.alloc(payloadBytes, 'x'),
    clientId: 'meter-000042',
  }
  const terms = workbench.encodeMessages(message, termsPerRun)
  const size = `${payloadBytes.toLocaleString('en')} bytes`
  return [
    {
      name: `encode, ${size}`,
      operations: termsPerRun,
      run: () => {
        const { length } = workbench.encodeMessages(message, termsPerRun)
        if (length !== terms.length) throw new Error(`${length} bytes instead of ${terms.length}`)
        return length
      },
    },
    {
      name: `decode, ${size}`,
      operations: termsPerRun,
      run: () => {
        const read = workbench.decodeMessages(terms, termsPerRun)
        if (read !== termsPerRun) throw new Error(`${read} of ${termsPerRun} are messages`)
        return read
      },
    },
  ]
}
