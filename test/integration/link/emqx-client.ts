/** The dialling half of an EMQX 5.8 node: its route client, as the capture shows it. */
import { TestClient } from '../harness/index.js'
import type { Cluster } from './cluster.js'
import { type Actor, heartbeatTerm, initTerm, type RouteOp, routeTerm } from './route-terms.js'

export class EmqxRouteClient {
  readonly client: TestClient
  readonly cluster: string
  readonly actor: Actor
  #packetId = 100

  private constructor(client: TestClient, cluster: string, actor: Actor) {
    this.client = client
    this.cluster = cluster
    this.actor = actor
  }

  /** Connects and subscribes to its response topic; says nothing of itself yet. */
  static async connect(
    to: Cluster,
    cluster: string,
    actor: Actor,
    suffix = '0d672ed9',
  ): Promise<EmqxRouteClient> {
    const client = await TestClient.connect({
      port: to.linkPort,
      version: 5,
      clean: false,
      keepAliveSeconds: 60,
      clientId: `link-${cluster}:routesync:${suffix}`,
      properties: { sessionExpiryInterval: 60 },
    })
    const route = new EmqxRouteClient(client, cluster, actor)
    await client.subscribe({ topic: route.responseTopic, qos: 1 })
    return route
  }

  get topic(): string {
    return `$LINK/cluster/route/${this.cluster}`
  }

  get responseTopic(): string {
    return `$LINK/cluster/resp/${this.cluster}/${this.actor.name}`
  }

  /** The answer's payload. */
  async init(target: string, correlation = '0011223344556677'): Promise<Buffer> {
    this.send(initTerm(this.actor, target), 1, {
      responseTopic: this.responseTopic,
      correlationData: Buffer.from(correlation),
    })
    await this.client.packet('puback')
    const answer = await this.client.message()
    const echoed = answer.properties?.correlationData?.toString()
    if (echoed !== correlation) throw new Error(`correlation data ${echoed}`)
    return Buffer.from(answer.payload)
  }

  /** The PUBACK's reason code. */
  async routes(ops: readonly RouteOp[]): Promise<number> {
    this.send(routeTerm(this.actor, ops), 1)
    return (await this.client.packet('puback')).reasonCode ?? 0
  }

  heartbeat(): void {
    this.send(heartbeatTerm(this.actor), 0)
  }

  send(
    payload: Buffer,
    qos: 0 | 1,
    properties?: { readonly responseTopic?: string; readonly correlationData?: Buffer },
  ): void {
    this.client.send({
      cmd: 'publish',
      topic: this.topic,
      payload,
      qos,
      retain: false,
      dup: false,
      ...(qos === 0 ? {} : { messageId: ++this.#packetId }),
      ...(properties === undefined ? {} : { properties }),
    })
  }
}
