/**
 * `causeway ctl routes LINK`: everything that a linked cluster wants of us, page by page, so that neither the broker nor this
 * command ever holds more than one page. A table that changes meanwhile is seen as it was at each page.
 */
import type { RemoteRoute, RemoteRoutes } from '../link/index.js'
import { answerOf, type CtlOptions, type CtlResult, dataDirOf } from './ctl-command.js'

/**
 * Writes one route a line, as JSON with `json`.
 * @param write resolves when there is room for more, with false when nobody reads on
 * @returns the end, without output when everything was written
 * @throws CausewayError CONFIG_* of the file that names the data directory
 */
export async function ctlRoutes(
  link: string,
  options: CtlOptions,
  write: (text: string) => Promise<boolean>,
): Promise<CtlResult> {
  const dataDir = dataDirOf(options)
  let written = 0
  for (let from: number | null = 0; from !== null; ) {
    const answer = await answerOf({ command: 'routes', link, from }, dataDir)
    if ('exitCode' in answer) return answer
    // Cannot lie: what a broker of this version answers, through a socket that only its user may write to.
    const { routes, next } = answer.result as RemoteRoutes
    const lines = routes.map((route) => (options.json ? jsonLine(route, written++) : line(route)))
    if (!(await write(lines.join('')))) return { exitCode: 0, output: '' }
    from = next
  }
  if (options.json) await write(written === 0 ? '[]\n' : '\n]\n')
  return { exitCode: 0, output: '' }
}

/** Filter, route id and actor: none of them can hold a tab that would not be odd. */
function line({ filter, id, termHex, actor }: RemoteRoute): string {
  return `${filter}\t${id ?? `term ${termHex}`}\t${actor ?? '-'}\n`
}

/** All lines together are one array. */
function jsonLine(route: RemoteRoute, before: number): string {
  return `${before === 0 ? '[\n' : ',\n'}${JSON.stringify(route)}`
}
