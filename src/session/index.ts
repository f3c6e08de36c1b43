/**
 * Session: who is connected or remembered, what they subscribed to, and everything that happens between two connections
 * of one client id: takeover, clean start, expiry, wills.
 * Plane: control. Thread: main. Owns: the session directory, session numbers. Queues and windows are on the home loops.
 * May import: limits, clock, slices, log, mqtt, metrics, native (types). Imported by: connection (types), broker.
 * Read next: step.ts (the state machine), directory.ts (the shell), subscriptions.ts, docs/internals/sessions.md.
 */

export type { ClientView, ConnectionView } from './client-view.js'
export { DeadlineClock, type DeadlineClockOptions } from './deadline-clock.js'
export { Deadlines } from './deadlines.js'
export {
  type AttachEffect,
  type AttachedEvent,
  type ClientRoll,
  type ClosedEvent,
  type DirectoryLimits,
  type DirectoryOptions,
  type PacketEvent,
  SessionDirectory,
} from './directory.js'
export { homeLoop } from './home.js'
export { SubscriptionLedger } from './ledger.js'
export { SessionNumbers } from './numbers.js'
export type { SessionObserver } from './observer.js'
export type { Reauthenticate } from './packets.js'
export { Roll } from './roll.js'
export type { Candidate, Session, Subscription } from './session.js'
export {
  type ClientEffect,
  type ClientEvent,
  type ClientPolicy,
  type ClientState,
  type ClientStep,
  deadline,
  none,
  step,
  type Verdict,
} from './step.js'
export { SubscriptionSet } from './subscription-set.js'
export {
  type Authorize,
  authorizeLinkOnly,
  authorizeReserved,
  type Outcome,
  type Subscriber,
  type SubscriptionPolicy,
  type SysSubscribers,
  subscribe,
  unsubscribe,
} from './subscriptions.js'
