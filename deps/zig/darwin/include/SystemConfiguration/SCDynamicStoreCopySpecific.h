/* What curl calls of Apple's SystemConfiguration and CoreFoundation, whose headers and stubs zig does not carry. */
#pragma once
typedef const struct __CFDictionary* CFDictionaryRef;
CFDictionaryRef SCDynamicStoreCopyProxies(const void* store);
void CFRelease(const void* object);
