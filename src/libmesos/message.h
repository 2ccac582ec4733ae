// Mesos messages from and to bytes, without protobuf's own complaints on stderr. For the proxies.
#pragma once

#include <stdexcept>
#include <string>

#include "proxy.h"

namespace mesos_perl {

// Partial parsing first: the full one writes what is missing to stderr, and says only "false".
template <class Message> Message parse(const char *argument, const std::string &bytes) {
  Message message;
  if (!message.ParsePartialFromString(bytes)) {
    throw std::invalid_argument(std::string(argument) + ": not an encoded " + message.GetTypeName());
  }
  if (!message.IsInitialized()) {
    throw std::invalid_argument(
        std::string(argument) + ": " + message.GetTypeName() + " lacks " + message.InitializationErrorString());
  }
  return message;
}

template <class Message> std::vector<Message> parse_all(const char *argument, const Strings &all) {
  std::vector<Message> messages;
  messages.reserve(all.size());
  for (const std::string &bytes : all) {
    messages.push_back(parse<Message>(argument, bytes));
  }
  return messages;
}

template <class Message> std::string serialise(const Message &message) {
  std::string bytes;
  if (!message.SerializePartialToString(&bytes)) {
    throw std::runtime_error("cannot encode " + message.GetTypeName());
  }
  return bytes;
}

// Runs what gathers the arguments of a callback, and passes them on. No exception reaches libmesos.
template <class Gather> void pass(Sink *sink, Callback which, Gather gather) noexcept {
  try {
    sink->callback(which, gather());
  } catch (const std::exception &error) {
    try {
      sink->callback(Callback::Failed, Strings{error.what()});
    } catch (...) {
      // No memory even for the text: the callback is lost, and Mesos sends updates again.
    }
  } catch (...) {
  }
}

} // namespace mesos_perl
