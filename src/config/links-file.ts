/**
 * `<node.data_dir>/configs/cluster.hocon`: the links as the API has left them. Its `cluster.links` stands in place of that of the
 * main file, the whole list; the environment stands above both. docs/decisions/0030
 */
import { join } from 'node:path'
import { CausewayError } from '../errors.js'
import { configLimits } from '../limits.js'
import { applyEnvironment } from './environment.js'
import {
  type AbsentInclude,
  type Environment,
  errorAt,
  formatPosition,
  type HoconField,
  type HoconObject,
  type Position,
  positionOf,
  readHoconFile,
  readHoconText,
  type Span,
} from './hocon/index.js'

export interface LinksFile {
  /** `<node.data_dir>/configs/cluster.hocon`, whether it is there or not. */
  readonly file: string
  /** Whether it says what the links are. */
  readonly isUsed: boolean
  /** Where the main file lists links as well, which are not used then. */
  readonly passedOver: Position | null
  readonly absentIncludes: readonly AbsentInclude[]
}

export interface LinksFileOptions {
  readonly env: Environment
  /** Data directory; null: what the configuration says. */
  readonly dataDir: string | null
  /** What the file shall be taken to hold; null: what it holds. */
  readonly text: string | null
}

const defaultDataDir = 'data'

/** Where the links are kept for the broker with this data directory. */
export function linksFileIn(dataDir: string): string {
  return join(dataDir, 'configs', 'cluster.hocon')
}

/**
 * Puts the links of the file into `root`, in place. Call it before the environment is applied.
 * @throws CausewayError CONFIG_*, with places in that file
 */
export function applyLinksFile(
  root: HoconObject,
  { env, dataDir, text }: LinksFileOptions,
): LinksFile {
  const file = linksFileIn(dataDir ?? dataDirOf(root, env))
  const read = text === null ? readIfThere(file, env) : readText(file, text, env)
  const links = read === null ? null : onlyLinks(read.root)
  const absentIncludes = read?.absentIncludes ?? []
  if (links === null) return { file, isUsed: false, passedOver: null, absentIncludes }
  const before = objectAt(root, 'cluster')?.fields.get('links')
  put(root, links)
  return {
    file,
    isUsed: true,
    passedOver: before === undefined ? null : positionOf(before.keySpan),
    absentIncludes,
  }
}

/** What a warning says of links in `main` that are passed over. */
export function passedOverText({ file, passedOver }: LinksFile): string {
  const main = passedOver === null ? '' : ` at ${formatPosition(passedOver)}`
  return `cluster.links${main} is not used: links were changed through the API, and are kept in ${file} since; to go back, remove ${file} and reload`
}

type Read = { readonly root: HoconObject; readonly absentIncludes: readonly AbsentInclude[] }

function readIfThere(file: string, env: Environment): Read | null {
  try {
    return readHoconFile(file, env)
  } catch (error) {
    const absent =
      error instanceof CausewayError &&
      error.code === 'CONFIG_FILE_NOT_FOUND' &&
      error.message === `${file}: no such file`
    if (absent) return null
    throw error
  }
}

function readText(file: string, text: string, env: Environment): Read {
  const bytes = Buffer.byteLength(text)
  if (bytes > configLimits.fileBytes) {
    const message = `${file}: ${bytes} bytes; a configuration file may have ${configLimits.fileBytes}`
    throw new CausewayError('CONFIG_LIMIT_EXCEEDED', message, { detail: { file, bytes } })
  }
  return { root: readHoconText(file, text, env), absentIncludes: [] }
}

/** Nothing else may stand here: who writes it by hand would look for its effect in vain. */
function onlyLinks(root: HoconObject): HoconField | null {
  for (const [key, { keySpan }] of root.fields) if (key !== 'cluster') throw misplaced(keySpan)
  const cluster = root.fields.get('cluster')
  if (cluster === undefined) return null
  if (cluster.value.kind !== 'object') throw misplaced(cluster.value.span)
  for (const [key, { keySpan }] of cluster.value.fields)
    if (key !== 'links') throw misplaced(keySpan)
  return cluster.value.fields.get('links') ?? null
}

function misplaced(span: Span): CausewayError {
  return errorAt(
    span,
    'this file holds cluster.links and nothing else: what belongs to the whole broker goes into its main file',
    'CONFIG_INVALID',
  )
}

function put(root: HoconObject, links: HoconField): void {
  const cluster = root.fields.get('cluster')
  if (cluster?.value.kind === 'object') {
    cluster.value.fields.set('links', links)
    return
  }
  if (cluster !== undefined) return // no section at all: refused as it is
  const fields = new Map([['links', links]])
  const span = links.value.span
  root.fields.set('cluster', { keySpan: links.keySpan, value: { kind: 'object', fields, span } })
}

/** As the main file and the environment say it; what is wrong with it is found later. */
function dataDirOf(root: HoconObject, env: Environment): string {
  const node = objectAt(root, 'node')
  const fields = new Map<string, HoconField>()
  if (node !== null) {
    const value: HoconObject = { kind: 'object', fields: new Map(node.fields), span: node.span }
    fields.set('node', { keySpan: node.span, value })
  }
  const only: HoconObject = { kind: 'object', fields, span: root.span }
  const names = Object.entries(env).filter(([name]) => /^(EMQX|CAUSEWAY)_NODE(__|$)/i.test(name))
  applyEnvironment(only, Object.fromEntries(names))
  const written = objectAt(only, 'node')?.fields.get('data_dir')?.value
  return written?.kind === 'scalar' && written.value !== null ? written.text : defaultDataDir
}

function objectAt(root: HoconObject, key: string): HoconObject | null {
  const value = root.fields.get(key)?.value
  return value?.kind === 'object' ? value : null
}
