//! `set`, `check` and `add`: steps that only compute.

use crate::{
    catalogue::MetricKind,
    clock::Instant,
    config::{
        matcher::Room,
        profile::action::{Action, Adding, Checking, Setting},
        template::{RenderError, Values, variables::Form},
    },
    engine::{context::WorkerContext, instruments::ScenarioSlots},
};

/// Does a step; its checks are numbered from `first_check`.
///
/// # Errors
/// A `set` whose value has a placeholder without one.
pub fn run<'a>(
    worker: &WorkerContext,
    slots: &ScenarioSlots,
    values: &mut Values,
    action: &'a Action,
    first_check: usize,
) -> Result<(), RenderError<'a>> {
    values.now_ms = worker.now_ms(Instant::now());
    match action {
        Action::Set(settings) => settings.iter().try_for_each(|setting| set(worker, values, setting)),
        Action::Check(checks) => {
            for (place, check) in checks.iter().enumerate() {
                let slot = slots.check(first_check + place, passes(worker, values, check));
                worker.recorder.add(slot, 1);
            }
            Ok(())
        }
        Action::Add(samples) => {
            samples.iter().for_each(|sample| add(worker, slots, values, sample));
            Ok(())
        }
    }
}

fn set<'a>(worker: &WorkerContext, values: &mut Values, setting: &'a Setting) -> Result<(), RenderError<'a>> {
    let mut text = worker.text.borrow_mut();
    text.clear();
    setting.value.render(values, &mut *text)?;
    let form = if setting.is_json { Form::Json } else { setting.value.form(values) };
    let set = values.variables.set(setting.slot, |value| {
        value.push_str(&text);
        Some(form)
    });
    if set { Ok(()) } else { Err(RenderError::TooLarge(&setting.name)) }
}

fn passes(worker: &WorkerContext, values: &Values, check: &Checking) -> bool {
    // Two texts: the value, and the worker's for what it is compared with.
    let mut value = worker.other_text.borrow_mut();
    value.clear();
    let rendered = check.value.render(values, &mut *value).is_ok();
    let mut text = worker.text.borrow_mut();
    let value = rendered.then_some(value.as_bytes());
    check.test.of_text(value, &mut Room { values, text: &mut text })
}

fn add(worker: &WorkerContext, slots: &ScenarioSlots, values: &Values, sample: &Adding) {
    let Some(custom) = slots.custom.get(sample.metric) else { return };
    let mut text = worker.text.borrow_mut();
    text.clear();
    let rendered = sample.value.render(values, &mut *text).is_ok();
    let recorder = &worker.recorder;
    let number = || text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let added = rendered
        && match custom.kind() {
            MetricKind::Rate => match text.trim() {
                "true" => custom.rate(recorder, true),
                "false" => custom.rate(recorder, false),
                _ => number().is_some_and(|number| custom.rate(recorder, number != 0.0)),
            },
            MetricKind::Counter => text.trim().parse().is_ok_and(|count| custom.count(recorder, count)),
            MetricKind::Trend | MetricKind::Gauge => number().is_some_and(|number| custom.record(recorder, number)),
        };
    if !added {
        recorder.add(custom.refused, 1);
    }
}
