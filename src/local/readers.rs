//! Threads that read files of sandboxes.
//!
//! Tasks can mount a file system in their sandboxes that never answers, and names of users can come from far away. The cluster's thread
//! waits for none of that.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, Semaphore};

/// Why nothing was read, in words.
#[derive(Debug)]
pub struct NotRead(pub String);

/// Then the caller is told that nothing comes. The thread goes on, and counts, until the file system answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who reads files: so many threads at a time, at most.
#[derive(Clone)]
pub struct Readers {
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Readers {
    fn default() -> Self {
        Readers {
            room: Arc::new(Semaphore::new(8)),
            patience: PATIENCE,
        }
    }
}

impl Readers {
    /// Does something with files, and returns what comes of it in time.
    pub async fn read<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NotRead> {
        let read = async {
            // Never closed.
            let room = self.room.clone().acquire_owned().await.ok();
            let (send, receive) = oneshot::channel();
            let body = move || {
                let made = work();
                drop(room);
                // Perhaps nobody waits any more.
                drop(send.send(made));
            };
            crate::thread::spawn("mesos-files", body).map_err(|e| NotRead(format!("Cannot start a thread: {e}")))?;
            receive.await.map_err(|_| NotRead("The thread has ended".into()))
        };
        let read = tokio::time::timeout(self.patience, read).await;
        read.unwrap_or_else(|_| {
            let seconds = self.patience.as_secs();
            Err(NotRead(format!("The file system has not answered for {seconds} s")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_does_not_answer_holds_up_nobody_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let readers = Readers {
                room: Arc::new(Semaphore::new(2)),
                patience: Duration::from_millis(100),
            };
            let (answer, never) = std::sync::mpsc::channel::<()>();
            let stuck = readers.read(move || never.recv()).await.unwrap_err();
            assert_eq!(stuck.0, "The file system has not answered for 0 s");
            let patient = Readers {
                patience: PATIENCE,
                ..readers.clone()
            };
            assert_eq!(patient.read(|| 7).await.unwrap(), 7, "there is room for another");
            assert_eq!(readers.room.available_permits(), 1, "the stuck thread counts");
            drop(answer);
            let room = patient.room.acquire_many(2).await;
            assert!(room.is_ok(), "until it is stuck no more");
        });
    }
}
