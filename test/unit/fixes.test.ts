// What is mended of librdkafka is replaced by its text: a release that lacks a passage stops the build with what it lacks.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('a passage that a release does not have is named, with the file and the release', () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-fixes-'))
  try {
    const fixes = fileURLToPath(new URL('../../deps/librdkafka/fixes.cmake', import.meta.url))
    writeFileSync(join(directory, 'rdkafka_coord.c'), 'static void rd_kafka_coord_req_fsm(rd_kafka_t *rk);\n')
    const script = `set(LIBRDKAFKA_VERSION 9.9.9)\nset(RDKAFKA_DIR "${directory}")\ninclude("${fixes}")\n`
    writeFileSync(join(directory, 'script.cmake'), script)
    const ended = spawnSync('cmake', ['-P', join(directory, 'script.cmake')], { cwd: directory, encoding: 'utf8' })
    expect(ended.status).not.toBe(0)
    // CMake breaks lines.
    const said = ended.stderr.replaceAll(/\s+/g, ' ')
    expect(said).toContain('deps/librdkafka/fixes.cmake: librdkafka 9.9.9 does not have in rdkafka_coord.c')
    expect(said).toContain('static void rd_kafka_coord_req_fsm(rd_kafka_t *rk, rd_kafka_coord_req_t *creq);')
    expect(said).toContain('If this release has mended it, remove the replacement')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
