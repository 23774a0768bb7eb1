// The benchmark's tasks with @confluentinc/kafka-javascript's callback API.
import { runCallbackApi } from './callback.mjs'
import { loadCommonJs } from './load.mjs'

await runCallbackApi(loadCommonJs('@confluentinc/kafka-javascript'))
