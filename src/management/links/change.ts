/**
 * The way of a change: the whole configuration is read with the new list, kept on disk, put in force.
 *
 *     list ─▶ read and validated ─▶ certificates, configs/cluster.hocon ─▶ in force ─▶ unused certificates go
 *                    │                          │                            │
 *                    ▼ 400                      ▼ 500                        ▼ 400, the old file comes back
 */
import type { LoadedConfig, PlainObject } from '../../config/index.js'
import { CausewayError } from '../../errors.js'
import type { ReloadTurn } from '../reloader.js'
import { badRequest, internalError, Refused, refusedConfig, unusableTls } from './answer.js'
import type { LinkCertificates, PemFile } from './certificates.js'
import { contentOf, replaceFile, restoreFile } from './kept-file.js'

export interface LinkListChange {
  readonly entries: readonly PlainObject[]
  /** Which of them is new or other; null: one is gone. */
  readonly index: number | null
  /** Certificates that the list names and that may not be there yet. */
  readonly files: readonly PemFile[]
  /** For the log. */
  readonly why: string
}

/** @throws Refused; everything is as it was then */
export async function makeChange(
  turn: ReloadTurn,
  certificates: LinkCertificates,
  change: LinkListChange,
): Promise<void> {
  const { entries, files, index, why } = change
  const text = fileText(entries)
  const read = readAgain(turn, text, index)
  const file = turn.links.file
  let written: readonly PemFile[] = []
  let before: string | null = null
  try {
    before = await contentOf(file)
    written = await certificates.write(files)
    await replaceFile(file, text)
  } catch (error) {
    await certificates.remove(written)
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refused(internalError(`the change cannot be kept on disk: ${reason}`))
  }
  try {
    await turn.take(read, why)
  } catch (error) {
    await restoreFile(file, before)
    await certificates.remove(written)
    if (!(error instanceof CausewayError)) throw error
    throw new Refused(
      error.code === 'TLS_UNUSABLE' ? unusableTls(error) : badRequest(error.message),
    )
  }
  await certificates.sweep(entries)
}

/** @throws Refused */
function readAgain(turn: ReloadTurn, text: string, index: number | null): LoadedConfig {
  let read: LoadedConfig
  try {
    read = turn.read(text)
  } catch (error) {
    throw new Refused(refusedConfig(error, index))
  }
  const { variables } = read.links
  if (variables.length > 0) {
    const names = variables.join(', ')
    throw new Refused(
      badRequest(
        `cluster.links is set by the environment (${names}), which stands above everything: change it there, or take it out and restart`,
      ),
    )
  }
  if (!turn.canTake(read)) {
    throw new Refused(
      badRequest('cluster.name has changed in the configuration: restart before links are changed'),
    )
  }
  return read
}

const head = `# The links of this broker as its API has left them: they stand in place of cluster.links in the main
# configuration file. The broker writes this file anew with each change, so comments are not kept; what is
# edited by hand comes into force with \`causeway ctl reload\` or a restart. To go back to the links of the
# main file, remove this file and reload. It holds passwords.
`

function fileText(entries: readonly PlainObject[]): string {
  const list = JSON.stringify(entries, null, 2).replaceAll('\n', '\n  ')
  return `${head}cluster {\n  links = ${list}\n}\n`
}
