import { producerUnderFire } from '../helpers/producer-under-fire.js'

producerUnderFire({ faults: 4 })
