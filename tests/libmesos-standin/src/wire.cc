#include "wire.h"

#include <cstdint>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace standin {

static bool send_all(int socket, const std::string &bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    sent += static_cast<size_t>(n);
  }
  return true;
}

static bool receive_all(int socket, char *into, size_t size) {
  for (size_t got = 0; got < size;) {
    const ssize_t n = recv(socket, into + got, size - got, 0);
    if (n <= 0) {
      return false;
    }
    got += static_cast<size_t>(n);
  }
  return true;
}

static std::string number(std::uint32_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(&bytes[0], &value, sizeof value);
  return bytes;
}

static bool receive_number(int socket, std::uint32_t *value) {
  char bytes[sizeof *value];
  if (!receive_all(socket, bytes, sizeof bytes)) {
    return false;
  }
  std::memcpy(value, bytes, sizeof bytes);
  return true;
}

bool send_frame(int socket, const Frame &frame) {
  std::string bytes(1, frame.type);
  bytes += number(static_cast<std::uint32_t>(frame.parts.size()));
  for (const std::string &part : frame.parts) {
    bytes += number(static_cast<std::uint32_t>(part.size())) + part;
  }
  return send_all(socket, bytes);
}

bool receive_frame(int socket, Frame *frame) {
  std::uint32_t count = 0;
  if (!receive_all(socket, &frame->type, 1) || !receive_number(socket, &count)) {
    return false;
  }
  frame->parts.clear();
  for (std::uint32_t i = 0; i < count; i++) {
    std::uint32_t size = 0;
    if (!receive_number(socket, &size)) {
      return false;
    }
    std::string part(size, '\0');
    if (size != 0 && !receive_all(socket, &part[0], size)) {
      return false;
    }
    frame->parts.push_back(part);
  }
  return true;
}

Actor::Actor() : thread([this] { loop(); }) {}

Actor::~Actor() { end(); }

void Actor::run(std::function<void()> function, std::chrono::milliseconds after) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!ending) {
    queue.emplace(Clock::now() + after, std::move(function));
    changed.notify_one();
  }
}

void Actor::end() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    ending = true;
    changed.notify_one();
  }
  if (thread.joinable()) {
    thread.join();
  }
  std::lock_guard<std::mutex> lock(mutex);
  queue.clear();
}

void Actor::loop() {
  std::unique_lock<std::mutex> lock(mutex);
  while (!ending) {
    if (queue.empty()) {
      changed.wait(lock);
    } else if (queue.begin()->first > Clock::now()) {
      const auto until = queue.begin()->first;
      changed.wait_until(lock, until);
    } else {
      auto function = std::move(queue.begin()->second);
      queue.erase(queue.begin());
      lock.unlock();
      function();
      function = nullptr;
      lock.lock();
    }
  }
}

void Latch::open() {
  std::lock_guard<std::mutex> lock(mutex);
  is_open = true;
  changed.notify_all();
}

void Latch::await() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return is_open; });
}

} // namespace standin
