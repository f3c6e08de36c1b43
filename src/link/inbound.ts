/**
 * Remote interest coming in: PUBLISHes to `$LINK/cluster/route/<cluster>` from connections that may. Each is a barrier on its
 * connection, so each ends in exactly one `answer` or `close`.
 *
 *   actor_init ─▶ registry ─▶ ack on the response topic ─▶ PUBACK 0x10
 *   route      ─▶ registry ─▶ the table (native)        ─▶ PUBACK 0x10
 *   heartbeat  ─▶ registry ─▶ nothing (QoS 0)
 *   anything the sender must not do ─▶ DISCONNECT 0x83, the carrier is not acknowledged
 *
 * Source: docs/protocol/cluster-link.md "Receiver".
 */
import { linkLimits } from '../limits.js'
import { disconnectReason } from '../mqtt/index.js'
import type { RouteMessage } from '../native/index.js'
import { AcceptedArrival, type Arrival, type LinkPublish } from './arrival.js'
import {
  askedOf,
  type Capabilities,
  type CapabilityName,
  decodeCapabilities,
  encodeCapabilities,
} from './capabilities.js'
import { Complaints, printable } from './complaints.js'
import { Counters } from './counters.js'
import type { LinkDirectory } from './directory.js'
import { DriftWatch } from './drift.js'
import type { LinkEnvironment, LinkSettings } from './environment.js'
import type { InboundListener } from './inbound-listener.js'
import { ActorRegistry, type RemoteActor } from './registry.js'
import { Retirement } from './retirement.js'
import type { RemoteActorStatus } from './status.js'
import { clusterOfOfferTopic, clusterOfRouteTopic, isResponseTopicOf } from './topics.js'
import { type Carrier, decodeCarrier } from './wire.js'

type InitMessage = RouteMessage & { readonly op: 'actor_init' }

/** A violation: what to count and what to say. */
type Violation = { readonly reason: string; readonly text: string }

const success = 0x00
const noMatchingSubscribers = 0x10
const implementationError = 0x83
const notAuthorized = 0x87
const quotaExceeded = 0x97

export class Inbound {
  readonly #environment: LinkEnvironment
  readonly #settings: LinkSettings
  readonly #instance: string
  readonly #listener: InboundListener
  readonly #registry = new ActorRegistry()
  readonly #complaints: Complaints
  readonly #links: LinkDirectory
  readonly #counters = new Map<number, Counters>()
  /** Of clusters that we have no link with. */
  readonly #strangers = new Counters()
  readonly #retirement: Retirement
  readonly #drift: DriftWatch

