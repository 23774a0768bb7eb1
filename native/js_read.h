// Reading JavaScript values so that nothing can end the process. When a worker is terminated in the middle of a call,
// Node-API refuses to go on: node-addon-api then returns empty values, and ends the process when those are used.
#pragma once

#include <cstdint>
#include <string>

#include "napi_setup.h"

namespace odradek {

// The text of a string; empty for anything else.
inline std::string Text(const Napi::Value& value) {
  size_t length = 0;
  if (value.IsEmpty() || napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &length) != napi_ok)
    return "";
  std::string text(length, '\0');
  napi_get_value_string_utf8(value.Env(), value, text.data(), length + 1, &length);
  return text;
}

// A number as int32; 0 for anything else.
inline int32_t Int(const Napi::Value& value) {
  int32_t number = 0;
  if (!value.IsEmpty()) napi_get_value_int32(value.Env(), value, &number);
  return number;
}

inline bool Flag(const Napi::Value& value) {
  bool flag = false;
  if (!value.IsEmpty()) napi_get_value_bool(value.Env(), value, &flag);
  return flag;
}

}  // namespace odradek
