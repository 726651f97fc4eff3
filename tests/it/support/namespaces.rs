//! Machines with networks of their own, as the kernel's network namespaces: a hub with two bridges, one for the load and
//! one for the fleet, and a cable from each of them to every machine.

use std::{
    fs::File,
    io::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use nix::sched::{CloneFlags, setns};

/// Where the hub is on the bridge of the load.
pub(crate) const HUB: &str = "10.1.0.254";

/// Distinguishes the networks of tests that run at one time.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A namespace; deleted with everything in it on drop.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

/// The hub and its machines. Addresses are the same in each network: none of them reaches another one.
#[derive(Debug)]
pub(crate) struct Network {
    hub: Namespace,
    machines: Vec<Namespace>,
}

impl Namespace {
    fn new(name: String) -> Self {
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"]);
        namespace
    }

    /// What starts a command in it, as `ip netns exec NAME`.
    pub(crate) fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Runs `work` on a thread that is in it.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.name);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let handle = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
                setns(handle, CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| panic!("setns {path}: {error}"));
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // While a test fails, its own message matters more than this one.
        drop(Command::new("ip").args(["netns", "delete", &self.name]).output());
    }
}

impl Network {
    /// A hub with so many machines.
    pub(crate) fn new(machines: u32) -> Self {
        let name = format!("rampd-{}-{}", std::process::id(), NETWORKS.fetch_add(1, Ordering::Relaxed));
        let hub = Namespace::new(format!("{name}-hub"));
        let machines: Vec<_> = (0..machines).map(|number| Namespace::new(format!("{name}-{number}"))).collect();
        let mut commands = vec![
            "link add load type bridge".to_owned(),
            "link add fleet type bridge".to_owned(),
            format!("address add {HUB}/24 dev load"),
            "link set load up".to_owned(),
            "link set fleet up".to_owned(),
        ];
        for (number, machine) in machines.iter().enumerate() {
            for cable in ["load", "fleet"] {
                commands.push(format!("link add {cable}{number} type veth peer name {cable} netns {}", machine.name));
                commands.push(format!("link set {cable}{number} master {cable} up"));
            }
        }
        batch(&hub, &commands);
        for (number, machine) in (0..).zip(&machines) {
            let commands = [
                format!("address add {}/24 dev load", load_address(number)),
                format!("address add {}/24 dev fleet", fleet_address(number)),
                "link set load up".to_owned(),
                "link set fleet up".to_owned(),
            ];
            batch(machine, &commands);
        }
        Self { hub, machines }
    }

    pub(crate) fn hub(&self) -> &Namespace {
        &self.hub
    }

    pub(crate) fn machine(&self, number: u32) -> &Namespace {
        &self.machines[number as usize]
    }

    /// Takes a machine's address on the bridge of the load away: it has no route to the target.
    pub(crate) fn unplug_load(&self, number: u32) {
        batch(self.machine(number), &["link set load down".to_owned()]);
    }

    /// Cuts a machine off the fleet's bridge, or joins it again; the load goes on.
    pub(crate) fn set_fleet_cable(&self, number: u32, up: bool) {
        batch(&self.hub, &[format!("link set fleet{number} {}", if up { "up" } else { "down" })]);
    }
}

/// Where a machine is on the bridge of the load.
pub(crate) fn load_address(number: u32) -> String {
    format!("10.1.0.{}", number + 1)
}

/// Where a machine is on the bridge of the fleet.
pub(crate) fn fleet_address(number: u32) -> String {
    format!("10.2.0.{}", number + 1)
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("ip (Debian: iproute2) does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {arguments:?}: {said}; tests of fleets need network namespaces: run them as root"
    );
}

fn batch(namespace: &Namespace, commands: &[String]) {
    let mut command = Command::new("ip");
    command.args(["-n", &namespace.name, "-batch", "-"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it has started before");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(commands.join("\n").as_bytes()).expect("ip reads its commands");
    drop(input);
    let output = child.wait_with_output().expect("ip ends");
    assert!(
        output.status.success(),
        "ip in {}: {}\n{commands:#?}",
        namespace.name,
        String::from_utf8_lossy(&output.stderr)
    );
}
