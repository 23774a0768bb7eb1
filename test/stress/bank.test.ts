// The bank under fire: processes of a pipeline are killed and paused, brokers and coordinators killed, connections cut,
// while transfers arrive; then Kafka's own console consumer adds up. Replay:
// ODRADEK_BANK_SEED=… ODRADEK_BANK_FAULTS=… npm run test:stress -- test/stress/bank.test.ts
import { bankUnderFire } from '../helpers/bank-under-fire.js'

bankUnderFire({ faults: 200 })
