// The benchmark's tasks with node-rdkafka.
import { runCallbackApi } from './callback.mjs'
import { loadCommonJs } from './load.mjs'

await runCallbackApi(loadCommonJs('node-rdkafka'))
