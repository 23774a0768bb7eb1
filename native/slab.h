// A block of bytes that a native thread fills and JavaScript reads: one crossing for a whole batch.
// The memory is librdkafka's allocator's (see CMakeLists.txt: mimalloc). Filled on one thread, then moved to the JS thread, where ToArrayBuffer gives it away.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "napi_setup.h"

namespace odradek {

struct SlabFree {
  void operator()(uint8_t* bytes) const { rd_kafka_mem_free(nullptr, bytes); }
};

class Slab {
 public:
  Slab() = default;
  explicit Slab(size_t capacity)
      : bytes_(static_cast<uint8_t*>(rd_kafka_mem_malloc(nullptr, capacity))),
        size_(0),
        capacity_(capacity) {}

  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void set_size(size_t size) { size_ = size; }

  // JS thread. Small slabs are copied (an external buffer and its finalizer cost more); so are all where external
  // buffers are forbidden, as in Electron.
  Napi::Value ToArrayBuffer(Napi::Env env) {
    constexpr size_t kCopyBelow = 4096;
    if (size_ >= kCopyBelow) {
      napi_value buffer = nullptr;
      napi_status status = napi_create_external_arraybuffer(
          env, bytes_.get(), size_, [](napi_env, void* bytes, void*) { rd_kafka_mem_free(nullptr, bytes); },
          nullptr, &buffer);
      if (status == napi_ok) {
        bytes_.release();
        return Napi::Value(env, buffer);
      }
    }
    Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, size_);
    std::memcpy(copy.Data(), bytes_.get(), size_);
    bytes_.reset();
    return copy;
  }

 private:
  std::unique_ptr<uint8_t, SlabFree> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace odradek
