/**
 * Connection: whether a CONNECT may in, as whom, and on what terms; and the CONNACK that says so.
 * Plane: control. Thread: main. Owns nothing but prepared CONNACKs.
 * May import: limits, config, mqtt, native (types), session (types). Imported by: broker.
 * Read next: admission.ts (the decision), connack.ts (the answer), policy.ts (where the numbers come from).
 */
export { type Admission, type Admitted, admit, type Origin } from './admission.js'
export { attachCommand } from './attach.js'
export { Connacks } from './connack.js'
export { type ConnectionPolicy, connectionPolicy, linkAllowed } from './policy.js'
