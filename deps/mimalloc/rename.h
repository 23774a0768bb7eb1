/* Force-included into librdkafka, libcurl and the addon (not into OpenSSL, zlib, zstd): their heap is
 * mimalloc's.
 *
 * What must never happen is one allocator's memory freed by the other. Checked in librdkafka 2.15.1 and to be
 * checked again with every upgrade (`grep -nE
 * 'getline|asprintf|realpath|getcwd|scandir|open_memstream|dlerror|regerror|_free *\('`):
 * - libc allocates, librdkafka frees: nowhere by free(). getaddrinfo() results go to freeaddrinfo()
 * (rdaddr.c), dlerror() and strerror() text is copied (rddl.c), regcomp() memory goes to regfree()
 * (rdregex.c). No getline, asprintf, realpath, getcwd, scandir or open_memstream.
 * - librdkafka allocates, libc frees: nowhere.
 * - OpenSSL's objects and buffers go to *_free() and OPENSSL_free(); ENGINE and PROVIDER likewise
 * (rdkafka_ssl.c, rdkafka_cert.c).
 * - curl allocates, librdkafka frees with free(): curl_easy_escape() in rdkafka_sasl_oauthbearer_oidc.c,
 * curl_url_get() in rdhttp.c. So libcurl is compiled under this header too (its allocator pointers start as
 * malloc, that is mi_malloc). In libcurl what libc or OpenSSL allocates goes to freeaddrinfo(),
 * OPENSSL_free() and the like.
 * - zlib and zstd streams are ended by their own functions; lz4, snappy, cJSON, nanopb, xxhash are compiled
 * here, under this header.
 * - cJSON's default hooks are object-like macros here, so cJSON_Print*() and the free() of its result agree.
 * - The application: RD_KAFKA_MSG_F_FREE payloads and strings from rd_kafka_clusterid(), rd_kafka_memberid()
 * are the addon's, which is compiled under this header as well. A plugin (plugin.library.paths) must use
 * rd_kafka_mem_malloc() and rd_kafka_mem_free().
 */
#ifndef ODRADEK_RENAME_H
#define ODRADEK_RENAME_H

/* Every header that declares or inlines these names comes first: renamed declarations would clash with
 * libc's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* For rand_s(), which librdkafka asks for before its own first header. */
#ifndef _CRT_RAND_S
#define _CRT_RAND_S
#endif
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <malloc.h>
#endif
#ifdef __cplusplus
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#endif

#include <mimalloc.h>

#ifdef __cplusplus
namespace std {
using ::mi_calloc;
using ::mi_free;
using ::mi_malloc;
using ::mi_realloc;
}  // namespace std
#endif

#define malloc mi_malloc
#define calloc mi_calloc
#define realloc mi_realloc
#define free mi_free
#define strdup mi_strdup
#define strndup mi_strndup

#endif
