# The system's librdkafka instead of the pinned one. 2.15.1 is the first release that has every function the addon calls.
set(ODRADEK_LIBRDKAFKA_MINIMUM 2.15.1)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka)
if(NOT RDKAFKA_FOUND)
  message(FATAL_ERROR "No librdkafka was found by pkg-config (Debian: librdkafka-dev). Install ${ODRADEK_LIBRDKAFKA_MINIMUM} or newer, "
    "set PKG_CONFIG_PATH to where its rdkafka.pc is, or build the pinned one (without --system-librdkafka).")
endif()
if(RDKAFKA_VERSION VERSION_LESS ODRADEK_LIBRDKAFKA_MINIMUM)
  message(FATAL_ERROR "The system's librdkafka is ${RDKAFKA_VERSION}; ${ODRADEK_LIBRDKAFKA_MINIMUM} or newer is needed. "
    "Build the pinned one instead (without --system-librdkafka), or set PKG_CONFIG_PATH to a newer one's rdkafka.pc.")
endif()
add_library(rdkafka INTERFACE)
target_link_libraries(rdkafka INTERFACE PkgConfig::RDKAFKA)
