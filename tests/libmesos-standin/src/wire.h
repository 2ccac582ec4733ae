// What the stand-in's master and its executors say to each other over a socket, and the thread that runs a driver's callbacks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace standin {

using Clock = std::chrono::steady_clock;

// One frame: a type and byte strings.
struct Frame {
  char type = 0;
  std::vector<std::string> parts;
};

// Types of frames, from an executor: 'R'egister (framework id, executor id), 'U'pdate (TaskStatus), 'M'essage (bytes).
// From the master: 'R'egistered (ExecutorInfo, FrameworkInfo, SlaveInfo), 'L'aunch (TaskInfo), 'K'ill (TaskID),
// 'M'essage (bytes), 'S'hutdown.
bool send_frame(int socket, const Frame &frame);
bool receive_frame(int socket, Frame *frame);

// A thread that runs functions in order, some of them later.
class Actor {
public:
  Actor();
  ~Actor();
  void run(std::function<void()> function, std::chrono::milliseconds after = std::chrono::milliseconds(0));
  // Ends the thread in front of everything that is queued, and waits for it: as the destructors of Mesos' drivers do.
  void end();

private:
  void loop();
  std::mutex mutex;
  std::condition_variable changed;
  std::multimap<Clock::time_point, std::function<void()>> queue;
  bool ending = false;
  std::thread thread;
};

// Opens when a driver has carried out stop or abort.
class Latch {
public:
  void open();
  void await();

private:
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
};

} // namespace standin
