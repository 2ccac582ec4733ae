//! PERL_MESOS_TRACE: sinks for the `log` facade.
