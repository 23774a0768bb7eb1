// What npm or GitHub would only say after everything is built: node scripts/check-release.mjs, in the release workflow.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, ROOT, UserError } from './lib/run.mjs'

/**
 * What keeps this package from being published by this workflow; none: [].
 * @param {{ version: string, repository?: { url?: string } | string }} manifest package.json
 * @param {NodeJS.ProcessEnv} env what GitHub Actions sets
 */
export function releaseProblems(manifest, env) {
  const problems = []
  const repository = env.GITHUB_REPOSITORY
  if (!repository)
    return ['GITHUB_REPOSITORY is not set: this is for the release workflow (.github/workflows/release.yml)']
  const wanted = `git+${env.GITHUB_SERVER_URL || 'https://github.com'}/${repository}.git`
  const named = typeof manifest.repository === 'string' ? manifest.repository : manifest.repository?.url
  if (named !== wanted) {
    problems.push(
      `package.json's repository.url is ${named ? `'${named}'` : 'not there'}, but this runs in ${repository}; npm publishes with ` +
        `provenance only what names the repository that built it. Set it to '${wanted}'`,
    )
  }
  if (env.GITHUB_REF?.startsWith('refs/tags/') && env.GITHUB_REF_NAME !== `v${manifest.version}`) {
    problems.push(
      `the tag is ${env.GITHUB_REF_NAME}, but package.json's version is ${manifest.version}: tag v${manifest.version}`,
    )
  }
  return problems
}

await main(import.meta.url, async () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const problems = releaseProblems(manifest, process.env)
  if (problems.length > 0) throw new UserError(`This cannot be released:\n  - ${problems.join('\n  - ')}`)
  console.log(`${manifest.name} ${manifest.version} can be released from ${process.env.GITHUB_REPOSITORY}`)
})
