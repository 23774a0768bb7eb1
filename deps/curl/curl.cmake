# libcurl for OIDC token requests only: HTTP and HTTPS over OpenSSL, nothing else, by curl's own CMake description.
set(CURL_DIR ${ODRADEK_SOURCES_DIR}/curl-${CURL_VERSION})
if(NOT EXISTS ${CURL_DIR}/CMakeLists.txt)
  message(FATAL_ERROR "curl ${CURL_VERSION} is not in ${CURL_DIR}. Run: node scripts/fetch-source.mjs")
endif()
function(odradek_curl)
  # In the cache: curl sets some of its own there, which hides a plain variable on the first run only.
  foreach(off
      BUILD_CURL_EXE BUILD_SHARED_LIBS BUILD_TESTING BUILD_EXAMPLES BUILD_LIBCURL_DOCS BUILD_MISC_DOCS ENABLE_CURL_MANUAL
      PICKY_COMPILER CURL_USE_LIBPSL CURL_USE_LIBSSH CURL_USE_LIBSSH2 CURL_USE_GSSAPI CURL_USE_PKGCONFIG CURL_ZLIB CURL_BROTLI
      CURL_ZSTD USE_NGHTTP2 USE_LIBIDN2 USE_WIN32_IDN USE_APPLE_IDN ENABLE_ARES CURL_ENABLE_EXPORT_TARGET ENABLE_UNIX_SOCKETS
      USE_WIN32_LDAP CURL_LTO)
    set(${off} OFF CACHE INTERNAL "")
  endforeach()
  # Other protocols and helpers are not only unused: each is code that listens to a server.
  foreach(on
      BUILD_STATIC_LIBS HTTP_ONLY CURL_USE_OPENSSL ENABLE_THREADED_RESOLVER CURL_DISABLE_INSTALL CURL_DISABLE_ALTSVC
      CURL_DISABLE_HSTS CURL_DISABLE_NTLM CURL_DISABLE_KERBEROS_AUTH CURL_DISABLE_NEGOTIATE_AUTH CURL_DISABLE_AWS
      CURL_DISABLE_NETRC CURL_DISABLE_COOKIES CURL_DISABLE_DOH CURL_DISABLE_LIBCURL_OPTION CURL_DISABLE_PROGRESS_METER
      CURL_DISABLE_WEBSOCKETS CURL_DISABLE_IPFS CURL_DISABLE_SRP CURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG CURL_CA_FALLBACK)
    set(${on} ON CACHE INTERNAL "")
  endforeach()
  # The machine that builds must not decide where the machine that runs keeps its certificates; librdkafka looks for them.
  set(CURL_CA_BUNDLE none CACHE INTERNAL "")
  set(CURL_CA_PATH none CACHE INTERNAL "")
  set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
  add_subdirectory(${CURL_DIR} ${CMAKE_CURRENT_BINARY_DIR}/curl EXCLUDE_FROM_ALL)
endfunction()
odradek_curl()
if(NOT MSVC)
  target_compile_options(libcurl_static PRIVATE -w -ffunction-sections $<$<CONFIG:Release>:-Os>)
endif()
odradek_sanitize(libcurl_static "asan;tsan")
odradek_allocator(libcurl_static)
