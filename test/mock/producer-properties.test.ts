import { producerProperties } from '../helpers/producer-model.js'

producerProperties({ runs: 20 })
