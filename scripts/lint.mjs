// One command for both languages: biome for TypeScript, JavaScript and JSON, clang-format for C and C++. --write repairs what it can.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { main, output, ROOT, UserError } from './lib/run.mjs'

function show(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
    child.on('error', (error) => fail(new UserError(`${command} could not be started (${error.code}).`)))
    child.on('exit', (code) => done(code === 0))
  })
}

/** All that git would commit, wherever it is: what is not ours is not formatted as ours, and shows here. */
async function cFiles() {
  const listed = await output('git', ['ls-files', '-co', '--exclude-standard', '*.c', '*.h', '*.cc'])
  return listed.split('\n').filter((name) => name && existsSync(join(ROOT, name)))
}

async function clangFormat(files, write) {
  if (!(await output('clang-format', ['--version']))) {
    throw new UserError(
      'clang-format is not installed. Debian: sudo apt-get install clang-format; elsewhere: npm install -g clang-format',
    )
  }
  return show('clang-format', [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...files])
}

await main(import.meta.url, async (argv) => {
  const unknown = argv.find((argument) => argument !== '--write')
  if (unknown) throw new UserError(`There is no option '${unknown}'. Usage: node scripts/lint.mjs [--write]`)
  const write = argv.includes('--write')
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  if (!existsSync(biome)) throw new UserError('biome is not installed. Run: npm ci')
  const javascript = await show(process.execPath, [biome, 'check', ...(write ? ['--write'] : [])])
  const files = await cFiles()
  const cpp = await clangFormat(files, write)
  if (!javascript || !cpp) throw new UserError(`lint failed${write ? '' : '; try: npm run format'}`)
  console.log(`lint: JavaScript, TypeScript and JSON fine; ${files.length} C and C++ files fine`)
})
