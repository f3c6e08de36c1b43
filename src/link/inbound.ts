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
import { encodeDisconnect } from '../mqtt/index.js'
import type { EngineEvent, RouteMessage } from '../native/index.js'
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
import { ActorRegistry, type RemoteActor } from './registry.js'
import { Retirement } from './retirement.js'
import type { RemoteActorStatus } from './status.js'
import { clusterOfRouteTopic, isResponseTopicOf } from './topics.js'
import { type Carrier, decodeCarrier, encodeAcknowledgement, encodePublish } from './wire.js'

export type LinkPublish = EngineEvent & { readonly kind: 'link-publish' }

type InitMessage = RouteMessage & { readonly op: 'actor_init' }

/** A violation: what to count and what to say. */
type Violation = { readonly reason: string; readonly text: string }

const noMatchingSubscribers = 0x10
const implementationError = 0x83
const notAuthorized = 0x87
const quotaExceeded = 0x97

export class Inbound {
  readonly #environment: LinkEnvironment
  readonly #settings: LinkSettings
  readonly #instance: string
  readonly #onSelfConnected: (link: string) => void
  readonly #registry = new ActorRegistry()
  readonly #complaints: Complaints
  readonly #links: LinkDirectory
  readonly #counters = new Map<number, Counters>()
  /** Of clusters that we have no link with. */
  readonly #strangers = new Counters()
  readonly #retirement: Retirement
  readonly #drift: DriftWatch

