//! `rampd check PROFILE`

use std::{fmt::Write as _, path::PathBuf, time::Duration};

use clap::Args as ClapArgs;

use crate::{
    cli::{
        console::{print, refuse},
        profile::{self, Changes},
    },
    config::{
        data::{
            Data,
            rows::{Order, WhenExhausted},
        },
        profile::Profile,
    },
    engine::limits::{Needs, Offer},
    exit::Exit,
    plan::{Plan, ScenarioPlan, chart, work::Work},
    units::duration::display,
};

/// Options of the check.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The profile
    pub profile: PathBuf,
    /// What to change in it.
    #[command(flatten)]
    pub changes: Changes,
}

/// Runs the command: 0 when the profile is right and this machine can carry it, 107 when it cannot.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let profile = match profile::load(&args.profile, &args.changes) {
        Ok(profile) => profile,
        Err(message) => return refuse(Exit::BadConfiguration, &message),
    };
    let plan = Plan::new(&profile);
    let needs = Needs::of(&plan, &profile.network, false);
    let offer = Offer::of_this_machine();
    print(&describe(&profile, &plan, &needs, offer));
    let shortages = needs.shortages(offer);
    match shortages.first() {
        None => Exit::Passed,
        Some(shortage) => refuse(Exit::PreflightRefused, shortage),
    }
}

/// The plan for people.
#[must_use]
pub fn describe(profile: &Profile, plan: &Plan, needs: &Needs, offer: Offer) -> String {
    let mut text = format!("{} is a valid profile.\n\n", profile.name);
    text.push_str(&chart::draw(plan, 64, 8));
    text.push('\n');
    for scenario in &plan.scenarios {
        let _infallible = writeln!(text, "  * {}: {}", scenario.name, scenario.description);
        for site in &scenario.program.sites {
            let _infallible = writeln!(text, "    connects to {}", site.url.display);
        }
        for request in &scenario.program.requests {
            let _infallible = writeln!(text, "    requests {} {}", request.method.name(), request.url.display);
        }
    }
    text.push('\n');
    let mut line = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:.<22}: {value}");
    };
    line("duration", duration(plan));
    line("peak VUs", plan.peak_vus().to_string());
    line("peak sockets", plan.peak_sockets().to_string());
    line("open files", format!("{} needed, {} allowed", needs.files, offer.files));
    for (target, ports) in &needs.ports {
        let available = offer.ports * ports.pairs;
        line("local ports", format!("{} needed to {target}, {available} available", ports.needed));
    }
    if !needs.sources.is_empty() {
        line("source addresses", needs.sources.len().to_string());
    }
    for (what, proxy) in [
        ("ws:// and http://", &profile.network.proxies.plain),
        ("wss:// and https://", &profile.network.proxies.secure),
    ] {
        if let Some(proxy) = proxy {
            line("proxy", format!("{proxy} for {what}"));
        }
    }
    for scenario in &plan.scenarios {
        if let Some(iterations) = scenario.iterations() {
            line("iterations", format!("{iterations} (scenario {})", scenario.name));
        }
        if let Work::Arrivals { schedule, .. } = &scenario.work {
            line("VUs suffice", sufficient(scenario, schedule.highest()));
        }
    }
    for scenario in plan.scenarios.iter().filter(|scenario| scenario.program.messages() > 0) {
        line("messages", total(scenario, scenario.program.messages()));
    }
    for scenario in plan.scenarios.iter().filter(|scenario| scenario.program.requests_each() > 0) {
        line("requests", total(scenario, scenario.program.requests_each()));
    }
    for data in profile.data.iter() {
        line("rows", rows(data, plan));
    }
    for target in &profile.observe {
        line("observes", format!("{}: {} every {}", target.name, target.url.display, display(target.interval)));
    }
    for threshold in &profile.thresholds {
        let aborts = if threshold.abort_on_fail { ", ends the run when crossed" } else { "" };
        line("threshold", format!("{} {}{aborts}", threshold.name, threshold.source));
    }
    text
}

fn duration(plan: &Plan) -> String {
    if plan.is_endless() {
        return "until it is stopped".to_owned();
    }
    let most = format!("{} at most, graceful stop included", display(plan.max_duration()));
    let at_most =
        plan.scenarios.iter().all(|scenario| matches!(scenario.work, Work::Each { .. } | Work::Shared { .. }));
    if at_most {
        return format!("as long as the iterations take ({most})");
    }
    format!("{} ({most})", display(plan.duration()))
}

/// How many rows there are, and whether they suffice where none comes twice.
fn rows(data: &Data, plan: &Plan) -> String {
    let rows = u64::from(data.table.rows());
    let short = plan.scenarios.iter().find_map(|scenario| {
        let needed = match (data.when_exhausted, data.order) {
            (WhenExhausted::Fail, Order::PerVu) => Some(scenario.max_vus().into()),
            (WhenExhausted::Fail, Order::Unique) => scenario.iterations(),
            _ => None,
        };
        needed.filter(|needed| *needed > rows).map(|needed| (needed, &scenario.name))
    });
    let Data { name, .. } = data;
    match short {
        None => format!("{rows} ({name})"),
        Some((needed, scenario)) => format!(
            "{rows} ({name}), too few if scenario {scenario} uses them: for {needed}; the rest fails with missing_value"
        ),
    }
}

/// Little's law: VUs in use are the rate times the duration of an iteration.
fn sufficient(scenario: &ScenarioPlan, per_second: f64) -> String {
    let longest = |vus: u32| {
        let seconds = f64::from(vus) / per_second;
        Duration::try_from_secs_f64((seconds * 1e4).round() / 1e4).map_or_else(|_| "any length".to_owned(), display)
    };
    let (planned, most) = (scenario.planned_vus(), scenario.max_vus());
    let more = if most > planned { format!(", {most} up to {}", longest(most)) } else { String::new() };
    format!("{planned} for iterations of up to {}{more} (scenario {})", longest(planned), scenario.name)
}

/// A flow that holds runs once for each start of a VU; any other as often as the server lets it.
fn total(scenario: &ScenarioPlan, each: u64) -> String {
    if let Some(iterations) = scenario.iterations() {
        let total = iterations.saturating_mul(each);
        return format!("{total} ({iterations} iterations of {each}, scenario {})", scenario.name);
    }
    if scenario.program.holds() {
        let starts = scenario.starts();
        format!("{} ({starts} iterations of {each}, scenario {})", starts.saturating_mul(each), scenario.name)
    } else {
        format!("{each} in each iteration of scenario {}; how many iterations depends on the server", scenario.name)
    }
}
