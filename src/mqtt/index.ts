/**
 * Mqtt: the one door to the MQTT packets that need a decision: taking them apart, writing answers, choosing reason codes.
 * Plane: control. Thread: main. Owns: one parser per protocol version. Packets arrive validated by the loops.
 * May import: native (types). Imported by: connection, session, link, broker.
 * Read next: decode.ts (packets in), encode.ts (answers out), reason-codes.ts (what to call a refusal), topic.ts (filters).
 */
export {
  type AuthPacket,
  asBridge,
  type ConnectPacket,
  type DisconnectPacket,
  decodeAuth,
  decodeConnect,
  decodeDisconnect,
  decodePacket,
  decodeSubscribe,
  decodeUnsubscribe,
  type SubscribePacket,
  type SubscribeRequest,
  UndecodablePacket,
  type UnsubscribePacket,
} from './decode.js'
export { destinationOf } from './delayed.js'
export {
  type AnswerTerms,
  type AuthenticationProperties,
  acknowledgementBytes,
  authenticationProperties,
  type ConnackProperties,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  encodeRefusal,
  encodeSuback,
  encodeUnsuback,
  fits,
} from './encode.js'
export { publishAround, publishPacket, publishRoom } from './publish.js'
export {
  type ConnectRefusal,
  connectReason,
  disconnectReason,
  type SubscribeRefusal,
  subscribeReason,
  unsubackReason,
} from './reason-codes.js'
export {
  hasWildcard,
  isLinkFilter,
  isShared,
  isSysFilter,
  parseSubscriptionName,
  type SubscriptionName,
  type TopicFilter,
  type TopicName,
  topicLevels,
} from './topic.js'
export { mountedWill, type WillMessage } from './will.js'
