// Whether a peer's module loads: what its installation cannot say.
import { loadModule } from './load.mjs'

await loadModule(process.argv[2])
