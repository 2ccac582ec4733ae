// Stand-in for Mesos' header of the same name: the messages, made by protoc from proto/mesos.proto.
#pragma once

#include <mesos/mesos.pb.h>
#include <mesos/version.hpp>
