# librdkafka as a static library, from our own list of its sources: the tree that npm carries has no packaging/, which its own
# CMakeLists.txt needs.
include(CheckCSourceCompiles)

set(RDKAFKA_DIR ${ODRADEK_SOURCES_DIR}/librdkafka-${LIBRDKAFKA_VERSION}/src)

# Everything of this release is compiled but what is chosen below; a file that an upgrade brings is therefore never forgotten.
file(GLOB RDKAFKA_SOURCES CONFIGURE_DEPENDS ${RDKAFKA_DIR}/*.c ${RDKAFKA_DIR}/nanopb/*.c ${RDKAFKA_DIR}/opentelemetry/*.c)
if(NOT RDKAFKA_SOURCES)
  message(FATAL_ERROR "librdkafka ${LIBRDKAFKA_VERSION} is not in ${RDKAFKA_DIR}. Run: node scripts/fetch-source.mjs")
endif()
function(rdkafka_without name)
  list(REMOVE_ITEM RDKAFKA_SOURCES ${RDKAFKA_DIR}/${name})
  set(RDKAFKA_SOURCES ${RDKAFKA_SOURCES} PARENT_SCOPE)
endfunction()
if(NOT WIN32)
  rdkafka_without(rdkafka_sasl_win32.c)
endif()
if(NOT ODRADEK_GSSAPI)
  rdkafka_without(rdkafka_sasl_cyrus.c)
endif()

# Compiled, never run, so the answers are right for a cross build too. Linking matters: a missing function must fail.
set(CMAKE_REQUIRED_FLAGS "-Werror=implicit-function-declaration")
set(CMAKE_REQUIRED_DEFINITIONS -D_GNU_SOURCE -D_DARWIN_C_SOURCE)
set(CMAKE_REQUIRED_LIBRARIES Threads::Threads)
check_c_source_compiles("#include <regex.h>
int main(void) { regex_t r; return regcomp(&r, \"a\", 0) + regexec(&r, \"a\", 0, 0, 0); }" HAVE_REGEX)
check_c_source_compiles("#include <stdlib.h>
int main(void) { unsigned int s = 1; return rand_r(&s); }" HAVE_RAND_R)
check_c_source_compiles("#include <unistd.h>
#include <sys/random.h>
int main(void) { char s[16]; return getentropy(s, sizeof s); }" HAVE_GETENTROPY)
check_c_source_compiles("#include <string.h>
int main(void) { return !strndup(\"hi\", 2); }" HAVE_STRNDUP)
check_c_source_compiles("#include <string.h>
int main(void) { char d[4]; return (int)strlcpy(d, \"something\", sizeof d); }" HAVE_STRLCPY)
check_c_source_compiles("#include <string.h>
int main(void) { char b[64]; (void)!strerror_r(1, b, sizeof b); return 0; }" HAVE_STRERROR_R)
check_c_source_compiles("#include <string.h>
int main(void) { return !strcasestr(\"the hay\", \"hay\"); }" HAVE_STRCASESTR)
check_c_source_compiles("#include <syslog.h>
int main(void) { syslog(LOG_INFO, \"t\"); return 0; }" WITH_SYSLOG)
check_c_source_compiles("#include <pthread.h>
int main(void) { return pthread_setname_np(pthread_self(), \"abc\"); }" HAVE_PTHREAD_SETNAME_GNU)
if(NOT HAVE_PTHREAD_SETNAME_GNU)
  check_c_source_compiles("#include <pthread.h>
int main(void) { return pthread_setname_np(\"abc\"); }" HAVE_PTHREAD_SETNAME_DARWIN)
endif()
check_c_source_compiles("int main(void) {
  unsigned long c = 0, s = 1; unsigned a = 1, cx;
  __asm__(\"cpuid\" : \"=c\"(cx) : \"a\"(a) : \"%ebx\", \"%edx\");
  __asm__(\"crc32q\\t%1, %0\" : \"=r\"(c) : \"r\"(s), \"0\"(c));
  return (int)c; }" WITH_CRC32C_HW)
check_c_source_compiles("#include <threads.h>
static int f(void *a) { return *(int *)a; }
int main(void) { thrd_t t; int a = 1; return thrd_create(&t, f, &a) != thrd_success; }" HAVE_C11THREADS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_REQUIRED_DEFINITIONS)
unset(CMAKE_REQUIRED_LIBRARIES)

# ThreadSanitizer knows pthreads only: through glibc's C11 threads it would report locks it never saw.
set(WITH_C11THREADS ${HAVE_C11THREADS})
if(ODRADEK_VARIANT STREQUAL "tsan")
  set(WITH_C11THREADS 0)
endif()
if(HAVE_REGEX)
  rdkafka_without(regexp.c)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/fixes.cmake)
set(WITH_SASL_CYRUS ${ODRADEK_GSSAPI})
set(WITHOUT_OPTIMIZATION 0)
if(ODRADEK_VARIANT MATCHES "^(debug|coverage)$")
  set(WITHOUT_OPTIMIZATION 1)
endif()

set(ODRADEK_BUILT_WITH "STATIC ZLIB ZSTD SNAPPY LZ4 SSL CURL SASL_SCRAM SASL_OAUTHBEARER OAUTHBEARER_OIDC PLUGINS HDRHISTOGRAM")
foreach(part WITH_SASL_CYRUS WITH_CRC32C_HW WITH_C11THREADS ODRADEK_MIMALLOC)
  if(${part})
    string(REGEX REPLACE "^(WITH|ODRADEK)_" " " word ${part})
    string(APPEND ODRADEK_BUILT_WITH ${word})
  endif()
endforeach()

# librdkafka says #include "../config.h", so the directory on the include path is one below the file.
set(RDKAFKA_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/librdkafka)
file(MAKE_DIRECTORY ${RDKAFKA_GENERATED}/include)
configure_file(${CMAKE_CURRENT_LIST_DIR}/config.h.in ${RDKAFKA_GENERATED}/config.h @ONLY)

add_library(rdkafka_objects OBJECT ${RDKAFKA_SOURCES} ${CMAKE_CURRENT_LIST_DIR}/message_internals.c)
set_target_properties(rdkafka_objects PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${ODRADEK_IPO})
target_include_directories(rdkafka_objects PRIVATE ${RDKAFKA_GENERATED}/include ${RDKAFKA_GENERATED}/public ${RDKAFKA_DIR})
target_compile_definitions(rdkafka_objects PRIVATE LIBRDKAFKA_STATICLIB)
target_link_libraries(rdkafka_objects PRIVATE CURL::libcurl_static OpenSSL::SSL OpenSSL::Crypto odradek_zstd odradek_zlib)
if(NOT MSVC)
  target_compile_options(rdkafka_objects PRIVATE -w -ffunction-sections)
  # Nothing here is called per message of a real cluster: small is better than fast.
  foreach(cold rdkafka_admin rdkafka_aux rdkafka_cert rdkafka_sasl_oauthbearer_oidc rdkafka_telemetry rdkafka_telemetry_decode
               rdkafka_telemetry_encode rdhttp cJSON)
    set_source_files_properties(${RDKAFKA_DIR}/${cold}.c ${CMAKE_CURRENT_BINARY_DIR}/librdkafka/fixed/${cold}.c
      PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-Os>")
  endforeach()
  foreach(mock rdkafka_mock rdkafka_mock_handlers rdkafka_mock_cgrp rdkafka_mock_sharegrp)
    set_source_files_properties(${RDKAFKA_DIR}/${mock}.c PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O2>")
  endforeach()
  if(ODRADEK_OPENSSL_DIR)
    # A prebuilt addon has to be small too; what runs once per connection, rebalance or minute is not worth megabytes.
    foreach(cold rdkafka_conf rdkafka_cgrp rdkafka_assignor rdkafka_range_assignor rdkafka_roundrobin_assignor rdkafka_sticky_assignor
                 rdkafka_txnmgr rdkafka_coord rdkafka_metadata rdkafka_metadata_cache rdkafka_ssl rdkafka_sasl rdkafka_sasl_scram
                 rdkafka_sasl_plain rdkafka_sasl_oauthbearer rdkafka_subscription rdkafka_assignment rdkafka_feature rdkafka_plugin
                 rdkafka_interceptor rdkafka_mock rdkafka_mock_handlers rdkafka_mock_cgrp rdkafka_mock_sharegrp
                 rdhdrhistogram rdunittest regexp)
      set_source_files_properties(${RDKAFKA_DIR}/${cold}.c PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-Os>")
    endforeach()
  endif()
endif()
if(WIN32)
  # It includes its own win32_config.h there instead of config.h, and calls SSPI with wide characters by names that depend on UNICODE.
  # cJSON would be exported.
  target_compile_definitions(rdkafka_objects PRIVATE WITH_STATIC_LIB_libcrypto=1 UNICODE _UNICODE
    CJSON_HIDE_SYMBOLS)
endif()
odradek_sanitize(rdkafka_objects "asan;tsan")
odradek_allocator(rdkafka_objects)

if(ODRADEK_GSSAPI)
  # Found at run time (deps/sasl2/sasl2.c), so that the addon loads without it; a build needs its headers only.
  find_path(SASL2_INCLUDE_DIR sasl/sasl.h REQUIRED)
  target_sources(rdkafka_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/deps/sasl2/sasl2.c)
  target_include_directories(rdkafka_objects PRIVATE ${SASL2_INCLUDE_DIR})
endif()

set(RDKAFKA_OBJECTS $<TARGET_OBJECTS:rdkafka_objects>)
if(ODRADEK_MIMALLOC)
  list(APPEND RDKAFKA_OBJECTS $<TARGET_OBJECTS:mimalloc>)
endif()
# With GCC, librdkafka and mimalloc are optimised as one program here, once; else each link of the addon would repeat that minute.
if(ODRADEK_IPO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(merged ${CMAKE_CURRENT_BINARY_DIR}/librdkafka/librdkafka-merged.o)
  add_custom_command(OUTPUT ${merged}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -O3 -fPIC -flto=auto -flinker-output=nolto-rel -ffunction-sections -w
            -o ${merged} ${RDKAFKA_OBJECTS}
    DEPENDS ${RDKAFKA_OBJECTS} COMMAND_EXPAND_LISTS VERBATIM COMMENT "Optimising librdkafka as a whole")
  set(RDKAFKA_OBJECTS ${merged})
endif()

add_library(rdkafka STATIC ${RDKAFKA_OBJECTS})
set_target_properties(rdkafka PROPERTIES LINKER_LANGUAGE C)
# <librdkafka/rdkafka.h>, as where it is installed; SYSTEM, so that the addon's -Werror does not judge it.
foreach(header rdkafka.h rdkafka_mock.h)
  configure_file(${RDKAFKA_DIR}/${header} ${RDKAFKA_GENERATED}/public/librdkafka/${header} COPYONLY)
endforeach()
target_include_directories(rdkafka SYSTEM INTERFACE ${RDKAFKA_GENERATED}/public ${CMAKE_CURRENT_LIST_DIR})
target_compile_definitions(rdkafka INTERFACE LIBRDKAFKA_STATICLIB ODRADEK_PINNED_LIBRDKAFKA)
target_link_libraries(rdkafka PRIVATE CURL::libcurl_static OpenSSL::SSL OpenSSL::Crypto odradek_zstd odradek_zlib
                                      Threads::Threads ${CMAKE_DL_LIBS})
if(WIN32)
  target_link_libraries(rdkafka PRIVATE ws2_32 secur32 crypt32 psapi shell32 user32 advapi32 bcrypt)
else()
  target_link_libraries(rdkafka PRIVATE m)
endif()
if(APPLE)
  target_link_libraries(rdkafka PRIVATE "-framework SystemConfiguration" "-framework CoreFoundation")
endif()
