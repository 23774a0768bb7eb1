// What the image and who starts it agree on.
import { KAFKA_VERSION } from './obtain.mjs'

export const IMAGE = `odradek-kafka:${KAFKA_VERSION}`

/** Where a container's Broker takes its configuration; it lives as long as that connection. */
export const LIFELINE_PORT = 9095
