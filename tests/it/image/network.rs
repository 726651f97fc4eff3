//! A network of a container's own, with an address beside its loopback, as a pod has one.

use std::{fs::File, net::Ipv4Addr, os::fd::AsRawFd, path::PathBuf, process::Command};

use nix::sched::{CloneFlags, setns, unshare};

use crate::built::succeeds;

/// Of those that documentation may use (RFC 5737).
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// It ends with the last of its processes and this.
#[derive(Debug)]
pub(crate) struct Network(File);

impl Network {
    pub(crate) fn new() -> Self {
        let made = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may");
            succeeds(Command::new("ip").args(["link", "set", "lo", "up"]));
            succeeds(Command::new("ip").args(["address", "add", &format!("{ADDRESS}/32"), "dev", "lo"]));
            File::open("/proc/thread-self/ns/net").expect("procfs")
        };
        Self(apart(made))
    }

    /// Where a runtime finds it.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// Does `work` in it, and otherwise outside of any container.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("root may");
            work()
        };
        apart(entered)
    }
}

/// On a thread that ends with it: a thread that has changed its network must not run anything else.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().expect("the thread says why"))
}
