//! Texts of `/proc` and of the cgroup file system. A text that is not as expected gives nothing:
//! the signal is then not available.

use std::time::Duration;

/// What a CPU quota has cost since the cgroup was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Throttling {
    /// Periods in which any thread ran.
    pub(super) periods: u64,
    /// Those in which the quota was used up.
    pub(super) throttled: u64,
    /// Time stood still, over all cores.
    pub(super) time: Duration,
}

/// Time that a thread has waited on a run queue: the second field of its `schedstat`, in nanoseconds.
pub(super) fn run_queue_wait(schedstat: &str) -> Option<Duration> {
    let mut fields = schedstat.split_ascii_whitespace().map(str::parse::<u64>);
    let (_ran, waited, _slices) = (fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Duration::from_nanos(waited))
}

/// Time in which any task waited for a core: `some … total=` of a `cpu.pressure`, in microseconds.
pub(super) fn cpu_pressure(pressure: &str) -> Option<Duration> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?;
    Some(Duration::from_micros(total.parse().ok()?))
}

/// The quota's part of a cgroup's `cpu.stat`; it is there only where the CPU controller is.
pub(super) fn throttling(cpu_stat: &str) -> Option<Throttling> {
    let value = |key| {
        let lines = cpu_stat.lines().filter_map(|line| line.split_once(' '));
        lines.into_iter().find_map(|(name, value)| (name == key).then(|| value.trim().parse::<u64>().ok())?)
    };
    Some(Throttling {
        periods: value("nr_periods")?,
        throttled: value("nr_throttled")?,
        time: Duration::from_micros(value("throttled_usec")?),
    })
}

/// The process' place in the hierarchy of cgroup v2, without the leading slash; none where it lies outside the
/// namespace's root.
pub(super) fn cgroup_path(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    path.split('/').all(|part| part != "..").then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_queue_wait_is_the_second_of_three_fields() {
        assert_eq!(run_queue_wait("585092 81966 3\n"), Some(Duration::from_nanos(81_966)));
        for malformed in ["", "\n", "585092", "585092 81966", "585092 -1 3", "a b c", "1 99999999999999999999 3"] {
            assert_eq!(run_queue_wait(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn cpu_pressure_is_the_total_of_some() {
        let text = "some avg10=36.39 avg60=15.51 avg300=16.66 total=484542953\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(cpu_pressure(text), Some(Duration::from_micros(484_542_953)));
        for malformed in ["", "full avg10=0.00 total=7\n", "some avg10=0.00\n", "some total=x\n", "some total=-1\n"] {
            assert_eq!(cpu_pressure(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn throttling_needs_all_of_its_lines() {
        let text = "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\ncore_sched.force_idle_usec 0\nnr_periods 120\n\
                    nr_throttled 30\nthrottled_usec 4500000\nnr_bursts 0\nburst_usec 0\n";
        let throttled = Throttling { periods: 120, throttled: 30, time: Duration::from_millis(4500) };
        assert_eq!(throttling(text), Some(throttled));
        let without_controller = "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n";
        for absent in ["", without_controller, "nr_periods 1\nnr_throttled x\nthrottled_usec 1\n", "nr_periods\n"] {
            assert_eq!(throttling(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn cgroup_path_is_that_of_version_2() {
        for (text, path) in [
            ("0::/\n", Some("")),
            ("9:name=systemd:/x\n1:cpu:/y\n0::/kubepods/pod1/c2\n", Some("kubepods/pod1/c2")),
            ("1:cpu:/y\n", None),
            ("0::/../sibling\n", None),
            ("", None),
            ("0:cpu:/y\n", None),
        ] {
            assert_eq!(cgroup_path(text), path, "{text:?}");
        }
    }
}
