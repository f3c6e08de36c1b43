/**
 * Every: one set of stories for every transport, protocol version and client program. A story is told in terms of `Program`;
 * what a program cannot dial or tell stands in its own file, with the reason, and is checked there.
 * Read next: stories.ts, table.ts.
 */
export { tellOfCrowds } from './crowd.js'
export { type Door, Doors, type Kind, type Library, user } from './doors.js'
export { MqttJs } from './mqtt-js.js'
export type {
  Caller,
  Filter,
  Message,
  Program,
  Properties,
  Received,
  Subscriber,
} from './program.js'
export { tellRefusals } from './refusals.js'
export { patienceMs, Subscription } from './subscription.js'
export { tellEverywhere } from './table.js'
