// What a 64-bit Mach-O file says of itself.

const MACHINES = { 16777223: 'x64', 16777228: 'arm64' }
const LC_SYMTAB = 0x2
const LC_CODE_SIGNATURE = 0x1d
const LC_BUILD_VERSION = 0x32
// LC_LOAD_DYLIB, and the same weakly and re-exported.
const LIBRARIES = [0xc, 0x80000018, 0x8000001f]
const EXTERNAL = 0x01
const PRIVATE = 0x10
const SECTION = 0x0e
// Which library has it: Apple's linker writes the latter for -undefined dynamic_lookup, zig's the former.
const ANY = [0, 0xfe]

function symbols(bytes, at, result) {
  const [offset, count, strings] = [8, 12, 16].map((field) => bytes.readUInt32LE(at + field))
  for (let entry = offset; entry < offset + count * 16; entry += 16) {
    const start = strings + bytes.readUInt32LE(entry)
    // The compiler's underscore goes.
    const name = bytes.toString('latin1', start + 1, bytes.indexOf(0, start))
    const type = bytes[entry + 4]
    if (!(type & EXTERNAL) || type & PRIVATE) continue
    if ((type & SECTION) === SECTION) result.exported.push(name)
    else if (ANY.includes(bytes[entry + 7])) result.undefined.push(name)
  }
}

/**
 * @param {Buffer} bytes
 * @returns {{ arch: string | undefined, exported: string[], undefined: string[], needed: string[], minimum: string, signed: boolean }}
 *   undefined: what any library of the process may provide; minimum: the oldest macOS
 */
export function readMachO(bytes) {
  if (bytes.readUInt32LE(0) !== 0xfeedfacf) throw new TypeError('not a 64-bit Mach-O file')
  const arch = MACHINES[bytes.readUInt32LE(4)]
  const result = { arch, exported: [], undefined: [], needed: [], minimum: '', signed: false }
  for (let command = 0, at = 32; command < bytes.readUInt32LE(16); command++, at += bytes.readUInt32LE(at + 4)) {
    const kind = bytes.readUInt32LE(at)
    if (kind === LC_SYMTAB) symbols(bytes, at, result)
    if (kind === LC_CODE_SIGNATURE) result.signed = true
    if (kind === LC_BUILD_VERSION) result.minimum = `${bytes.readUInt16LE(at + 14)}.${bytes[at + 13]}`
    if (LIBRARIES.includes(kind)) {
      const start = at + bytes.readUInt32LE(at + 8)
      result.needed.push(bytes.toString('latin1', start, bytes.indexOf(0, start)))
    }
  }
  return result
}
