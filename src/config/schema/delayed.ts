/** `delayed.*`: EMQX's names; `$delayed/…` of docs/protocol/dollar-topics.md. */

import type { z } from 'zod'
import type { DelayedConfig } from '../config.js'
import * as form from './form.js'
import { key, section } from './key.js'

export const delayedSchema = section({
  enable: key(
    form.boolean,
    true,
    'Whether `$delayed/…` publishes later; else it is a topic like any other.',
  ),
  max_delayed_messages: key(
    form.integer(0, Number.MAX_SAFE_INTEGER),
    0,
    'Messages that may wait for their time; 0: no limit but that of their bytes, 256 MiB.',
  ),
})

export function toDelayed(delayed: z.output<typeof delayedSchema>): DelayedConfig {
  return {
    enable: delayed.enable,
    messagesMax: delayed.max_delayed_messages === 0 ? null : delayed.max_delayed_messages,
  }
}
