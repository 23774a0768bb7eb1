// Which broker is the controller? (With KRaft one that takes requests for it.)
import { AdminClient } from 'odradek'

const admin = new AdminClient({ 'bootstrap.servers': process.env.KAFKA_BROKERS })
const { controller, nodes } = await admin.describeCluster()
console.log(`controller: broker ${controller.id} at ${controller.host}:${controller.port}, one of ${nodes.length}`)
await admin.close()
