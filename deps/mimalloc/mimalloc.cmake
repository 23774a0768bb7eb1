# mimalloc from its one umbrella file, under its own names: the process's malloc stays what it was.
set(MIMALLOC_DIR ${ODRADEK_SOURCES_DIR}/mimalloc-${MIMALLOC_VERSION})
if(NOT EXISTS ${MIMALLOC_DIR}/src/static.c)
  message(FATAL_ERROR "mimalloc ${MIMALLOC_VERSION} is not in ${MIMALLOC_DIR}. Run: node scripts/fetch-source.mjs")
endif()
add_library(mimalloc OBJECT ${MIMALLOC_DIR}/src/static.c)
set_target_properties(mimalloc PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${ODRADEK_IPO})
target_include_directories(mimalloc PUBLIC ${MIMALLOC_DIR}/include)
# At exit librdkafka's threads may still run: nothing is collected under them.
target_compile_definitions(mimalloc PRIVATE MI_SKIP_COLLECT_ON_EXIT=1 MI_DEBUG=0 PUBLIC MI_STATIC_LIB)
if(NOT MSVC)
  # Not initial-exec, mimalloc's own choice: that puts the whole library's TLS, 15 KB with librdkafka's, into the few hundred spare
  # bytes that libc keeps for libraries loaded later ("cannot allocate memory in static TLS block").
  target_compile_options(mimalloc PRIVATE -w -ftls-model=local-dynamic)
endif()
