# Windows: Node-API is resolved from whatever program has loaded the addon (node.exe, electron.exe, bun.exe), so the import library
# made from node-api-headers' list of functions is delay-loaded, and a hook hands out the running program for it.
function(odradek_windows target headers)
  set(library ${CMAKE_CURRENT_BINARY_DIR}/node_api.lib)
  add_custom_command(OUTPUT ${library}
    COMMAND ${CMAKE_AR} /nologo /def:${headers}/../def/node_api.def /out:${library} /machine:x64
    DEPENDS ${headers}/../def/node_api.def VERBATIM)
  add_custom_target(node_api_library DEPENDS ${library})
  add_dependencies(${target} node_api_library)
  target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/deps/win32_delay_load_hook.cc)
  target_link_libraries(${target} PRIVATE ${library} delayimp)
  target_link_options(${target} PRIVATE /DELAYLOAD:NODE.EXE /OPT:REF /OPT:ICF /Brepro)
endfunction()
