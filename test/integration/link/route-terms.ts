/** The terms of the route channel, as a peer writes them. Source: docs/protocol/cluster-link.md "Route channel". */
import { Atom, encodeTerm, type Term, Tuple } from './etf.js'

export interface Actor {
  readonly name: string
  readonly incarnation: bigint
}

/** Keys of the maps. */
export const key = {
  actor: 10n,
  incarnation: 11n,
  routes: 12n,
  target: 13n,
  version: 14n,
  result: 15n,
  needBootstrap: 16n,
  /** Between two Causeways. */
  capabilities: 1000n,
  digest: 1001n,
}

/** A filter announced or withdrawn; `id`: the subscription it came from, the filter itself when it is not given. */
export type RouteOp =
  | { readonly add: string; readonly id?: string }
  | { readonly remove: string; readonly id?: string }

export function initTerm({ name, incarnation }: Actor, target: string): Buffer {
  return operation('actor_init', [
    [key.actor, name],
    [key.incarnation, incarnation],
    [key.target, target],
    [key.version, 1n],
  ])
}

export function ackTerm(
  actor: string,
  error: string | null,
  needBootstrap = true,
  capabilities: Term | null = null,
): Buffer {
  return operation('actor_init_ack', [
    [key.actor, actor],
    [key.version, 1n],
    [key.result, error === null ? new Atom('ok') : new Tuple(new Atom('error'), error)],
    [key.needBootstrap, new Atom(error === null ? String(needBootstrap) : 'undefined')],
    ...(capabilities === null ? [] : [[key.capabilities, capabilities] as const]),
  ])
}

export function routeTerm({ name, incarnation }: Actor, ops: readonly RouteOp[]): Buffer {
  const terms = ops.map((op) =>
    'add' in op
      ? new Tuple(op.add, op.id ?? op.add)
      : new Tuple(100n, op.remove, op.id ?? op.remove),
  )
  return operation('route', [
    [key.actor, name],
    [key.incarnation, incarnation],
    [key.routes, terms],
  ])
}

export function heartbeatTerm({ name, incarnation }: Actor): Buffer {
  return operation('heartbeat', [
    [key.actor, name],
    [key.incarnation, incarnation],
  ])
}

export function operation(name: string, pairs: readonly (readonly [Term, Term])[]): Buffer {
  return encodeTerm(new Map<Term, Term>([...pairs, [new Atom('$op'), name]]))
}
