// What a 64-bit Windows library says of itself.

const MACHINES = { 34404: 'x64', 43620: 'arm64' }
const EXPORTS = 0
const IMPORTS = 1
const DELAYED = 13

/**
 * @param {Buffer} bytes
 * @returns {{ arch: string | undefined, exported: string[], needed: string[], delayed: string[] }} names of libraries in capitals
 */
export function readPe(bytes) {
  const header = bytes.readUInt16LE(0) === 0x5a4d ? bytes.readUInt32LE(0x3c) : -1
  const optional = header + 24
  if (header < 0 || bytes.readUInt32LE(header) !== 0x4550 || bytes.readUInt16LE(optional) !== 0x20b)
    throw new TypeError('not a 64-bit Windows library')
  const first = optional + bytes.readUInt16LE(header + 20)
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const [size, address, , offset] = [8, 12, 16, 20].map((field) => bytes.readUInt32LE(first + index * 40 + field))
    return { address, offset, size }
  })
  const place = (address) => {
    const section = sections.find((section) => address >= section.address && address < section.address + section.size)
    return section && address - section.address + section.offset
  }
  const text = (address) => bytes.toString('latin1', place(address), bytes.indexOf(0, place(address)))
  const directory = (index) => place(bytes.readUInt32LE(optional + 112 + index * 8))
  const libraries = (at, size, name) => {
    const found = []
    for (; at !== undefined && bytes.readUInt32LE(at + name) !== 0; at += size)
      found.push(text(bytes.readUInt32LE(at + name)).toUpperCase())
    return found
  }
  const exported = []
  const table = directory(EXPORTS)
  for (let index = 0; table !== undefined && index < bytes.readUInt32LE(table + 24); index++) {
    exported.push(text(bytes.readUInt32LE(place(bytes.readUInt32LE(table + 32)) + index * 4)))
  }
  return {
    arch: MACHINES[bytes.readUInt16LE(header + 4)],
    exported,
    needed: libraries(directory(IMPORTS), 20, 12),
    delayed: libraries(directory(DELAYED), 32, 4),
  }
}
