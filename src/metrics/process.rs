//! What the kernel says about this process. Values that a system does not offer stay empty.

use std::{fs, time::Duration};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};

/// Clock ticks per second in `/proc/*/stat`: `USER_HZ`, 100 in Linux's ABI on every platform that Rust's
/// standard library supports with tier 1 or 2.
const TICKS: f64 = 100.0;

/// Resource use of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessStats {
    /// User and system time of all threads, to the microsecond.
    pub cpu: Option<Duration>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Address space in use.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// Soft limit of open file descriptors.
    pub max_files: Option<u64>,
    /// Start in seconds since 1970.
    pub start_time: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl ProcessStats {
    /// Reads them now: a few small files of `/proc`, some tens of microseconds.
    #[must_use]
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |key| status_number(&status, key).map(|kib| kib * 1024);
        Self {
            cpu: cpu_time(),
            resident_bytes: kib("VmRSS:"),
            virtual_bytes: kib("VmSize:"),
            open_files: open_files(),
            max_files: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
            start_time: fs::read_to_string("/proc/self/stat")
                .ok()
                .zip(fs::read_to_string("/proc/stat").ok())
                .and_then(|(own, system)| Some(boot_time(&system)? as f64 + start_ticks(&own)? as f64 / TICKS)),
            threads: status_number(&status, "Threads:"),
        }
    }
}

fn cpu_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let of = |time: nix::sys::time::TimeVal| {
        let micros = u64::try_from(time.tv_usec()).ok()?;
        Some(Duration::from_secs(u64::try_from(time.tv_sec()).ok()?) + Duration::from_micros(micros))
    };
    Some(of(usage.user_time())? + of(usage.system_time())?)
}

/// Since Linux 6.2 the directory's size is the number of files; before, it is 0 and they have to be counted.
fn open_files() -> Option<u64> {
    let directory = "/proc/self/fd";
    match fs::metadata(directory).ok()?.len() {
        // Reading the directory opens one more.
        0 => Some((fs::read_dir(directory).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

fn status_number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Field 22 of `/proc/self/stat`. The command in field 2 may hold spaces and parentheses, so counting starts after it.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_an_odd_command_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21";
        assert_eq!(start_ticks(stat), Some(777));
        assert_eq!(start_ticks("42 (short) S 1"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\nprocesses 3\n"), Some(1_700_000_000));
        assert_eq!(status_number("Name:\tx\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234));
        assert_eq!(status_number("Name:\tx\n", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_plausible_values() {
        let stats = ProcessStats::read();
        assert!(stats.resident_bytes.unwrap() > 100_000);
        assert!(stats.virtual_bytes.unwrap() >= stats.resident_bytes.unwrap());
        assert!(stats.threads.unwrap() >= 1);
        assert!(stats.max_files.unwrap() >= stats.open_files.unwrap());
        let now = crate::clock::WallClock::now();
        let age = now.unix_nanos(now.epoch()) as f64 / 1e9 - stats.start_time.unwrap();
        assert!((-2.0..3600.0).contains(&age), "{age}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_opened_file_is_counted() {
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(ProcessStats::read().open_files.unwrap() >= files.len() as u64);
    }
}
