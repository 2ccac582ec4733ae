// Only preprocessed: what the headers say that they are.
#include <mesos/version.hpp>
mesos_perl_version MESOS_VERSION
