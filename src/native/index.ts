/**
 * Native: the one door to the addon. Nobody else loads it; what crosses is declared in binding.ts.
 * Plane: both. Thread: control starts the engine; task workers only call `bootstrapBatch`, the edge thread `attachEdge`, `causeway bench` only `loadRoom` and `workbench`.
 * May import: errors, config. Imported by: main, tasks, edge, cli; the types of engine.ts by everybody.
 * Read next: engine.ts (what control may say and hear), records.ts (the bytes), native/transport/engine.h.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/index.js'
import { CausewayError } from '../errors.js'
import { engineLimits } from '../limits.js'
import type { Binding, EdgeAttachment, MessagePolicy } from './binding.js'
import { EdgeExchange } from './edge.js'
import type { BootstrapBatch, BootstrapRequest, EngineEvent } from './engine.js'
import { layout } from './layout.generated.js'
import {
  type FloorFan,
  type LoadEndpoint,
  LoadGenerator,
  type LoadPlan,
  type ProbeOptions,
  RouteProbe,
  type SelfSigned,
} from './load.js'
import { NativeEngine } from './native-engine.js'
import { DeltaBench, type MessageSample, type PublishSample, RouterBench } from './workbench.js'

export {
  type EdgeClient,
  EdgeExchange,
  type EdgeRefusal,
  type EdgeVerdict,
  type EdgeVisitor,
} from './edge.js'
export type * from './engine.js'
export { nativeGauges } from './gauges.js'
export type * from './link-data-plane.js'
export type * from './load.js'
export { NativeEngine } from './native-engine.js'
export {
  DeltaBench,
  type MessageSample,
  type PublishSample,
  packTexts,
  RouterBench,
} from './workbench.js'

/** What every io loop counts, with unit and meaning; declared in native/core/counters.h. */
export const nativeCounters = layout.counters

let loaded: Binding | null = null

/** @throws CausewayError NATIVE_ADDON_MISSING, NATIVE_ABI_MISMATCH */
export function openEngine(options: {
  readonly config: Config
  readonly onEvents: (events: readonly EngineEvent[]) => void
}): NativeEngine {
  const { delayed, limits, mqtt, retainer, workers } = options.config
  return new NativeEngine(
    binding(),
    {
      loops: workers.io,
      laneSlots: laneSlots(workers.io),
      pendingConnects: limits.pendingConnects,
      storeRetained: retainer.enable,
      retainedMessagesMax: retainer.maxRetainedMessages ?? 0,
      retainedPayloadBytesMax: retainer.maxPayloadBytes,
      retainedBytesMax: engineLimits.retainedBytes,
      delayedEnabled: delayed.enable,
      delayedMessagesMax: delayed.messagesMax ?? 0,
      delayedBytesMax: engineLimits.delayedBytes,
      retainedLifetimeMs: retainer.expiryMs ?? 0,
      strategy: mqtt.sharedSubscriptionStrategy,
      stickyPick: mqtt.sharedSubscriptionStickyPick,
      messagePolicy: messagePolicy(options.config),
    },
    { qosMax: mqtt.maxQosAllowed, retainAvailable: mqtt.retainAvailable },
    options.onEvents,
  )
}

function messagePolicy({ mqtt, retainer }: Config): MessagePolicy {
  const priorities = [...(mqtt.mqueuePriorities ?? [])]
  return {
    // In whole seconds, as it goes out to MQTT 5 clients: never shorter than what was written.
    expirySecondsMax: Math.ceil((mqtt.messageExpiryIntervalMs ?? 0) / 1000),
    topicLevelsMax: mqtt.maxTopicLevels,
    retryMs: mqtt.retryIntervalMs ?? 0,
    awaitReleaseMs: mqtt.awaitRelTimeoutMs,
    clearsSilently: retainer.stopPublishClearMessage,
    queuePriorities: {
      topics: priorities.map(([topic]) => topic),
      priorities: priorities.map(([, priority]) => priority),
      othersHighest: mqtt.mqueueDefaultPriority === 'highest',
    },
  }
}

/**
 * Entries of the lane from each loop to each other. `CAUSEWAY_LANE_SLOTS` overrides it, to find out what full lanes do: a debugging
 * aid, so it is not in the configuration; what is no positive integer is not an override.
 */
