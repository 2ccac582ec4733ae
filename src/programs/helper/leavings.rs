//! What goes at the end, when everything is dead: the creator may have had no time for it.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Default)]
pub struct Leavings {
    /// The cluster's work directory, if nobody wants to keep that.
    directory: Option<PathBuf>,
    /// The cluster's place among the cgroups, if it has one.
    cgroup: Option<PathBuf>,
}

impl Leavings {
    /// Of the arguments of a stage: an empty one is none.
    pub fn from_arguments(mut arguments: impl Iterator<Item = OsString>) -> Leavings {
        let mut next = || arguments.next().filter(|path| !path.is_empty()).map(PathBuf::from);
        Leavings {
            directory: next(),
            cgroup: next(),
        }
    }

    /// The same for the next stage.
    pub fn arguments(&self) -> [OsString; 2] {
        [&self.directory, &self.cgroup].map(|path| path.clone().unwrap_or_default().into())
    }

    pub fn remove(&self) {
        self.cgroup.iter().for_each(|cgroup| crate::local::cgroups::end(cgroup));
        if let Some(directory) = &self.directory {
            let _ = crate::local::removal::remove_tree(directory);
        }
    }
}
