// A thread that runs tasks in order, started with its first task: a client's command and query threads, for librdkafka
// calls that block. Post from any thread; Stop from a thread that is not the worker's own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace odradek {

class WorkerThread {
 public:
  using Task = std::function<void()>;

  WorkerThread() = default;
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  ~WorkerThread() { Stop(); }

  // False after Stop: then the task is dropped.
  bool Post(Task task);
  // Runs what was posted and joins; tasks see the client closing and give up early.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace odradek
