//! What the agent runs on, for records: figures of two runs mean little beside each other on different machines.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{engine::limits::Offer, outputs::record::Machine};

/// Reads `/proc` and the cgroup's files, some ten of them.
#[must_use]
pub fn read(workers: u32) -> Machine {
    let named = |file: &str| {
        let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(file)).unwrap_or_default();
        text.trim().to_owned()
    };
    Machine {
        host: named("hostname"),
        cpu: fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(cpu_model),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        memory_bytes: memory(Path::new("/proc"), Path::new("/sys/fs/cgroup")),
        kernel: format!("{} {} {}", named("ostype"), named("osrelease"), std::env::consts::ARCH),
        files: Offer::of_this_machine().files,
        workers,
    }
}

/// x86 says `model name`; many ARM machines name nothing.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        matches!(name.trim(), "model name" | "Model" | "Hardware").then(|| value.trim().to_owned())
    };
    cpuinfo.lines().find_map(field).filter(|model| !model.is_empty())
}

/// The least of the machine's memory and the limits of this process's cgroup and of those around it.
fn memory(proc: &Path, cgroups: &Path) -> Option<u64> {
    let machine = fs::read_to_string(proc.join("meminfo")).ok().as_deref().and_then(total);
    let own = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    // Within a container's own mount the path from outside may be missing; the root is the container's cgroup then.
    let own = if own.split('/').any(|part| part == "..") { PathBuf::new() } else { PathBuf::from(own) };
    let limits = own.ancestors().filter_map(|cgroup| {
        fs::read_to_string(cgroups.join(cgroup).join("memory.max")).ok()?.trim().parse::<u64>().ok()
    });
    limits.chain(machine).min()
}

/// `MemTotal`, which is in KiB.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let memory = || memory(&root.path().join("proc"), &root.path().join("cgroup"));
        assert_eq!(memory(), None);
        write("proc/meminfo", "MemFree: 1 kB\nMemTotal:       4 kB\n");
        assert_eq!(memory(), Some(4096));
        write("proc/self/cgroup", "0::/pod/c\n");
        write("cgroup/pod/c/memory.max", "max\n");
        write("cgroup/pod/memory.max", "3000\n");
        assert_eq!(memory(), Some(3000));
        write("cgroup/memory.max", "2000\n");
        assert_eq!(memory(), Some(2000));
        write("proc/self/cgroup", "0::/../other\n");
        assert_eq!(memory(), Some(2000));
    }

    #[test]
    fn the_cpu_is_named_if_the_system_does() {
        let x86 = "processor\t: 0\nvendor_id\t: X\nmodel name\t: A CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: B\n";
        assert_eq!(cpu_model(x86).as_deref(), Some("A CPU @ 2 GHz"));
        assert_eq!(cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
        assert_eq!(cpu_model("model name\t:\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_is_described() {
        let machine = read(3);
        assert_eq!(machine.workers, 3);
        assert!(machine.cores > 0 && machine.files > 0 && machine.memory_bytes > Some(1 << 20), "{machine:?}");
        assert!(machine.kernel.starts_with("Linux ") && !machine.host.is_empty(), "{machine:?}");
    }
}
