// What the workflows promise: nothing is published that was not tested, and what cannot be published is told of before it is built.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { releaseProblems } = await script('check-release.mjs')
const { TARGETS } = await script('lib/targets.mjs')

type Step = { uses?: string; run?: string }
type Job = {
  needs?: string | string[]
  uses?: string
  steps?: Step[]
  permissions?: Record<string, string>
  strategy?: { matrix: { include: Record<string, string>[] } }
}
const workflow = (name: string) =>
  parse(readFileSync(join(root, '.github', 'workflows', `${name}.yml`), 'utf8')) as { jobs: Record<string, Job> }
const [ci, release] = [workflow('ci'), workflow('release')]
const runs = (job: Job) => (job.steps ?? []).map(({ run }) => run ?? '').join('\n')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** All that a job waits for, and what that waits for. */
function before(job: string): Set<string> {
  const needs = [release.jobs[job]!.needs ?? []].flat()
  return new Set(needs.flatMap((name) => [name, ...before(name)]))
}

describe('the workflows', () => {
  test('build every target on a machine of its own kind, and run its tests with the addon that is published', () => {
    expect(ci.jobs.build!.strategy!.matrix.include.map(({ target }) => target)).toEqual(
      TARGETS.map(({ name }: { name: string }) => name),
    )
    expect(runs(ci.jobs.build!)).toMatch(
      /with-variant\.mjs \S+ \S+ \S+ vitest .*--project unit --project mock --project lifecycle/,
    )
  })

  test('run all tests for every push, and before a release', () => {
    expect(runs(ci.jobs.test!).split('\n')).toContain('npm test')
    expect(release.jobs.ci!.uses).toBe('./.github/workflows/ci.yml')
  })

  test('publish after every other job, with provenance, and what was tested: nothing is packed twice', () => {
    const others = Object.keys(release.jobs).filter((name) => name !== 'publish')
    expect([...before('publish')].sort()).toEqual(others.sort())
    expect(runs(release.jobs.publish!)).toMatch(/npm publish \S+\.tgz .*--provenance/)
    const packing = Object.entries(release.jobs).filter(([, job]) => /npm pack/.test(runs(job)))
    expect(packing.map(([name]) => name)).toEqual(['pack'])
    expect(runs(release.jobs.pack!)).toContain('scripts/prebuild.mjs --check')
    expect(runs(release.jobs['test-package']!)).toMatch(/ODRADEK_TARBALL=.* npm run test:package/)
  })

  test('let in by npm is one job alone, which runs nothing of the repository', () => {
    const trusted = Object.entries(release.jobs).filter(([, { permissions }]) => permissions?.['id-token'])
    expect(trusted.map(([name]) => name)).toEqual(['publish'])
    expect(release.jobs.publish!.steps!.some(({ uses }) => uses?.includes('checkout'))).toBe(false)
  })

  test('name each action by its commit, since a tag can be moved', () => {
    const steps = [...Object.values(ci.jobs), ...Object.values(release.jobs)].flatMap(({ steps = [] }) => steps)
    const used = steps.flatMap(({ uses }) => uses ?? [])
    expect(used.length).toBeGreaterThan(15)
    expect(used.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([])
    // One commit for one action, so that a move of it forgets none.
    expect(new Set(used).size).toBe(new Set(used.map((action) => action.split('@')[0])).size)
  })
})

describe('a release', () => {
  const repository = manifest.repository.url.replace(/^git\+https:\/\/github\.com\/|\.git$/g, '')
  const env = {
    GITHUB_REPOSITORY: repository,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REF: `refs/tags/v${manifest.version}`,
    GITHUB_REF_NAME: `v${manifest.version}`,
  }
  const check = (changed: NodeJS.ProcessEnv) => {
    const options = { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH, ...env, ...changed } } as const
    return spawnSync(process.execPath, ['scripts/check-release.mjs'], options)
  }

  test('of this version from the repository that package.json names can be made', () => {
    expect(repository).toMatch(/^[\w.-]+\/[\w.-]+$/)
    expect(check({})).toMatchObject({ status: 0, stderr: '' })
    expect(check({ GITHUB_REF: 'refs/heads/main', GITHUB_REF_NAME: 'main' }).status).toBe(0)
  })

  test('from another repository is refused, with what to write', () => {
    const { status, stderr } = check({ GITHUB_REPOSITORY: 'someone/else' })
    expect(status).toBe(1)
    expect(stderr).toContain(`repository.url is '${manifest.repository.url}', but this runs in someone/else`)
    expect(stderr).toContain("Set it to 'git+https://github.com/someone/else.git'")
    expect(stderr).not.toContain('    at ')
    expect(releaseProblems({ version: '1.0.0' }, env)[0]).toContain('repository.url is not there')
  })

  test('by a tag of another version is refused, and one outside of GitHub Actions', () => {
    const tagged = check({ GITHUB_REF: 'refs/tags/v9.9.9', GITHUB_REF_NAME: 'v9.9.9' })
    expect(tagged.status).toBe(1)
    expect(tagged.stderr).toContain(`the tag is v9.9.9, but package.json's version is ${manifest.version}`)
    expect(check({ GITHUB_REPOSITORY: '' }).stderr).toContain('GITHUB_REPOSITORY is not set')
  })
})
