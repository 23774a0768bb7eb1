// Waiting for conditions: no test sleeps for a fixed time.

/** Waits until the condition holds (is truthy); fails after `timeout` ms with what was waited for. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeout = 45_000,
): Promise<Exclude<T, false | 0 | '' | null | undefined>> {
  const deadline = performance.now() + timeout
  for (;;) {
    const value = await condition()
    if (value) return value as Exclude<T, false | 0 | '' | null | undefined>
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The error a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it resolved')
}
