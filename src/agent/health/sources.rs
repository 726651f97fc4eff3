//! What the kernel has counted for this process since it began. Some small files, 10 µs each.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::agent::health::proc::{self, Throttling};

/// Threads whose waits are the load's: [`crate::engine::worker::spawn`] names them so.
const WORKERS: &str = "worker-";

/// Running totals; what the kernel does not offer is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KernelTotals {
    /// Waits for a core, of all worker threads.
    pub(super) run_queue: Option<Duration>,
    /// Worker threads so far.
    pub(super) workers: u32,
    /// Time in which any task of the container (or else of the machine) waited for a core.
    pub(super) cpu_pressure: Option<Duration>,
    /// The CPU quota of this process' cgroup.
    pub(super) throttling: Option<Throttling>,
}

/// Where the totals are read.
#[derive(Debug)]
pub(super) struct Sources {
    proc: PathBuf,
    cpu_pressure: Option<PathBuf>,
    cpu_stat: Option<PathBuf>,
    /// Waits by worker thread; those of an ended one stay.
    waits: BTreeMap<String, Duration>,
}

impl Sources {
    /// Finds out what there is.
    #[must_use]
    pub(super) fn new() -> Self {
        Self::under(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
    }

    fn under(proc: &Path, cgroup_root: &Path) -> Self {
        let own = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
        // Within a container's own mount the path from outside may be missing, and the root is the container's cgroup.
        let own = proc::cgroup_path(&own).map(|path| cgroup_root.join(path));
        let cgroups: Vec<_> = own.into_iter().chain([cgroup_root.to_owned()]).collect();
        let pressures = cgroups.iter().map(|cgroup| cgroup.join("cpu.pressure")).chain([proc.join("pressure/cpu")]);
        Self {
            proc: proc.join("self"),
            cpu_pressure: first(pressures, |text| proc::cpu_pressure(text).is_some()),
            cpu_stat: first(cgroups.iter().map(|cgroup| cgroup.join("cpu.stat")), |text| {
                proc::throttling(text).is_some()
            }),
            waits: BTreeMap::new(),
        }
    }

    /// Reads the totals as they are now.
    #[must_use]
    pub(super) fn read(&mut self) -> KernelTotals {
        let available = self.read_waits();
        KernelTotals {
            run_queue: available.then(|| self.waits.values().sum()),
            workers: self.waits.len() as u32,
            cpu_pressure: text(self.cpu_pressure.as_deref()).as_deref().and_then(proc::cpu_pressure),
            throttling: text(self.cpu_stat.as_deref()).as_deref().and_then(proc::throttling),
        }
    }

    /// Whether the kernel counts waits at all.
    fn read_waits(&mut self) -> bool {
        let wait = |directory: &Path| proc::run_queue_wait(&fs::read_to_string(directory.join("schedstat")).ok()?);
        if wait(&self.proc).is_none() {
            return false;
        }
        let Ok(threads) = fs::read_dir(self.proc.join("task")) else { return false };
        for thread in threads.flatten() {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if name.starts_with(WORKERS)
                && let Some(wait) = wait(&thread.path())
            {
                self.waits.insert(thread.file_name().to_string_lossy().into_owned(), wait);
            }
        }
        true
    }
}

fn first(paths: impl IntoIterator<Item = PathBuf>, readable: impl Fn(&str) -> bool) -> Option<PathBuf> {
    paths.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|text| readable(&text)))
}

fn text(path: Option<&Path>) -> Option<String> {
    fs::read_to_string(path?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc` and a cgroup file system with these files.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn sources(root: &tempfile::TempDir) -> Sources {
        Sources::under(&root.path().join("proc"), &root.path().join("cgroup"))
    }

    const THROTTLED: &str = "usage_usec 1\nnr_periods 10\nnr_throttled 2\nthrottled_usec 30\n";

    #[test]
    fn waits_are_those_of_the_workers_and_outlive_them() {
        let root = tree(&[
            ("proc/self/schedstat", "9 9 9\n"),
            ("proc/self/task/1/comm", "rampd\n"),
            ("proc/self/task/1/schedstat", "9 1000 9\n"),
            ("proc/self/task/2/comm", "worker-0\n"),
            ("proc/self/task/2/schedstat", "9 20 9\n"),
            ("proc/self/task/3/comm", "worker-1\n"),
            ("proc/self/task/3/schedstat", "9 3 9\n"),
        ]);
        let mut sources = sources(&root);
        let wait = Some(Duration::from_nanos(23));
        assert_eq!(sources.read(), KernelTotals { run_queue: wait, workers: 2, ..KernelTotals::default() });
        fs::remove_dir_all(root.path().join("proc/self/task/3")).unwrap();
        assert_eq!(sources.read(), KernelTotals { run_queue: wait, workers: 2, ..KernelTotals::default() });
    }

    #[test]
    fn a_kernel_that_offers_nothing_gives_nothing() {
        assert_eq!(sources(&tree(&[])).read(), KernelTotals::default());
        let malformed = tree(&[
            ("proc/self/schedstat", "?\n"),
            ("proc/pressure/cpu", "?\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("cgroup/cpu.stat", "usage_usec 1\n"),
        ]);
        assert_eq!(sources(&malformed).read(), KernelTotals::default());
    }

    #[test]
    fn the_own_cgroup_comes_first_then_the_mounts_root_then_the_machine() {
        let machine = ("proc/pressure/cpu", "some total=1\n");
        let own = ("proc/self/cgroup", "0::/pod/c\n");
        let root = ("cgroup/cpu.pressure", "some total=2\n");
        for (files, pressure, periods) in [
            (vec![machine], Some(1), None),
            (vec![machine, own], Some(1), None),
            (vec![machine, own, root, ("cgroup/cpu.stat", THROTTLED)], Some(2), Some(10)),
            (
                vec![
                    machine,
                    own,
                    root,
                    ("cgroup/cpu.stat", THROTTLED),
                    ("cgroup/pod/c/cpu.pressure", "some total=3\n"),
                    ("cgroup/pod/c/cpu.stat", "nr_periods 4\nnr_throttled 0\nthrottled_usec 0\n"),
                ],
                Some(3),
                Some(4),
            ),
        ] {
            let totals = sources(&tree(&files)).read();
            assert_eq!(totals.cpu_pressure, pressure.map(Duration::from_micros), "{files:?}");
            assert_eq!(totals.throttling.map(|throttling| throttling.periods), periods, "{files:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_own_files_are_found() {
        let worker = std::thread::Builder::new().name("worker-9".to_owned());
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (started, is_started) = std::sync::mpsc::channel::<()>();
        let thread = worker.spawn(move || started.send(()).and(Ok(wait.recv()))).unwrap();
        is_started.recv().unwrap();
        let totals = Sources::new().read();
        drop(done);
        assert!(thread.join().is_ok());
        // A kernel without schedstat has no totals; with it, it has this worker.
        let counts = fs::read_to_string("/proc/self/schedstat").is_ok();
        assert_eq!((totals.run_queue.is_some(), totals.workers), (counts, u32::from(counts)));
    }
}
