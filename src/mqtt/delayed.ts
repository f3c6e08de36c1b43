/**
 * `$delayed/<interval>/<topic>` as the control plane has to judge it: in wills. Publishing later is the data plane's
 * (native/mqtt/delayed_topic.h), which judges again when the will is due.
 */

const delayedPrefix = '$delayed/'
const delayedForm = /^\$delayed\/\d{1,15}\/(.+)$/s

/** What a message to `topic` is published to in the end; null when it names a delay that makes no sense. */
export function destinationOf(topic: string): string | null {
  if (!topic.startsWith(delayedPrefix)) return topic
  const destination = delayedForm.exec(topic)?.[1]
  return destination === undefined || destination.startsWith(delayedPrefix) ? null : destination
}
