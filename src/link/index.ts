/**
 * Link: keeps each remote cluster informed of local interest, keeps the message pool connected, takes in remote interest.
 * Plane: control. Thread: main. Owns: link connections (dialled; those that carry us, where we accept only), the registry of
 * remote actors. Never touches a message.
 * May import: clock, errors, limits, config, mqtt, native (types). Imported by: broker, management.
 * Read next: room.ts (who calls what), agent.ts (states), registry.ts (remote actors), docs/protocol/cluster-link.md.
 */

export type { LinkChange } from './changes.js'
export { systemLookup } from './dialer.js'
export type {
  BootstrapTasks,
  LinkEnvironment,
  LinkLog,
  LinkPorts,
  LinkSettings,
  LinkSlices,
} from './environment.js'
export type { IncarnationStore } from './incarnation.js'
export { LinkRoom, type LinkRoomOptions } from './room.js'
export type {
  LinkStatus,
  PoolStatus,
  RemoteActorStatus,
  RemoteRoute,
  RemoteRoutes,
  RouteStatus,
} from './status.js'
