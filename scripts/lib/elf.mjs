// What a 64-bit little-endian ELF file says of itself: read here, since readelf is not on every machine that packs.

const MACHINES = { 62: 'x64', 183: 'arm64' }
const SHT_DYNSYM = 11
const SHT_GNU_VERNEED = 0x6ffffffe
const SHT_DYNAMIC = 6
const DT_NEEDED = 1n
const DT_FLAGS_1 = 0x6ffffffbn
const NODELETE = 8n

function sections(bytes) {
  const at = Number(bytes.readBigUInt64LE(0x28))
  const size = bytes.readUInt16LE(0x3a)
  return Array.from({ length: bytes.readUInt16LE(0x3c) }, (_, index) => {
    const base = at + index * size
    return {
      type: bytes.readUInt32LE(base + 4),
      offset: Number(bytes.readBigUInt64LE(base + 24)),
      size: Number(bytes.readBigUInt64LE(base + 32)),
      link: bytes.readUInt32LE(base + 40),
      info: bytes.readUInt32LE(base + 44),
    }
  })
}

/**
 * @param {Buffer} bytes
 * @returns {{ arch: string | undefined, exported: string[], undefined: string[], needed: string[], versions: string[], nodelete: boolean }}
 */
export function readElf(bytes) {
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new TypeError('not a 64-bit ELF file')
  const all = sections(bytes)
  const ofType = (type) => all.find((section) => section.type === type)
  const text = (section, offset) => {
    const start = all[section.link].offset + offset
    return bytes.toString('latin1', start, bytes.indexOf(0, start))
  }
  const result = {
    arch: MACHINES[bytes.readUInt16LE(18)],
    exported: [],
    undefined: [],
    needed: [],
    versions: [],
    nodelete: false,
  }
  const symbols = ofType(SHT_DYNSYM)
  for (let at = symbols.offset + 24; at < symbols.offset + symbols.size; at += 24) {
    const name = text(symbols, bytes.readUInt32LE(at))
    ;(bytes.readUInt16LE(at + 6) === 0 ? result.undefined : result.exported).push(name)
  }
  const dynamic = ofType(SHT_DYNAMIC)
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const value = bytes.readBigUInt64LE(at + 8)
    const tag = bytes.readBigUInt64LE(at)
    if (tag === DT_NEEDED) result.needed.push(text(dynamic, Number(value)))
    if (tag === DT_FLAGS_1) result.nodelete = (value & NODELETE) !== 0n
  }
  const versions = ofType(SHT_GNU_VERNEED)
  for (let need = 0, at = versions?.offset; versions && need < versions.info; need++) {
    for (let index = 0, aux = at + bytes.readUInt32LE(at + 8); index < bytes.readUInt16LE(at + 2); index++) {
      result.versions.push(text(versions, bytes.readUInt32LE(aux + 8)))
      aux += bytes.readUInt32LE(aux + 12)
    }
    at += bytes.readUInt32LE(at + 12)
  }
  return result
}
