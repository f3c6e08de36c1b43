/**
 * Reserved topics and client identifiers of a link, both ways.
 * Source: docs/protocol/cluster-link.md "Topics" and "Client identifiers".
 */
import { createHash } from 'node:crypto'

const routePrefix = '$LINK/cluster/route/'
const responsePrefix = '$LINK/cluster/resp/'
const offerPrefix = '$LINK/x/offer/'

/** Where `cluster` publishes its actor_init, route batches and heartbeats. */
export function routeTopic(cluster: string): string {
  return routePrefix + cluster
}

/** Where the far end answers the actor_init of `actor`. */
export function responseTopic(cluster: string, actor: string): string {
  return `${responsePrefix}${cluster}/${actor}`
}

/** The sender's cluster name of a route topic, or null when it is another topic or the name is empty. */
export function clusterOfRouteTopic(topic: string): string | null {
  if (!topic.startsWith(routePrefix) || topic.length === routePrefix.length) return null
  return topic.slice(routePrefix.length)
}

/**
 * Whether an actor_init of `cluster` may have its answer there. EMQX publishes to any topic the peer names; we do not let a
 * peer choose where in our topic tree a message of ours appears.
 */
export function isResponseTopicOf(topic: string, cluster: string): boolean {
  const prefix = `${responsePrefix}${cluster}/`
  return topic.length > prefix.length && topic.startsWith(prefix) && !/[+#\0]/.test(topic)
}

/** Where `cluster` offers a connection that it has dialled to whom it has dialled. */
export function offerTopic(cluster: string): string {
  return offerPrefix + cluster
}

/** The sender's cluster name of an offer, or null when it is another topic or the name is empty. */
export function clusterOfOfferTopic(topic: string): string | null {
  if (!topic.startsWith(offerPrefix) || topic.length === offerPrefix.length) return null
  return topic.slice(offerPrefix.length)
}

/** First 8 hex digits of SHA-1 of the node name: keeps the ids of several nodes of one cluster apart. */
export function nodeHash(nodeName: string): string {
  return createHash('sha1').update(nodeName).digest('hex').slice(0, 8)
}

export function routeClientId(base: string, nodeName: string): string {
  return `${base}:routesync:${nodeHash(nodeName)}`
}

/** @param slot 0 ≤ slot < pool_size; on the wire they count from 1 */
export function messageClientId(base: string, nodeName: string, slot: number): string {
  return `${base}:msg:${nodeHash(nodeName)}:${slot + 1}`
}

/**
 * Of a message connection that carries both directions: both sides can tell it from their configurations, so that the one that
 * accepts knows beforehand on which loop it will live.
 * @param place 0 ≤ place < `linkLimits.acceptedSlots`
 */
export function bothWaysClientId(dials: string, accepts: string, place: number): string {
  return `${dials}:both:${accepts}:${place + 1}`
}
