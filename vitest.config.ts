// The test projects: `npx vitest run --project unit`. What each may rely on stands in CONTRIBUTING.md.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const dist = (file: string) => fileURLToPath(new URL(`./dist/${file}`, import.meta.url))

function project(name: string, more: object = {}) {
  return {
    resolve: {
      alias: [
        { find: /^odradek$/, replacement: dist('index.js') },
        { find: /^odradek\/(.*)$/, replacement: dist('$1.js') },
      ],
    },
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: 120_000,
      hookTimeout: 180_000,
      // What is tested is what ships: Node loads dist/ itself.
      server: { deps: { external: [/\/dist\//] } },
      ...more,
    },
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('unit'),
      project('mock'),
      project('lifecycle'),
      project('broker', { globalSetup: ['test/helpers/kafka-global-setup.ts'], fileParallelism: false }),
      // By its own command, for it downloads run times: npm run test:package.
      project('package', { testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false }),
      // By its own command, for it needs an addon and a key distribution centre of its own: npm run test:kerberos.
      project('kerberos'),
      // By its own command: npm run test:stress.
      project('stress', { globalSetup: ['test/helpers/kafka-global-setup.ts'], fileParallelism: false }),
    ],
  },
})
