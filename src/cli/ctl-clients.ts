/**
 * `causeway ctl clients`: who is connected and which sessions wait, page by page, so that neither the broker nor this command
 * ever holds more than one page. With a limit one page, and how to go on.
 */

import { managementLimits } from '../limits.js'
import type { ClientReport, ClientsPage } from '../management/index.js'
import { clientRow, clientsHead } from './ctl-client-text.js'
import { answerOf, type CtlOptions, type CtlResult, dataDirOf } from './ctl-command.js'

export interface Listing {
  /** Null: all of them. */
  readonly limit: number | null
  /** Null: from the beginning. */
  readonly cursor: string | null
}

/**
 * Writes a line a client. As JSON: an array, with a limit one object with the page and its `next`.
 * @param write resolves when there is room for more, with false when nobody reads on
 * @returns the end; its output, with a limit, is how to go on
 * @throws CausewayError CONFIG_* of the file that names the data directory
 */
export async function ctlClients(
  { limit, cursor }: Listing,
  options: CtlOptions,
  write: (text: string) => Promise<boolean>,
): Promise<CtlResult> {
  const dataDir = dataDirOf(options)
  let written = 0
  for (let from = cursor, more = true; more; ) {
    const request = {
      command: 'clients',
      limit: limit ?? managementLimits.clientsPerPage,
      cursor: from,
    } as const
    const answer = await answerOf(request, dataDir)
    if ('exitCode' in answer) return answer
    // Cannot lie: what a broker of this version answers, through a socket that only its user may write to.
    const page = answer.result as ClientsPage
    if (limit !== null) return await onePage(page, options, write)
    const text = options.json ? jsonText(page.clients, written) : tableText(page.clients, written)
    if (!(await write(text))) return { exitCode: 0, output: '' }
    written += page.clients.length
    from = page.next
    more = page.next !== null
  }
  if (options.json) await write(written === 0 ? '[]\n' : '\n]\n')
  else if (written === 0) await write(`${nobody}\n`)
  return { exitCode: 0, output: '' }
}

const nobody = 'no client is connected, and no session waits'

async function onePage(
  page: ClientsPage,
  { json }: CtlOptions,
  write: (text: string) => Promise<boolean>,
): Promise<CtlResult> {
  if (json) {
    await write(`${JSON.stringify(page, null, 2)}\n`)
    return { exitCode: 0, output: '' }
  }
  await write(page.clients.length === 0 ? `${nobody}\n` : tableText(page.clients, 0))
  return { exitCode: 0, output: page.next === null ? '' : `more with --cursor ${page.next}` }
}

function tableText(clients: readonly ClientReport[], before: number): string {
  const lines = clients.map((client) => `${clientRow(client)}\n`)
  return before === 0 && lines.length > 0 ? `${clientsHead()}\n${lines.join('')}` : lines.join('')
}

/** All of them together are one array. */
function jsonText(clients: readonly ClientReport[], before: number): string {
  return clients
    .map((client, at) => `${before + at === 0 ? '[\n' : ',\n'}${JSON.stringify(client)}`)
    .join('')
}
