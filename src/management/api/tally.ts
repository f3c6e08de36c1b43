/** What the API counts on its thread, until control is told. */

export interface ApiCounts {
  /** Requests whose headers were read. */
  api_requests: number
  api_refused_credentials: number
  api_refused_role: number
  api_refused_busy: number
  api_unanswered: number
  api_refused_requests: number
  api_refused_connections: number
}

export interface ApiReport {
  /** Open now. */
  readonly connections: number
  /** Since the last report. */
  readonly counts: Readonly<ApiCounts>
  /** Who was refused last, for its credentials or its role; null: nobody since the last report. */
  readonly refused: Refused | null
}

export interface Refused {
  readonly peer: string
  /** Null: none that we have. */
  readonly key: string | null
}

export class Tally {
  connections = 0
  counts = none()
  refused: Refused | null = null
  #toldConnections = 0

  /** What has changed since the last time; null: nothing. */
  take(): ApiReport | null {
    const { connections, counts, refused } = this
    const isQuiet = Object.values(counts).every((count) => count === 0)
    if (isQuiet && connections === this.#toldConnections) return null
    this.#toldConnections = connections
    this.counts = none()
    this.refused = null
    return { connections, counts, refused }
  }
}

function none(): ApiCounts {
  return {
    api_requests: 0,
    api_refused_credentials: 0,
    api_refused_role: 0,
    api_refused_busy: 0,
    api_unanswered: 0,
    api_refused_requests: 0,
    api_refused_connections: 0,
  }
}