  constructor(
    environment: LinkEnvironment,
    settings: LinkSettings,
    links: LinkDirectory,
    instance: string,
    listener: InboundListener,
  ) {
    this.#environment = environment
    this.#settings = settings
    this.#instance = instance
    this.#listener = listener
    this.#complaints = new Complaints(environment.clock)
    this.#links = links
    this.#retirement = new Retirement(environment, this.#registry, (cluster, name, by) =>
      this.#count(cluster, name, by),
    )
    this.#drift = new DriftWatch({
      environment,
      registry: this.#registry,
      retirement: this.#retirement,
      count: (cluster, name) => this.#count(cluster, name),
    })
  }

  start(): void {
    this.#retirement.start()
  }

  stop(): void {
    this.#retirement.stop()
  }

  /** The session's connection is gone. Its actor stays until it expires. */
  onConnectionClosed(connection: number): void {
    this.#registry.forgetConnection(connection)
  }

  onLinkPublish(event: LinkPublish): void {
    this.onArrival(new AcceptedArrival(this.#environment.engine, event))
  }

  /** On whichever connection: it is answered, or ends. */
  onArrival(arrival: Arrival): void {
    const carrier = decodeCarrier(arrival.packet, arrival.version)
    if (carrier === null) {
      this.#refuse(arrival, '', {
        reason: 'undecodable_packet',
        text: 'a PUBLISH that could not be decoded',
      })
      return
    }
    const cluster = clusterOfRouteTopic(carrier.topic)
    if (cluster === null) {
      this.#onOther(arrival, carrier)
      return
    }
    const message = this.#environment.engine.decodeRoute(carrier.payload)
    if (message.trailing) this.#count(cluster, 'routes_trailing')
    const violation = this.#onMessage(arrival, carrier, cluster, message)
    if (violation !== null) this.#refuse(arrival, cluster, violation)
  }

  #onOther(arrival: Arrival, carrier: Carrier): void {
    const cluster = clusterOfOfferTopic(carrier.topic)
    const link = cluster === null ? undefined : this.#links.indexOf(cluster)
    if (cluster !== null && link !== undefined) {
      const refusal = this.#listener.offered(link, arrival, carrier.payload)
      this.#count(cluster, refusal === null ? 'offers_taken' : 'offers_refused')
      if (refusal !== null) this.#complain('cluster_link_offer_refused', arrival, cluster, refusal)
      arrival.acknowledge(carrier, refusal === null ? success : notAuthorized)
    } else if (this.#listener.answered(arrival, carrier)) {
      arrival.acknowledge(carrier, success)
    } else {
      // Nothing of ours listens there, and ordinary clients have no business under $LINK/.
      this.#strangers.add('reserved_topic_refused')
      arrival.acknowledge(carrier, notAuthorized)
    }
  }

  counters(link: number): Record<string, number> {
    return this.#counters.get(link)?.read() ?? {}
  }

  /** The link was taken out of the configuration: its actors and routes go. Resolves when nothing is left of them. */
  async remove(link: number): Promise<void> {
    this.#counters.delete(link)
    await this.#retirement.retire(this.#registry.takeActorsOf(link))
  }

  strangers(): Record<string, number> {
    return this.#strangers.read()
  }

  actors(link: number): RemoteActorStatus[] {
    const now = this.#environment.clock.monotonicMs()
    return this.#registry.actorsOf(link).map(({ actor, incarnation, lane, expiresAtMs }) => ({
      actor,
      incarnation,
      lane,
      expiresInMs: Math.max(0, expiresAtMs - now),
    }))
  }

  /** Null: answered. */
  #onMessage(
    arrival: Arrival,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage,
  ): Violation | null {
    switch (message.op) {
      case 'actor_init':
        return this.#onInit(arrival, carrier, cluster, message)
      case 'route':
        return this.#onRoutes(arrival, carrier, cluster, message)
      case 'heartbeat':
        return this.#onHeartbeat(arrival, carrier, cluster, message)
      case 'actor_init_ack':
        return { reason: 'unknown_operation', text: 'an actor_init_ack on the route topic' }
      case 'unknown':
        return { reason: 'unknown_operation', text: 'an operation that we do not know' }
      case 'invalid':
        return {
          reason: 'invalid_payload',
          text: `a payload that is not a route message (${message.reason})`,
        }
    }
  }

  // ------------------------------------------------------------------------------------------ actor_init

  #onInit(
    arrival: Arrival,
    carrier: Carrier,
    cluster: string,
    message: InitMessage,
  ): Violation | null {
    const { correlationData, responseTopic } = carrier
    if (
      correlationData === null ||
      responseTopic === null ||
      !isResponseTopicOf(responseTopic, cluster)
    ) {
      return {
        reason: 'init_without_request',
        text: 'actor_init without Correlation-Data or a Response-Topic of the link',
      }
    }
    if (
      message.actor === '' ||
      message.actor.length > linkLimits.actorNameChars ||
      message.actor.includes('\0')
    ) {
      return { reason: 'invalid_actor', text: 'actor_init with an impossible actor name' }
    }
    const capabilities =
      message.capabilities === null ? null : decodeCapabilities(message.capabilities)
    if (capabilities?.instance === this.#instance) {
      this.#listener.selfConnected(message.target)
      return { reason: 'self_connected', text: 'actor_init of this very broker' }
    }
    if (cluster === this.#settings.clusterName) this.#warnOfNamesake(arrival, cluster)

    const link = this.#links.indexOf(cluster)
    const shared = this.#shared(link, capabilities)
    const respond = (error: string | null, needBootstrap: boolean | null) => {
      const [by, agreed] = error === null ? [link, shared] : [undefined, []]
      const ours = capabilities === null ? null : this.#announced(by, agreed)
      const ack = this.#environment.engine.encodeActorInitAck(
        message.actor,
        error,
        needBootstrap,
        ours,
      )
      arrival.respond(responseTopic, ack, correlationData)
      arrival.acknowledge(carrier, noMatchingSubscribers)
    }

    const rejection = this.#rejection(link, message.target)
    if (link === undefined || rejection !== null) {
      this.#count(cluster, `init_rejected_${rejection}`)
      this.#complain(
        'cluster_link_actor_init_rejected',
        arrival,
        cluster,
        rejectionText(rejection, message.target),
      )
      respond(rejection, null)
      return null
    }
    return this.#admit(arrival, cluster, link, message, (actor, needBootstrap) => {
      this.#drift.onInit(actor, shared.includes('drift/1') ? responseTopic : null)
      respond(null, needBootstrap)
      this.#listener.introduced(link, capabilities)
    })
  }

  /** What both sides of the link ask for. */
  #shared(link: number | undefined, peer: Capabilities | null): readonly CapabilityName[] {
    const config = link === undefined ? undefined : this.#links.at(link)
    if (config === undefined || peer === null) return []
    return askedOf(config).filter((name) => peer.names.includes(name))
  }

  #announced(link: number | undefined, shared: readonly CapabilityName[]): Buffer {
    const config = link === undefined ? undefined : this.#links.at(link)
    const accepts = config?.acceptOnly === true
    return encodeCapabilities(this.#instance, {
      names: accepts ? ['accept/1', ...shared] : shared,
      ...(accepts ? { acceptSlots: config.poolSize } : {}),
      ...(shared.includes('drift/1') ? { driftKey: this.#environment.engine.digestKey() } : {}),
    })
  }

  /** In this order. Source: docs/protocol/cluster-link.md "Receiver". */
  #rejection(link: number | undefined, target: string): string | null {
    const config = link === undefined ? undefined : this.#links.at(link)
    if (config === undefined) return 'unknown_cluster'
    if (!config.enable) return 'cluster_link_disabled'
    return target === this.#settings.clusterName ? null : 'bad_remote_cluster_link_name'
  }

  #admit(
    arrival: Arrival,
    cluster: string,
    link: number,
    message: InitMessage,
    accept: (actor: RemoteActor, needBootstrap: boolean) => void,
  ): Violation | null {
    const now = this.#environment.clock.monotonicMs()
    const verdict = this.#registry.init(
      arrival.connection,
      link,
      cluster,
      message.actor,
      message.incarnation,
      now,
    )
    switch (verdict.kind) {
      case 'created':
        break
      case 'known':
        break
      case 'reincarnated':
        // What the lane holds stays live and counts as old; the sweep takes what the new bootstrap does not repeat.
        this.#environment.engine.markRoutes(link, verdict.actor.lane)
        this.#retirement.rearm()
        break
      case 'stale':
        return {
          reason: 'stale_incarnation',
          text: 'actor_init with a smaller incarnation than before; has its clock gone back?',
        }
      case 'second-init':
        return {
          reason: 'second_init',
          text: 'a second actor_init for another actor on one connection',
        }
      case 'full':
        return { reason: 'too_many_actors', text: `more than ${linkLimits.remoteActors} actors` }
    }
    this.#count(cluster, `init_${verdict.kind}`)
    this.#environment.log.info(
      {
        event: 'cluster_link_actor_init',
        link: cluster,
        actor: message.actor,
        incarnation: String(message.incarnation),
        peer: arrival.connection,
        as: verdict.kind,
      },
      `link ${cluster}: ${printable(message.actor)} announces its routes`,
    )
    accept(verdict.actor, verdict.kind !== 'known')
    return null
  }

  #warnOfNamesake(arrival: Arrival, cluster: string): void {
    this.#complain(
      'cluster_link_same_name',
      arrival,
      cluster,
      `another broker calls itself ${cluster}, which is our own name; every cluster needs a name of its own`,
      'error',
    )
  }

  // ----------------------------------------------------------------------------------- routes, heartbeats

  #onRoutes(
    arrival: Arrival,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage & { op: 'route' },
  ): Violation | null {
    const actor = this.#touch(arrival, cluster, message, true)
    if ('reason' in actor) return actor
    if (message.count > linkLimits.batchEntriesTaken)
      return {
        reason: 'batch_too_large',
        text: `a batch of ${message.count} routes; ${linkLimits.batchEntriesTaken} are taken`,
      }
    const { adds, deletes, invalid } = this.#environment.engine.applyRoutes(
      actor.link,
      actor.lane,
      carrier.payload,
    )
    this.#count(cluster, 'route_batches_applied')
    this.#count(cluster, 'routes_added', adds)
    this.#count(cluster, 'routes_deleted', deletes)
    this.#count(cluster, 'routes_invalid', invalid)
    if (actor.reincarnation !== null) this.#retirement.rearm()
    arrival.acknowledge(carrier, noMatchingSubscribers)
    return null
  }

  #onHeartbeat(
    arrival: Arrival,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage & { op: 'heartbeat' },
  ): Violation | null {
    const actor = this.#touch(arrival, cluster, message, false)
    if ('reason' in actor && actor.reason !== 'not_initialised') return actor
    this.#count(cluster, 'reason' in actor ? 'heartbeats_ignored' : 'heartbeats')
    if (!('reason' in actor)) {
      this.#drift.onHeartbeat(actor, message.digest, arrival)
      const found = this.#listener.alive(actor.link, arrival.connection)
      if (found.kind === 'missing')
        this.#complain('cluster_link_receive_only', arrival, cluster, found.text)
      if (found.kind === 'must-dial-again') {
        arrival.close(disconnectReason.administrativeAction)
        return null
      }
    }
    arrival.acknowledge(carrier, noMatchingSubscribers)
    return null
  }

  #touch(
    arrival: Arrival,
    cluster: string,
    message: { actor: string; incarnation: bigint },
    isBatch: boolean,
  ): RemoteActor | Violation {
    const now = this.#environment.clock.monotonicMs()
    const verdict = this.#registry.touch(
      arrival.connection,
      cluster,
      message.actor,
      message.incarnation,
      isBatch,
      now,
    )
    switch (verdict.kind) {
      case 'valid':
        return verdict.actor
      case 'unbound':
        return { reason: 'not_initialised', text: 'routes before actor_init' }
      case 'foreign':
        return {
          reason: 'foreign_actor',
          text: 'a message for another actor than its connection speaks for',
        }
      case 'gone':
        return {
          reason: 'actor_gone',
          text: 'a message of an actor that has expired or was replaced; it must introduce itself again',
        }
    }
  }

  // ------------------------------------------------------------------------------------------------ answers

  #refuse(arrival: Arrival, cluster: string, { reason, text }: Violation): void {
    this.#count(cluster, 'protocol_errors')
    this.#count(cluster, `protocol_error_${reason}`)
    if (reason !== 'self_connected')
      this.#complain('cluster_link_routesync_protocol_error', arrival, cluster, text)
    this.#registry.forgetConnection(arrival.connection)
    const code = reason === 'too_many_actors' ? quotaExceeded : implementationError
    arrival.close(code)
  }

  #complain(
    name: string,
    arrival: Arrival,
    cluster: string,
    text: string,
    level: 'warn' | 'error' = 'warn',
  ): void {
    const suppressed = this.#complaints.admit(`${name} ${cluster.slice(0, 255)} ${text}`)
    if (suppressed === null) return
    const { loop, connection } = arrival
    this.#environment.log[level](
      { event: name, link: cluster.slice(0, 255), loop, connection, suppressed },
      `link ${printable(cluster)}: ${text}`,
    )
  }

  /** Strangers share one set of counters: names from the wire must not grow a map. */
  #count(cluster: string, name: string, by = 1): void {
    const link = this.#links.indexOf(cluster)
    const counters = link === undefined ? this.#strangers : this.#countersOf(link)
    counters.add(name, by)
  }

  #countersOf(link: number): Counters {
    let counters = this.#counters.get(link)
    if (counters === undefined) {
      counters = new Counters()
      this.#counters.set(link, counters)
    }
    return counters
  }
}

function rejectionText(reason: string | null, target: string): string {
  switch (reason) {
    case 'unknown_cluster':
      return 'asks to link, but we have no link of that name (unknown_cluster)'
    case 'cluster_link_disabled':
      return 'asks to link, but our link is disabled (cluster_link_disabled)'
    default:
      return `believes that we are called ${printable(target)} (bad_remote_cluster_link_name)`
  }
}
