// Kerberos is a build option; libsasl2 is looked for when it is needed, and may be missing.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const shim = fileURLToPath(new URL('../../deps/sasl2/sasl2.c', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'odradek-sasl2-'))
afterAll(() => rmSync(directory, { recursive: true }))

// What librdkafka does of it at the start of a process and at a log-in.
const program = `
#include <stdio.h>
#include <sasl/sasl.h>
int main(void) {
  sasl_conn_t *connection = NULL;
  int code;
  printf("init %d\\n", sasl_client_init(NULL));
  code = sasl_client_new("kafka", "localhost", NULL, NULL, NULL, 0, &connection);
  printf("new %d %s\\n", code, sasl_errstring(code, NULL, NULL));
  if (code == SASL_OK) {
    const char *list = NULL;
    unsigned length = 0;
    int count = 0;
    printf("list %d\\n", sasl_listmech(connection, NULL, NULL, " ", NULL, &list, &length, &count));
    sasl_dispose(&connection);
  }
  return 0;
}
`
// The few declarations of libsasl2's header that are used, for machines without libsasl2-dev.
const header = `
typedef struct sasl_conn sasl_conn_t;
typedef struct sasl_callback sasl_callback_t;
typedef struct sasl_interact sasl_interact_t;
#define SASL_OK 0
#define SASL_NOMECH (-4)
int sasl_client_init(const sasl_callback_t *);
int sasl_client_new(const char *, const char *, const char *, const char *, const sasl_callback_t *, unsigned, sasl_conn_t **);
int sasl_client_start(sasl_conn_t *, const char *, sasl_interact_t **, const char **, unsigned *, const char **);
int sasl_client_step(sasl_conn_t *, const char *, unsigned, sasl_interact_t **, const char **, unsigned *);
void sasl_dispose(sasl_conn_t **);
const char *sasl_errdetail(sasl_conn_t *);
const char *sasl_errstring(int, const char *, const char **);
int sasl_getprop(sasl_conn_t *, int, const void **);
int sasl_listmech(sasl_conn_t *, const char *, const char *, const char *, const char *, const char **, unsigned *, int *);
`
// A libsasl2 for which everything succeeds.
const library = `
#include <stddef.h>
#include <sasl/sasl.h>
static int dummy;
int sasl_client_init(const sasl_callback_t *a) { return SASL_OK; }
int sasl_client_new(const char *a, const char *b, const char *c, const char *d, const sasl_callback_t *e, unsigned f, sasl_conn_t **g) { *g = (sasl_conn_t *)&dummy; return SASL_OK; }
int sasl_client_start(sasl_conn_t *a, const char *b, sasl_interact_t **c, const char **d, unsigned *e, const char **f) { return SASL_OK; }
int sasl_client_step(sasl_conn_t *a, const char *b, unsigned c, sasl_interact_t **d, const char **e, unsigned *f) { return SASL_OK; }
void sasl_dispose(sasl_conn_t **a) { *a = NULL; }
const char *sasl_errdetail(sasl_conn_t *a) { return "detail"; }
const char *sasl_errstring(int a, const char *b, const char **c) { return "all is well"; }
int sasl_getprop(sasl_conn_t *a, int b, const void **c) { return SASL_OK; }
int sasl_listmech(sasl_conn_t *a, const char *b, const char *c, const char *d, const char *e, const char **f, unsigned *g, int *h) { return 7; }
`

function write(name: string, text: string): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

/** The program, linked with the shim, which looks for this library instead of libsasl2. */
function run(name: string): string {
  execFileSync('mkdir', ['-p', join(directory, 'sasl')])
  write('sasl/sasl.h', header)
  const text = execFileSync('sed', [
    `s|libsasl2[.]so[.]2|${name}|; s|libsasl2[.]so[.]3|none.so|; s|libsasl2.2.dylib|none.dylib|`,
    shim,
  ])
  const source = write('sasl2.c', text.toString())
  const file = join(directory, 'program')
  execFileSync('cc', ['-I', directory, '-o', file, write('main.c', program), source, '-ldl', '-lpthread'])
  expect(execFileSync('ldd', [file], { encoding: 'utf8' })).not.toContain('sasl')
  return execFileSync(file, { encoding: 'utf8' })
}

describe.runIf(process.platform === 'linux')('libsasl2', () => {
  it('is used when it is there', () => {
    const built = join(directory, 'fake-sasl2.so')
    execFileSync('mkdir', ['-p', join(directory, 'sasl')])
    write('sasl/sasl.h', header)
    execFileSync('cc', ['-w', '-shared', '-fPIC', '-I', directory, '-o', built, write('fake.c', library)])
    expect(run(built)).toBe('init 0\nnew 0 all is well\nlist 7\n')
  })

  it('may be missing: only a log-in fails, and says what to install', () => {
    const output = run(join(directory, 'missing.so'))
    expect(output).toMatch(/^init 0\nnew -4 libsasl2 is not installed \(Debian: .*\)\n$/)
  })
})
