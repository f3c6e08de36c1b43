/**
 * Rules about rooms: one door each, imports that flow one way, one native door, <napi.h> in the seam only.
 * Every rule takes the tree and returns what is wrong, one sentence each; an empty list means clean.
 */
import { posix } from 'node:path'
import { type Tree, under } from './tree.js'

/**
 * Bottom to top: a room may import only what stands before it. `.` is the plain files of src/ that know no
 * room (errors, limits, clock, …); log, broker and main are files too, and only broker, main and cli know everybody.
 */
export const roomOrder: readonly string[] = [
  '.',
  'config',
  'log',
  'native',
  'tls',
  'mqtt',
  'metrics',
  'router',
  'retained',
  'session',
  'connection',
  'sys',
  'listener',
  'tasks',
  'link',
  'cluster',
  'auth',
  'store',
  'management/api',
  'edge',
  'management',
  'dashboard',
  'broker',
  'exit-door',
  'main',
  'cli',
]

/** The same below and beside the seam. The load generator is no part of the broker: core, mqtt and the interface of streams only, and only the seam knows it. */
export const nativeOrder: readonly string[] = [
  'core',
  'mqtt',
  'router',
  'retained',
  'link',
  'session',
  'fanout',
  'edge',
  'transport',
  'seam',
]
const loadgenMayInclude = /^(?:(?:core|mqtt|loadgen)\/|transport\/stream\.h$)/

/** Rooms inside another room: that one knows all their files, others their door. */
const inner: readonly string[] = ['management/api']

/** Rooms nobody imports need no door. */
const withoutDoor = new Set(['cli'])
const doorHeader = [/^\/\*\*/, /Plane:/, /May import:/, /Read next:/]
const importPattern =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/g

export function doors(tree: Tree): string[] {
  const rooms = new Set(
    under(tree, 'src', /\.ts$/)
      .map(([path]) => path.split('/'))
      .filter((parts) => parts.length > 2)
      .map((parts) => parts[1] ?? ''),
  )
  return [...rooms, ...inner.filter((room) => under(tree, `src/${room}`, /\.ts$/).length > 0)]
    .filter((room) => !withoutDoor.has(room))
    .flatMap((room) => {
      const door = tree.get(`src/${room}/index.ts`)
      if (door === undefined) return [`src/${room} has no door: index.ts is missing`]
      const header = door.slice(0, door.indexOf('*/'))
      const missing = doorHeader.filter((part) => !part.test(header))
      return missing.length === 0
        ? []
        : [
            `src/${room}/index.ts: its header lacks ${missing.map((part) => part.source).join(', ')}`,
          ]
    })
}

export function imports(tree: Tree): string[] {
  return under(tree, 'src', /\.ts$/).flatMap(([path, text]) => {
    const room = roomOf(path)
    const rank = roomOrder.indexOf(room)
    if (rank < 0)
      return [`${path}: the room ${room} has no place in the import order (test/house/rooms.ts)`]
    return importsOf(text).flatMap((specifier) => {
      if (!specifier.startsWith('.')) return []
      const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
      if (!target.startsWith('src/')) return [`${path}: imports ${specifier}, outside src/`]
      const other = roomOf(target)
      if (other === room) return []
      if (roomOrder.indexOf(other) > rank) {
        return [`${path}: ${room} may not import ${other}, which stands above it`]
      }
      const isFile = target === `src/${other}.ts` || other === '.'
      const isInside = other.startsWith(`${room}/`)
      return isFile || isInside || target === `src/${other}/index.ts`
        ? []
        : [`${path}: imports ${target} instead of the door src/${other}/index.ts`]
    })
  })
}

export function nativeDoor(tree: Tree): string[] {
  return under(tree, 'src', /\.ts$/)
    .filter(([path]) => !path.startsWith('src/native/'))
    .filter(([, text]) => /causeway\.node\b|\bdlopen\(|['"]node-gyp-build['"]/.test(text))
    .map(([path]) => `${path}: only src/native loads the addon`)
}

export function includes(tree: Tree): string[] {
  return under(tree, 'native', /\.(?:cc|h)$/).flatMap(([path, text]) => {
    const room = path.split('/')[1] ?? ''
    const rank = nativeOrder.indexOf(room)
    if (rank < 0 && room !== 'loadgen') {
      return [`${path}: the room ${room} has no place in the include order (test/house/rooms.ts)`]
    }
    return [...text.matchAll(/^#include ([<"])([^>"]+)[>"]/gm)].flatMap(([, quote, name = '']) => {
      if (quote === '<') return systemInclude(path, room, name)
      const other = name.split('/')[0] ?? ''
      if (!tree.has(`native/${name}`)) return [`${path}: "${name}" is not a path below native/`]
      const allowed =
        room === 'loadgen'
          ? loadgenMayInclude.test(name)
          : other === 'loadgen'
            ? room === 'seam'
            : nativeOrder.indexOf(other) <= rank
      return allowed ? [] : [`${path}: ${room} may not include ${name}, which stands above it`]
    })
  })
}

function systemInclude(path: string, room: string, name: string): string[] {
  if (/^(?:napi|node_api|js_native_api|node|v8)\b/.test(name) && room !== 'seam') {
    return [`${path}: <${name}> belongs to native/seam alone`]
  }
  if (/^(?:uv\.h|openssl\/)/.test(name) && room !== 'transport') {
    return [`${path}: <${name}> belongs to native/transport alone`]
  }
  return []
}

function roomOf(path: string): string {
  const [, first = '', ...deeper] = path.split('/')
  const within = inner.find((room) => path.startsWith(`src/${room}/`))
  if (within !== undefined) return within
  if (deeper.length > 0) return first
  const file = first.replace(/\.ts$/, '')
  return roomOrder.includes(file) ? file : '.'
}

function importsOf(text: string): string[] {
  return [...text.matchAll(importPattern)].map(([, from, dynamic]) => from ?? dynamic ?? '')
}
