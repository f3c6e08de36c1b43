/**
 * The CONNACK that accepts. For versions below 5 two bits; for version 5 everything in which this server differs from what
 * a client assumes without being told. Source: MQTT 5.0 §3.2.2.3.
 */
import { mqttLimits } from '../limits.js'
import {
  authenticationProperties,
  type ConnackProperties,
  encodeConnack,
  fits,
} from '../mqtt/index.js'
import type { Admitted } from './admission.js'
import type { ConnectionPolicy } from './policy.js'

/** Makes CONNACKs; what is the same for every client is put together once, and most bytes of a storm are made once. */
export class Connacks {
  readonly #common: ConnackProperties
  readonly #plain = new Map<string, Uint8Array>()

  constructor(policy: ConnectionPolicy) {
    this.#common = {
      ...(policy.qosMax < 2 ? { maximumQoS: policy.qosMax } : {}), // [MQTT-3.2.2-9]
      retainAvailable: policy.retainAvailable,
      maximumPacketSize: policy.packetBytesMax,
      topicAliasMaximum: policy.topicAliasMax,
      wildcardSubscriptionAvailable: policy.wildcards,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: policy.shared,
    }
  }

  /** The bytes may be shared between connections and are never written to. */
  accepting(admitted: Admitted, sessionPresent: boolean): Uint8Array {
    const whole = this.#whole(admitted, sessionPresent)
    if (fits(whole.length, admitted.answers)) return whole
    return encodeConnack(admitted.version, sessionPresent, this.#least(admitted))
  }

  /** Whether there is a CONNACK small enough for the client's Maximum Packet Size [MQTT-3.1.2-24]. */
  fits(admitted: Admitted): boolean {
    if (admitted.answers.packetBytesMax === 0) return true
    return fits(this.accepting(admitted, true).length, admitted.answers)
  }

  #whole({ version, announced, receiveMax }: Admitted, sessionPresent: boolean): Uint8Array {
    const own = ownProperties(announced)
    if (own === null) {
      const key = `${version}${sessionPresent}${receiveMax}`
      const known = this.#plain.get(key)
      if (known !== undefined) return known
      const made = encodeConnack(version, sessionPresent, this.#withReceiveMaximum(receiveMax))
      this.#plain.set(key, made) // at most versions × 2 × (link listeners, others) entries
      return made
    }
    return encodeConnack(version, sessionPresent, {
      ...this.#withReceiveMaximum(receiveMax),
      ...own,
    })
  }

  /** Without what a client assumes unless told otherwise, and without the Response Information, which is a courtesy. */
  #least({ announced, receiveMax }: Admitted): ConnackProperties {
    const { responseInformation: _, ...own } = ownProperties(announced) ?? {}
    const common = Object.entries(this.#withReceiveMaximum(receiveMax)).filter(
      ([name, value]) => value !== true && !(name === 'topicAliasMaximum' && value === 0),
    )
    return { ...Object.fromEntries(common), ...own }
  }

  #withReceiveMaximum(receiveMax: number): ConnackProperties {
    return receiveMax === mqttLimits.receiveMaximum
      ? this.#common // what a client assumes
      : { ...this.#common, receiveMaximum: receiveMax }
  }
}

/** Null: nothing that differs from client to client. */
function ownProperties(announced: Admitted['announced']): ConnackProperties | null {
  const { assignedClientId, serverKeepAliveSeconds, responseInformation, authentication } =
    announced
  if (
    assignedClientId === null &&
    serverKeepAliveSeconds === null &&
    responseInformation === null &&
    authentication === null
  ) {
    return null
  }
  return {
    ...(assignedClientId === null ? {} : { assignedClientIdentifier: assignedClientId }), // [MQTT-3.2.2-16]
    ...(serverKeepAliveSeconds === null ? {} : { serverKeepAlive: serverKeepAliveSeconds }), // [MQTT-3.2.2-21]
    ...(responseInformation === null ? {} : { responseInformation }),
    ...authenticationProperties(authentication), // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
  }
}
