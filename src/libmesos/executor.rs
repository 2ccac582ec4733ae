//! The executor driver over MesosExecutorDriver.

use super::bridge::ffi;
use super::events::{Settings, Shared};
use super::work::Work;
use super::worker::{Proxy, Worker};
use crate::channel::Channel;
use crate::driver::backend::Backend;
use crate::driver::counters::Counters;
use crate::driver::gate::Gate;
use crate::driver::{Driver, DriverError, ExecutorCall, Status};
use crate::native::executor::environment::Environment;
use cxx::UniquePtr;
use std::sync::Arc;
use std::time::Duration;

/// How long an update may take to reach the agent: the agent's receipt is not told to users of libmesos. Mesos' own executors
/// stay alive for a second, too.
const UPDATE_LINGERS: Duration = Duration::from_secs(1);
const MESSAGE_LINGERS: Duration = Duration::from_millis(100);

/// libmesos ends the process if one of these is missing or is not what it must be.
const FATAL: [&str; 8] = [
    "MESOS_SLAVE_PID",
    "MESOS_SLAVE_ID",
    "MESOS_FRAMEWORK_ID",
    "MESOS_EXECUTOR_ID",
    "MESOS_DIRECTORY",
    "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
    "MESOS_CHECKPOINT",
    "MESOS_RECOVERY_TIMEOUT",
];

type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// An executor's driver. Its C++ driver is made and destroyed with it.
pub struct ExecutorDriver {
    shared: Arc<Shared>,
    worker: Worker,
    variables: Variables,
}

impl ExecutorDriver {
    /// `environment` gives the value of a variable; libmesos itself reads the process' environment.
    pub fn new(
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        channel: Channel,
    ) -> Result<Self, DriverError> {
        let (shared, commands) = Shared::new(channel, Counters::executor(), Settings::default());
        let make = |listener| Ok(ExecutorProxy(ffi::new_executor(super::folder(), listener)?));
        let (worker, ()) = Worker::launch("mesos-executor", &shared, commands, make, |_| ())?;
        Ok(ExecutorDriver {
            shared,
            worker,
            variables: Box::new(environment),
        })
    }
}

impl Driver for ExecutorDriver {
    fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    fn backend(&self) -> Backend {
        Backend::Libmesos
    }

    fn start(&self) -> Result<Status, DriverError> {
        if self.status() == Status::NotStarted {
            // As the native driver checks them.
            Environment::read(|name| (self.variables)(name).filter(|_| FATAL.contains(&name)))?;
        }
        self.worker.start()
    }

    fn abort(&self) -> Status {
        self.worker.abort()
    }

    fn close(&self) {
        self.worker.close();
    }
}

impl crate::driver::ExecutorDriver for ExecutorDriver {
    fn stop(&self) -> Status {
        self.worker.stop(false)
    }

    fn call(&self, call: ExecutorCall) -> Result<Status, DriverError> {
        // Updates are never refused: they are the executor's duty.
        self.worker.work(Work::Executor(call), usize::MAX)
    }
}

impl Drop for ExecutorDriver {
    fn drop(&mut self) {
        self.worker.close();
    }
}

struct ExecutorProxy(UniquePtr<ffi::Executor>);

impl Proxy for ExecutorProxy {
    fn target(&self) -> String {
        "the agent".to_string()
    }

    fn start(&mut self) -> Result<i32, cxx::Exception> {
        self.0.pin_mut().start()
    }

    fn stop(&mut self, _failover: bool) -> Result<i32, cxx::Exception> {
        self.0.pin_mut().stop()
    }

    fn abort(&mut self) -> Result<i32, cxx::Exception> {
        self.0.pin_mut().abort()
    }

    fn join(&mut self) -> Result<i32, cxx::Exception> {
        self.0.pin_mut().join()
    }

    fn work(&mut self, work: Work) -> Result<Duration, cxx::Exception> {
        match work {
            Work::Executor(ExecutorCall::SendStatusUpdate { status }) => {
                self.0.pin_mut().send_status_update(&status)?;
                Ok(UPDATE_LINGERS)
            }
            Work::Executor(ExecutorCall::SendFrameworkMessage { data }) => {
                self.0.pin_mut().send_framework_message(&data)?;
                Ok(MESSAGE_LINGERS)
            }
            // The scheduler's: neither comes here.
            Work::Scheduler(_) | Work::Acknowledge(_) => Ok(Duration::ZERO),
        }
    }
}
