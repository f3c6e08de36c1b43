/** `retainer.*`: EMQX's names; 0 means "no limit" where EMQX says so. */

import type { z } from 'zod'
import { mqttLimits } from '../../limits.js'
import type { RetainerConfig } from '../config.js'
import * as form from './form.js'
import { alias, asleep, ignored, key, section } from './key.js'

const count = form.integer(0, Number.MAX_SAFE_INTEGER)
const deliveryRate = form.orWord(form.rate, 'infinity')

export const retainerSchema = section({
  enable: key(form.boolean, true, 'Whether retained messages are kept.'),
  max_payload_size: key(
    form.bytesize({ min: 1, max: mqttLimits.packetBytes }),
    '1MB',
    'Largest payload that is retained; a larger one is delivered only.',
  ),
  msg_expiry_interval: key(
    form.duration(),
    '0s',
    'Life of retained messages that have no expiry, neither of their own nor from `mqtt.message_expiry_interval`; 0: for ever.',
  ),
  msg_clear_interval: asleep(
    'expired messages are removed a few at a time, all the time',
    key(
      form.duration(),
      '0s',
      'Period of removing expired messages; 0: none, they are skipped when read.',
    ),
  ),
  stop_publish_clear_msg: key(
    form.boolean,
    false,
    'Do not deliver the empty message that clears a retained one.',
  ),
  delivery_rate: asleep(
    'a replay goes as fast as its client reads',
    key(
      deliveryRate,
      'infinity',
      'Retained messages replayed to new subscriptions, all clients together.',
    ),
  ),
  deliver_rate: asleep(
    'a replay goes as fast as its client reads',
    alias(deliveryRate, 'delivery_rate'),
  ),
  flow_control: section({
    batch_read_number: asleep(
      'a replay reads in steps of its own',
      key(count, 0, 'Messages read per step of a replay; 0: no limit.'),
    ),
    batch_deliver_number: asleep(
      'a replay goes as fast as its client reads',
      key(count, 0, 'Messages sent per step of a replay; 0: no limit.'),
    ),
    batch_deliver_limiter: ignored('delivery_rate is the only rate'),
  }),
  backend: section({
    max_retained_messages: key(count, 0, 'Topics that may hold a retained message; 0: no limit.'),
    type: key(form.oneOf('built_in_database'), 'built_in_database', 'Accepted as in EMQX.'),
    storage_type: ignored('node.data_dir and durability decide what is on disk'),
    index_specs: ignored('the retained index needs no specification'),
    enable: ignored('retainer.enable decides'),
  }),
  msg_expiry_interval_override: ignored('use mqtt.message_expiry_interval'),
  allow_never_expire: ignored('use msg_expiry_interval'),
  msg_clear_limit: ignored('the sweep runs in slices of bounded time'),
  max_publish_rate: ignored('rates are not limited yet'),
  external_backends: ignored('there are no other backends'),
})

export function toRetainer(retainer: z.output<typeof retainerSchema>): RetainerConfig {
  const { flow_control: flow, backend } = retainer
  return {
    enable: retainer.enable,
    maxPayloadBytes: retainer.max_payload_size,
    expiryMs: zeroIsNull(retainer.msg_expiry_interval),
    clearIntervalMs: zeroIsNull(retainer.msg_clear_interval),
    maxRetainedMessages: zeroIsNull(backend.max_retained_messages),
    stopPublishClearMessage: retainer.stop_publish_clear_msg,
    batchReadNumber: zeroIsNull(flow.batch_read_number),
    batchDeliverNumber: zeroIsNull(flow.batch_deliver_number),
    deliverRatePerSecond:
      retainer.deliver_rate === undefined ? retainer.delivery_rate : retainer.deliver_rate,
  }
}

function zeroIsNull(n: number): number | null {
  return n === 0 ? null : n
}
