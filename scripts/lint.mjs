// One command for both languages: biome for TypeScript, JavaScript and JSON, clang-format for C and C++. --write repairs what it can.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { main, output, ROOT, UserError } from './lib/run.mjs'

function show(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
    child.on('error', (error) => fail(new UserError(`${command} could not be started (${error.code}).`)))
    child.on('exit', (code) => done(code === 0))
  })
}

function cFiles() {
  const below = (directory, pattern) =>
    existsSync(join(ROOT, directory))
      ? readdirSync(join(ROOT, directory), { recursive: true })
          .filter((name) => pattern.test(name) && !name.includes('node_modules'))
          .map((name) => join(directory, name))
      : []
  return [...below('native', /\.(h|cc)$/), ...below('bench', /\.[ch]$/), ...below('deps', /\.(h|c|cc)$/)].sort()
}

async function clangFormat(write) {
  if (!(await output('clang-format', ['--version']))) {
    throw new UserError(
      'clang-format is not installed. Debian: sudo apt-get install clang-format; elsewhere: npm install -g clang-format',
    )
  }
  return show('clang-format', [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...cFiles()])
}

await main(import.meta.url, async (argv) => {
  const unknown = argv.find((argument) => argument !== '--write')
  if (unknown) throw new UserError(`There is no option '${unknown}'. Usage: node scripts/lint.mjs [--write]`)
  const write = argv.includes('--write')
  const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  if (!existsSync(biome)) throw new UserError('biome is not installed. Run: npm ci')
  const javascript = await show(process.execPath, [biome, 'check', ...(write ? ['--write'] : [])])
  const cpp = await clangFormat(write)
  if (!javascript || !cpp) throw new UserError(`lint failed${write ? '' : '; try: npm run format'}`)
  console.log(`lint: JavaScript, TypeScript and JSON fine; ${cFiles().length} C and C++ files fine`)
})
