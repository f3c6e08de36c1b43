/** From a decided attach to the one command that performs it on the home loop. */
import type { AttachCommand } from '../native/index.js'
import type { AttachEffect } from '../session/index.js'
import type { Admitted } from './admission.js'
import type { Connacks } from './connack.js'
import type { ConnectionPolicy } from './policy.js'

export function attachCommand(
  effect: AttachEffect<Admitted>,
  policy: ConnectionPolicy,
  connacks: Connacks,
): AttachCommand {
  const { candidate, session, resumed, takeOver, before } = effect
  // Field by field: a spread into a literal of this size costs 10 µs, as much as the rest of a CONNECT.
  return {
    loop: session.address.loop,
    session: session.address.session,
    generation: session.address.generation,
    acceptLoop: candidate.acceptLoop,
    connection: candidate.connection,
    version: candidate.version,
    clientId: candidate.clientId,
    username: candidate.username,
    mountpoint: candidate.mountpoint,
    takeOver:
      takeOver === null
        ? null
        : { session: takeOver.address.session, generation: takeOver.address.generation },
    publishBefore: before.map((will) => will.packet),
    connack: connacks.accepting(candidate, resumed), // [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    keepAliveMs: candidate.keepAliveMs,
    windowMax: candidate.windowMax,
    receiveMax: candidate.receiveMax,
    packetBytesMax: candidate.answers.packetBytesMax,
    topicAliasMax: policy.topicAliasMax,
    clientTopicAliasMax: candidate.topicAliasMax,
    queueLengthMax: policy.queueLengthMax,
    storeQos0: policy.storeQos0,
    persistent: candidate.expiryMs > 0,
    linkAllowed: candidate.linkAllowed,
    upgradeQos: policy.upgradeQos,
    ignoreLoopDeliver: candidate.bridge || (policy.ignoreLoopDeliver && candidate.version !== 5),
  }
}
