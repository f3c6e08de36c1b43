/**
 * The CONNACK that accepts. For versions below 5 two bits; for version 5 everything in which this server differs from what
 * a client assumes without being told. Source: MQTT 5.0 §3.2.2.3.
 */
import { mqttLimits } from '../limits.js'
import { type ConnackProperties, encodeConnack, fits } from '../mqtt/index.js'
import type { Admission, Admitted } from './admission.js'
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
  accepting({ version, announced, receiveMax }: Admitted, sessionPresent: boolean): Uint8Array {
    const { assignedClientId, serverKeepAliveSeconds, responseInformation } = announced
    if (
      assignedClientId === null &&
      serverKeepAliveSeconds === null &&
      responseInformation === null
    ) {
      const key = `${version}${sessionPresent}${receiveMax}`
      const known = this.#plain.get(key)
      if (known !== undefined) return known
      const made = encodeConnack(version, sessionPresent, this.#withReceiveMaximum(receiveMax))
      this.#plain.set(key, made) // at most versions × 2 × (link listeners, others) entries
      return made
    }
    return encodeConnack(version, sessionPresent, {
      ...this.#withReceiveMaximum(receiveMax),
      ...(assignedClientId === null ? {} : { assignedClientIdentifier: assignedClientId }), // [MQTT-3.2.2-16]
      ...(serverKeepAliveSeconds === null ? {} : { serverKeepAlive: serverKeepAliveSeconds }), // [MQTT-3.2.2-21]
      ...(responseInformation === null ? {} : { responseInformation }),
    })
  }

  /**
   * The admission, unless the client takes no packet as large as the CONNACK that would accept it: what it says cannot be
   * left out, and more than the client takes is never sent [MQTT-3.1.2-24].
   */
  checked(admission: Admission): Admission {
    if (admission.kind === 'refused') return admission
    const { packetBytesMax } = admission.admitted
    if (packetBytesMax === 0) return admission
    const { length } = this.accepting(admission.admitted, false)
    if (fits(length, packetBytesMax)) return admission
    const reason = `its maximum packet size is below the ${length} bytes of its CONNACK`
    return { kind: 'refused', refusal: 'implementation-specific', reason }
  }

  #withReceiveMaximum(receiveMax: number): ConnackProperties {
    return receiveMax === mqttLimits.receiveMaximum
      ? this.#common // what a client assumes
      : { ...this.#common, receiveMaximum: receiveMax }
  }
}
