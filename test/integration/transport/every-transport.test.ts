/** Every story by every transport with MQTT.js. Other people's programs tell the same in test/interop. */
import { MqttJs, tellEverywhere, tellOfCrowds, tellRefusals } from './every/index.js'

const programs = [new MqttJs()]
tellEverywhere(programs)
tellOfCrowds(programs)
tellRefusals()
