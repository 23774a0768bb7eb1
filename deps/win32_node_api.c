/* The functions of Node-API, taken from the program that has loaded the addon, whatever it is called: each jumps
 * to where GetProcAddress has found it. One that an older Node lacks stays null; the addon calls those of
 * version 8 alone. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define NODE_API(name)                            \
  static FARPROC at_##name __attribute__((used)); \
  __asm__(".globl " #name "\n" #name ":\n  jmpq *at_" #name "(%rip)\n");
#include "node_api_functions.inc"
#undef NODE_API

__attribute__((constructor(101))) static void find_node_api(void) {
  HMODULE program = GetModuleHandleW(NULL);
#define NODE_API(name) at_##name = GetProcAddress(program, #name);
#include "node_api_functions.inc"
#undef NODE_API
}
