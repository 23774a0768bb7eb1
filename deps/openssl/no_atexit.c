/* Our own copy of OpenSSL must not clean itself up at exit: process.exit() and worker termination leave
 * librdkafka's threads running, and a TLS handshake after OPENSSL_cleanup() crashes. The first initialisation
 * decides, so it happens when the addon is loaded. */
#include <openssl/crypto.h>

#ifdef _MSC_VER
static void no_atexit(void);
#pragma section(".CRT$XCU", read)
__declspec(allocate(".CRT$XCU")) void (*odradek_no_atexit)(void) = no_atexit;
static void no_atexit(void) {
#else
__attribute__((constructor)) static void no_atexit(void) {
#endif
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
