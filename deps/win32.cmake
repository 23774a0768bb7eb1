# Windows: Node-API is resolved from whatever program has loaded the addon (node.exe, electron.exe, bun.exe). With Microsoft's linker the
# import library made from node-api-headers' list of functions is delay-loaded, and a hook hands out the running program for it.
# zig's knows no delayed loading: there each function is a jump through a table that is filled when the addon is loaded.
function(odradek_windows target headers)
  set(list ${headers}/../def/node_api.def)
  if(MSVC)
    set(library ${CMAKE_CURRENT_BINARY_DIR}/node_api.lib)
    add_custom_command(OUTPUT ${library}
      COMMAND ${CMAKE_AR} /nologo /def:${list} /out:${library} /machine:x64 DEPENDS ${list} VERBATIM)
    add_custom_target(node_api_library DEPENDS ${library})
    add_dependencies(${target} node_api_library)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/deps/win32_delay_load_hook.cc)
    target_link_libraries(${target} PRIVATE ${library} delayimp)
    target_link_options(${target} PRIVATE /DELAYLOAD:NODE.EXE /OPT:REF /OPT:ICF /Brepro)
    return()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
  file(STRINGS ${list} functions REGEX "^(napi|node_api)_[a-z0-9_]+$")
  list(TRANSFORM functions REPLACE "(.+)" "NODE_API(\\1)" OUTPUT_VARIABLE calls)
  list(JOIN calls "\n" calls)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/node_api_functions.inc CONTENT "@calls@\n" @ONLY)
  # Not a part of link-time optimisation, which does not look into assembler.
  add_library(node_api_jumps OBJECT ${CMAKE_SOURCE_DIR}/deps/win32_node_api.c)
  target_include_directories(node_api_jumps PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:node_api_jumps>)
endfunction()
