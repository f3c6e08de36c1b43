/**
 * Management: what people ask of a running broker, over a Unix socket in its data directory, and a change of configuration.
 * Plane: control. Thread: main. Owns: the control socket and its clients. Decides nothing about messages.
 * May import: errors, limits, clock, config, tls, log, link (types), session (types), edge (types). Imported by: main, cli.
 * Read next: protocol.ts (what is said), control-socket.ts (who listens), reloader.ts, links/, api/, docs/operating/control.md.
 */
export { type AnswerSources, answerTo } from './answers.js'
export { type ApiOfferOptions, apiOffer, type OpenApiOffer } from './api-offer.js'
export { ClientPages, type ClientPagesOptions } from './client-pages.js'
export { type ClientReport, type ClientsPage, clientReport } from './client-report.js'
export { ControlSocket, type ControlSocketOptions, controlSocketPath } from './control-socket.js'
export { sayCounters } from './counters.js'
export { isStopping, LinkAdministration, type LinkAdministrationOptions } from './links/index.js'
export {
  type ControlAnswer,
  type ControlFailure,
  type ControlRequest,
  JsonText,
  parseAnswer,
} from './protocol.js'
export { changeText, Reloader, type ReloadReport } from './reloader.js'
export { type BrokerReport, type LinkReport, linkReport, type TimesReport } from './reports.js'
