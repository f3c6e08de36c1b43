/** That messages came, all and in order. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Qos } from '../../harness/index.js'
import type { Message, Received } from './program.js'
import type { Subscription } from './subscription.js'

/** Messages whose payloads are 0, 1, 2, … */
export function numbered(topic: string, count: number, qos: Qos = 1): Message[] {
  return Array.from({ length: count }, (_, n) => ({ topic, payload: `${n}`, qos }))
}

/** As many messages come, each topic's in their order, each with its own QoS and once. */
export async function arrive(
  subscription: Subscription,
  messages: readonly Message[],
): Promise<void> {
  assert.deepEqual(byTopic(await subscription.take(messages.length)), byTopic(messages))
}

function byTopic(messages: readonly (Message | Received)[]): Record<string, string[]> {
  const topics: Record<string, string[]> = {}
  for (const message of messages) {
    const seen = topics[message.topic] ?? []
    seen.push(essence(message))
    topics[message.topic] = seen
  }
  return topics
}

/** Of a large payload, enough to tell it from others. */
function essence({ qos, payload }: Message | Received): string {
  const bytes = Buffer.from(payload)
  return `QoS ${qos}, ${bytes.length} B: ${bytes.length <= 32 ? bytes : digest(bytes)}`
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64')
}