  /** @param onSelfConnected told the name of the link whose route agent has reached this process */
  constructor(
    environment: LinkEnvironment,
    settings: LinkSettings,
    links: LinkDirectory,
    instance: string,
    onSelfConnected: (link: string) => void,
  ) {
    this.#environment = environment
    this.#settings = settings
    this.#instance = instance
    this.#onSelfConnected = onSelfConnected
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
    const carrier = decodeCarrier(event.packet, event.version)
    if (carrier === null) {
      this.#refuse(event, '', {
        reason: 'undecodable_packet',
        text: 'a PUBLISH that could not be decoded',
      })
      return
    }
    const cluster = clusterOfRouteTopic(carrier.topic)
    if (cluster === null) {
      // Nothing of ours listens there, and ordinary clients have no business under $LINK/.
      this.#strangers.add('reserved_topic_refused')
      this.#answer(event, carrier, notAuthorized)
      return
    }
    const message = this.#environment.engine.decodeRoute(carrier.payload)
    if (message.trailing) this.#count(cluster, 'routes_trailing')
    const violation = this.#onMessage(event, carrier, cluster, message)
    if (violation !== null) this.#refuse(event, cluster, violation)
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
    event: LinkPublish,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage,
  ): Violation | null {
    switch (message.op) {
      case 'actor_init':
        return this.#onInit(event, carrier, cluster, message)
      case 'route':
        return this.#onRoutes(event, carrier, cluster, message)
      case 'heartbeat':
        return this.#onHeartbeat(event, carrier, cluster, message)
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
    event: LinkPublish,
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
      this.#onSelfConnected(message.target)
      return { reason: 'self_connected', text: 'actor_init of this very broker' }
    }
    if (cluster === this.#settings.clusterName) this.#warnOfNamesake(event, cluster)

    const link = this.#links.indexOf(cluster)
    const shared = this.#shared(link, capabilities)
    const respond = (error: string | null, needBootstrap: boolean | null) => {
      const ours = capabilities === null ? null : this.#announced(error === null ? shared : [])
      const ack = this.#environment.engine.encodeActorInitAck(
        message.actor,
        error,
        needBootstrap,
        ours,
      )
      const packet = encodePublish(responseTopic, 1, 1, ack, { correlationData })
      this.#environment.engine.publish({ loop: event.loop, packet, clientId: '' })
      this.#answer(event, carrier, noMatchingSubscribers)
    }

    const rejection = this.#rejection(link, message.target)
    if (link === undefined || rejection !== null) {
      this.#count(cluster, `init_rejected_${rejection}`)
      this.#complain(
        'cluster_link_actor_init_rejected',
        event,
        cluster,
        rejectionText(rejection, message.target),
      )
      respond(rejection, null)
      return null
    }
    return this.#admit(event, cluster, link, message, (actor, needBootstrap) => {
      this.#drift.onInit(actor, shared.includes('drift/1') ? responseTopic : null)
      respond(null, needBootstrap)
    })
  }

  /** What both sides of the link ask for. */
  #shared(link: number | undefined, peer: Capabilities | null): readonly CapabilityName[] {
    const config = link === undefined ? undefined : this.#links.at(link)
    if (config === undefined || peer === null) return []
    return askedOf(config).filter((name) => peer.names.includes(name))
  }

  #announced(names: readonly CapabilityName[]): Buffer {
    if (!names.includes('drift/1')) return encodeCapabilities(this.#instance, { names })
    const driftKey = this.#environment.engine.digestKey()
    return encodeCapabilities(this.#instance, { names, driftKey })
  }

  /** In this order. Source: docs/protocol/cluster-link.md "Receiver". */
  #rejection(link: number | undefined, target: string): string | null {
    const config = link === undefined ? undefined : this.#links.at(link)
    if (config === undefined) return 'unknown_cluster'
    if (!config.enable) return 'cluster_link_disabled'
    return target === this.#settings.clusterName ? null : 'bad_remote_cluster_link_name'
  }

  #admit(
    event: LinkPublish,
    cluster: string,
    link: number,
    message: InitMessage,
    accept: (actor: RemoteActor, needBootstrap: boolean) => void,
  ): Violation | null {
    const now = this.#environment.clock.monotonicMs()
    const verdict = this.#registry.init(
      event.connection,
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
        peer: event.connection,
        as: verdict.kind,
      },
      `link ${cluster}: ${printable(message.actor)} announces its routes`,
    )
    accept(verdict.actor, verdict.kind !== 'known')
    return null
  }

  #warnOfNamesake(event: LinkPublish, cluster: string): void {
    this.#complain(
      'cluster_link_same_name',
      event,
      cluster,
      `another broker calls itself ${cluster}, which is our own name; every cluster needs a name of its own`,
      'error',
    )
  }

  // ----------------------------------------------------------------------------------- routes, heartbeats

  #onRoutes(
    event: LinkPublish,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage & { op: 'route' },
  ): Violation | null {
    const actor = this.#touch(event, cluster, message, true)
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
    this.#answer(event, carrier, noMatchingSubscribers)
    return null
  }

  #onHeartbeat(
    event: LinkPublish,
    carrier: Carrier,
    cluster: string,
    message: RouteMessage & { op: 'heartbeat' },
  ): Violation | null {
    const actor = this.#touch(event, cluster, message, false)
    if ('reason' in actor && actor.reason !== 'not_initialised') return actor
    this.#count(cluster, 'reason' in actor ? 'heartbeats_ignored' : 'heartbeats')
    if (!('reason' in actor)) this.#drift.onHeartbeat(actor, message.digest, event.loop)
    this.#answer(event, carrier, noMatchingSubscribers)
    return null
  }

  #touch(
    event: LinkPublish,
    cluster: string,
    message: { actor: string; incarnation: bigint },
    isBatch: boolean,
  ): RemoteActor | Violation {
    const now = this.#environment.clock.monotonicMs()
    const verdict = this.#registry.touch(
      event.connection,
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

  #answer(event: LinkPublish, carrier: Carrier, reasonCode: number): void {
    const { loop, session, generation, connection, version } = event
    const reply =
      carrier.qos === 0
        ? Buffer.alloc(0)
        : encodeAcknowledgement(carrier.qos, carrier.packetId, reasonCode, version)
    this.#environment.engine.answer({
      loop,
      session,
      generation,
      connection,
      ops: [],
      reply,
      next: 'resume',
    })
  }

  #refuse(event: LinkPublish, cluster: string, { reason, text }: Violation): void {
    this.#count(cluster, 'protocol_errors')
    this.#count(cluster, `protocol_error_${reason}`)
    if (reason !== 'self_connected')
      this.#complain('cluster_link_routesync_protocol_error', event, cluster, text)
    this.#registry.forgetConnection(event.connection)
    const code = reason === 'too_many_actors' ? quotaExceeded : implementationError
    this.#environment.engine.close(
      { loop: event.loop, connection: event.connection },
      encodeDisconnect(event.version, code),
      code,
    )
  }

  #complain(
    name: string,
    event: LinkPublish,
    cluster: string,
    text: string,
    level: 'warn' | 'error' = 'warn',
  ): void {
    const suppressed = this.#complaints.admit(`${name} ${cluster.slice(0, 255)} ${text}`)
    if (suppressed === null) return
    const { loop, connection } = event
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
