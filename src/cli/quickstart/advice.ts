/** What to try next, as lines to copy. */
import { host, type Region } from './region.js'

/** @param folder where the configurations and logs are */
export function advice(east: Region, west: Region, folder: string): string {
  return `What to try next, each command in a terminal of its own:

  a message from ${east.cluster} to ${west.cluster}
    mosquitto_sub -h ${host} -p ${west.clientPort} -t 'linked/#' -q 1 -v
    mosquitto_pub -h ${host} -p ${east.clientPort} -t linked/42 -q 1 -m 'hello from the east'

  the other way, with MQTTX
    mqttx sub -h ${host} -p ${east.clientPort} -t 'linked/#' -q 1
    mqttx pub -h ${host} -p ${west.clientPort} -t linked/42 -q 1 -m 'hello from the west'

  and the same with the tools exchanged
    mosquitto_sub -h ${host} -p ${east.clientPort} -t 'linked/#' -q 1 -v
    mosquitto_pub -h ${host} -p ${west.clientPort} -t linked/42 -q 1 -m 'hello from the west'
    mqttx sub -h ${host} -p ${west.clientPort} -t 'linked/#' -q 1
    mqttx pub -h ${host} -p ${east.clientPort} -t linked/42 -q 1 -m 'hello from the east'

Configurations and logs are in ${folder}
Ctrl-C stops both brokers.
`
}
