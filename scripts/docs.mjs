// The API documentation as HTML, from the docstrings of all that the package exports: node scripts/docs.mjs, into build/api/.
// typedoc reads TypeScript through the compiler's JavaScript API, which TypeScript 7 does not have: it gets a 5.9 of its own.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { entryPoints } from './lib/bundle.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from './lib/run.mjs'

const TOOLS = { typedoc: '0.28.20', typescript: '5.9.3' }

// The generated configuration names other spellings of a property as @alias.
const CONFIG = `import { OptionDefaults } from 'typedoc'
export default { blockTags: [...OptionDefaults.blockTags, '@alias'] }
`

/** The tools, in a directory that is no part of the work tree's own dependencies. */
async function ensureTools() {
  const directory = join(CACHE, 'typedoc', Object.values(TOOLS).join('-'))
  const program = join(directory, 'node_modules', 'typedoc', 'bin', 'typedoc')
  const config = join(directory, 'typedoc.config.mjs')
  if (existsSync(program) && existsSync(config)) return { program, config }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify({ private: true, dependencies: TOOLS })}\n`)
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
    cwd: directory,
    log: 'typedoc-install',
    what: 'Installing typedoc',
  })
  writeFileSync(config, CONFIG)
  return { program, config }
}

await main(import.meta.url, async (argv) => {
  if (argv.length > 0) throw new UserError(`There is no option '${argv[0]}'. Usage: node scripts/docs.mjs`)
  const from = performance.now()
  const { program, config } = await ensureTools()
  const out = join(ROOT, 'build', 'api')
  rmSync(out, { recursive: true, force: true })
  const args = [
    '--options',
    config,
    '--tsconfig',
    'tsconfig.json',
    '--out',
    out,
    '--name',
    'odradek',
    '--readme',
    'README.md',
  ]
  args.push('--excludeInternal', '--excludePrivate', '--excludeProtected', '--disableSources', '--disableGit')
  // Types that are not exported are shown where they are used.
  args.push('--validation.notExported', 'false', '--validation.invalidPath', 'false', '--treatWarningsAsErrors')
  await run(process.execPath, [program, ...args, ...Object.values(entryPoints(ROOT))], {
    log: 'typedoc',
    what: 'typedoc',
  })
  console.log(`${relative(ROOT, out)}/index.html: written (${seconds(from)})`)
})
