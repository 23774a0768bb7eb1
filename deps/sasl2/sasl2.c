/* libsasl2's functions as librdkafka calls them for GSSAPI (Kerberos), found when the first client is made: an addon that
 * was built with Kerberos loads where libsasl2 is missing, and only a log-in by GSSAPI fails there, saying so. */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#include <sasl/sasl.h>

static const char* const kNames[] = {"libsasl2.so.3", "libsasl2.so.2", "libsasl2.2.dylib", NULL};
static const char kMissing[] =
    "libsasl2 is not installed (Debian: libsasl2-2 and libsasl2-modules-gssapi-mit; Fedora: "
    "cyrus-sasl-gssapi)";

#define EACH_FUNCTION(X) \
  X(sasl_client_init)    \
  X(sasl_client_new)     \
  X(sasl_client_start)   \
  X(sasl_client_step) X(sasl_dispose) X(sasl_errdetail) X(sasl_errstring) X(sasl_getprop) X(sasl_listmech)

#define POINTER(name) __typeof__(&name) name;
static struct { EACH_FUNCTION(POINTER) } real;

static int loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void Load(void) {
  void* library = NULL;
  for (const char* const* name = kNames; *name != NULL && library == NULL; name++) {
    library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == NULL) return;
  loaded = 1;
#define FIND(name)                             \
  *(void**)&real.name = dlsym(library, #name); \
  if (real.name == NULL) loaded = 0;
  EACH_FUNCTION(FIND)
}

static int Loaded(void) {
  pthread_once(&once, Load);
  return loaded;
}

/* Called in every process that uses librdkafka: no reason to complain yet. */
int sasl_client_init(const sasl_callback_t* callbacks) {
  return Loaded() ? real.sasl_client_init(callbacks) : SASL_OK;
}

int sasl_client_new(const char* service, const char* server, const char* local_address,
                    const char* remote_address, const sasl_callback_t* callbacks, unsigned flags,
                    sasl_conn_t** connection) {
  if (!Loaded()) return SASL_NOMECH;
  return real.sasl_client_new(service, server, local_address, remote_address, callbacks, flags, connection);
}

int sasl_client_start(sasl_conn_t* connection, const char* mechanisms, sasl_interact_t** need,
                      const char** out, unsigned* length, const char** mechanism) {
  if (!Loaded()) return SASL_NOMECH;
  return real.sasl_client_start(connection, mechanisms, need, out, length, mechanism);
}

int sasl_client_step(sasl_conn_t* connection, const char* in, unsigned in_length, sasl_interact_t** need,
                     const char** out, unsigned* length) {
  if (!Loaded()) return SASL_NOMECH;
  return real.sasl_client_step(connection, in, in_length, need, out, length);
}

void sasl_dispose(sasl_conn_t** connection) {
  if (Loaded()) real.sasl_dispose(connection);
}

const char* sasl_errdetail(sasl_conn_t* connection) {
  return Loaded() ? real.sasl_errdetail(connection) : kMissing;
}

const char* sasl_errstring(int code, const char* languages, const char** language) {
  return Loaded() ? real.sasl_errstring(code, languages, language) : kMissing;
}

int sasl_getprop(sasl_conn_t* connection, int property, const void** value) {
  return Loaded() ? real.sasl_getprop(connection, property, value) : SASL_NOMECH;
}

int sasl_listmech(sasl_conn_t* connection, const char* user, const char* prefix, const char* separator,
                  const char* suffix, const char** result, unsigned* length, int* count) {
  if (!Loaded()) return SASL_NOMECH;
  return real.sasl_listmech(connection, user, prefix, separator, suffix, result, length, count);
}