function laneSlots(loops: number): number {
  const written = Number(process.env.CAUSEWAY_LANE_SLOTS)
  if (Number.isInteger(written) && written > 0) return written
  const share = Math.floor(engineLimits.laneEntries / (loops * loops))
  return Math.min(engineLimits.laneSlotsMax, Math.max(engineLimits.laneSlotsMin, share))
}

/** The next stretch of this cluster's interest, cut by a link's topics. Any thread of the process that runs the engine. */
export function bootstrapBatch(request: BootstrapRequest): BootstrapBatch {
  const { written, payload, ...made } = binding().bootstrapBatch(request)
  return { ...made, payload: written > 0 ? request.into.subarray(0, written) : payload }
}

/**
 * The edge thread's own environment meets the engine of its process, once. `onBell` is called when `EdgeExchange.run` has something to give.
 */
export function attachEdge(options: EdgeAttachment, onBell: () => void): EdgeExchange {
  const addon = binding()
  addon.attachEdge(options, onBell)
  return new EdgeExchange(addon)
}

/** What `causeway bench` uses of the addon. @throws CausewayError BENCH_FAILED on other systems than Linux */
export const loadRoom = {
  start: (plan: LoadPlan): LoadGenerator => new LoadGenerator(loadBinding(), plan),
  probe: (options: ProbeOptions): RouteProbe => new RouteProbe(loadBinding(), options),
  /**
   * Answers clients with next to no work, until the process ends; with a fan it sends to those that have subscribed. Text: why it
   * cannot.
   */
  floor: (endpoint: LoadEndpoint, fan: FloorFan | null): string | null =>
    loadBinding().startFloor(endpoint, fan),
  /** For a listener that is to be measured over TLS. */
  selfSigned: (): SelfSigned | null => loadBinding().makeSelfSigned(),
  /** Puts this thread, and what it starts from now on, on these processors. False: not possible. */
  useProcessors: (numbers: readonly number[]): boolean => loadBinding().useProcessors(numbers),
  processors: (): readonly number[] => loadBinding().processors(),
}

/** Parts of the core by themselves: what `causeway bench core` and bench/micro measure. No engine has to run. */
export const workbench = {
  router: (): RouterBench => new RouterBench(binding()),
  deltas: (): DeltaBench => new DeltaBench(binding()),
  /** Packets of a client that are whole and valid, up to the first that is not. */
  decodePackets: (bytes: Uint8Array, version: 3 | 4 | 5): number =>
    binding().decodePackets(bytes, version),
  /** `count` times the same PUBLISH, one behind the other. */
  encodePublishes: (publish: PublishSample, version: 3 | 4 | 5, count: number): Buffer =>
    binding().encodePublishes(
      publish.topic,
      publish.payload,
      publish.packetId,
      publish.qos,
      version,
      count,
    ),
  /** `count` times the term in which a message crosses a link, one behind the other. */
  encodeMessages: (message: MessageSample, count: number): Buffer =>
    binding().encodeMessages(message.topic, message.payload, message.clientId, count),
  /** How many of the `count` terms, all of one size, are messages. */
  decodeMessages: (terms: Uint8Array, count: number): number =>
    binding().decodeMessages(terms, count),
}

function loadBinding(): Binding {
  const addon = binding()
  if (typeof addon.startLoad === 'function') return addon
  throw new CausewayError('BENCH_FAILED', 'causeway bench runs on Linux only')
}

function binding(): Binding {
  loaded ??= load()
  return loaded
}

function load(): Binding {
  const root = packageRoot()
  const path = join(root, 'build', 'Release', 'causeway.node')
  let addon: Binding
  try {
    // What the file exports is declared in binding.ts; the layout comparison below refuses a file of another version.
    addon = createRequire(import.meta.url)(path) as Binding
  } catch (cause) {
    throw new CausewayError(
      'NATIVE_ADDON_MISSING',
      `cannot load the addon ${path}: run npm run build`,
      { cause },
    )
  }
  if (JSON.stringify(addon.layout()) !== JSON.stringify(layout)) {
    throw new CausewayError(
      'NATIVE_ABI_MISMATCH',
      `the addon ${path} was built from other sources than this program: run npm run build`,
    )
  }
  return addon
}

/** The folder of our package.json, from src, dist or a test build alike. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder)
    folder = dirname(folder)
  return folder
}
