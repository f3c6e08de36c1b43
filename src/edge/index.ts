/**
 * Edge: MQTT over WebSocket. A thread of its own pumps bytes between WebSockets and the rings of the io loops; it knows no MQTT.
 * The HTTP API is served there as well, so that whoever asks does not hold up control.
 * Plane: data, in chunks. Thread: edge-thread.ts is control's handle, edge-worker.ts and all below run on the edge thread.
 * May import: errors, limits, clock, config, native, listener (types), management/api. Imported by: main.
 * Read next: edge-thread.ts (its life), pump.ts (the bytes), native/transport/edge_port.h (the other end of the rings).
 */
export { type ApiOffer, EdgeThread, type EdgeThreadOptions } from './edge-thread.js'
export type { EdgeStarted } from './messages.js'
