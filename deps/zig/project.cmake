# What deps/zig/toolchain.cmake changed for project() alone.
set(CMAKE_TRY_COMPILE_TARGET_TYPE EXECUTABLE)
if(APPLE)
  # zig's linker makes no bundles; Node loads a shared library as well.
  foreach(language C CXX)
    set(CMAKE_SHARED_MODULE_CREATE_${language}_FLAGS "-shared")
    set(CMAKE_SHARED_MODULE_LOADER_${language}_FLAG "")
  endforeach()
  # Apple's frameworks as far as curl uses them: where they are on the machine that runs, and two functions.
  set(stubs ${CMAKE_CURRENT_SOURCE_DIR}/deps/zig/darwin)
  foreach(name SYSTEMCONFIGURATION COREFOUNDATION CORESERVICES)
    set(${name}_FRAMEWORK ${stubs} CACHE INTERNAL "")
  endforeach()
  # zig describes the newest macOS, which has it; the oldest that is promised has not.
  set(HAVE_PIPE2 OFF CACHE INTERNAL "")
  include_directories(SYSTEM ${stubs}/include)
  add_link_options("SHELL:-F ${stubs}")
endif()
