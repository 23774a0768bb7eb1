// The names of the bank's topics and group; BANK tells one bank from another on the same Kafka.
const bank = process.env.BANK ?? 'bank'

export const topics = { transfers: `${bank}-transfers`, ledger: `${bank}-ledger`, group: bank }
export const partitions = 4
