// Writes JSON, for structured results that cross to JavaScript in one string: JSON.parse is quicker than setting each
// property through Node-API, and the librdkafka objects need not outlive the thread that got them. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace odradek {

class JsonWriter {
 public:
  void BeginObject(const char* name = nullptr) { Open(name, '{'); }
  void EndObject() { Close('}'); }
  void BeginArray(const char* name = nullptr) { Open(name, '['); }
  void EndArray() { Close(']'); }

  // Null pointers are null.
  void Text(const char* name, const char* value) {
    Name(name);
    if (value == nullptr) {
      out_ += "null";
    } else {
      Quote(value);
    }
  }
  void Text(const char* name, std::string_view value) {
    Name(name);
    Quote(value);
  }
  void Number(const char* name, int64_t value) {
    Name(name);
    out_ += std::to_string(value);
  }
  void Boolean(const char* name, bool value) {
    Name(name);
    out_ += value ? "true" : "false";
  }
  void Null(const char* name) {
    Name(name);
    out_ += "null";
  }

  // An array of objects, from librdkafka's (pointers, count): `write` fills one object.
  template <typename T, typename F>
  void Objects(const char* name, T* const* items, size_t count, F write) {
    BeginArray(name);
    for (size_t i = 0; i < count; i++) {
      BeginObject();
      write(items[i]);
      EndObject();
    }
    EndArray();
  }

  std::string Take() { return std::move(out_); }

 private:
  void Name(const char* name) {
    if (!first_) out_ += ',';
    first_ = false;
    if (name == nullptr) return;
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  void Open(const char* name, char bracket) {
    Name(name);
    out_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void Quote(std::string_view text) {
    static const char kHex[] = "0123456789abcdef";
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out_ += "\\u00";
        out_ += kHex[(c >> 4) & 0xf];
        out_ += kHex[c & 0xf];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace odradek
