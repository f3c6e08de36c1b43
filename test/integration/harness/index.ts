/**
 * Harness: a broker as a process, clients over any transport. What an integration test may use, and nothing else.
 * Read next: broker-process.ts, client.ts.
 */
export {
  type BrokerOptions,
  BrokerProcess,
  configuration,
  configurationFile,
  ioLoops,
  type LogEvent,
  startBroker,
  withBroker,
} from './broker-process.js'
export { BulkClient, type BulkOptions, publishBytes, subscribeBytes } from './bulk-client.js'
export { Authority, type Identity } from './certificates.js'
export {
  type ClientOptions,
  connectBytes,
  type Message,
  publishPacket,
  type Qos,
  type Subscription,
  TestClient,
  type Version,
} from './client.js'
export { closed } from './closed.js'
export { askControl, type CtlAnswer, ctl } from './ctl.js'
export { eventually } from './eventually.js'
export { clientIdOn } from './homes.js'
export { Mailbox } from './mailbox.js'
export { freePort } from './ports.js'
export { Random, seed } from './random.js'
export { fastTime, speed } from './speed.js'
export { openStream, overTcp, type Via } from './via.js'
