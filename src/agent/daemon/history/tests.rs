use std::{fs, time::Duration};

use super::*;
use crate::agent::daemon::desk::Trigger;

fn config(dir: &Path) -> HistoryConfig {
    HistoryConfig { dir: dir.to_owned(), max_runs: 5, max_age: Duration::from_secs(86_400) }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn entry(id: &str, outcome: &str) -> Stored {
    Stored::new(RunEntry {
        id: id.to_owned(),
        profile: "smoke".to_owned(),
        testid: format!("smoke-{id}"),
        trigger: Trigger::Request,
        started_at: "2026-01-01T10:00:00Z".to_owned(),
        elapsed_seconds: None,
        outcome: outcome.to_owned(),
        exit_code: None,
        note: None,
        has_record: false,
    })
}

fn record(id: &str) -> RunRecord {
    let text = include_str!("record.json").replace("ID", id);
    serde_json::from_str(&text).unwrap()
}

fn ids(page: &HistoryPage) -> Vec<&str> {
    page.runs.iter().map(|run| run.id.as_str()).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A name as the daemon gives them.
fn id(number: u8) -> String {
    format!("20260101T100000.{number:03}Z-smoke")
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let now = at("2026-01-01T10:01:00Z");
    let mut history = History::open(&config(folder.path())).unwrap();
    history.put(entry(&id(1), RUNNING));
    history.finish(entry(&id(1), "passed"), Some(&record(&id(1))), now);
    history.put(Stored { key: Some("k".to_owned()), ..entry(&id(2), "crossed") });
    drop(history);
    let history = History::open(&config(folder.path())).unwrap();
    let reader = history.reader();
    assert_eq!(ids(&reader.page(10, None, None)), [id(2), id(1)]);
    assert_eq!(reader.record(&id(1)).unwrap(), record(&id(1)));
    assert_eq!(reader.record(&id(2)).unwrap_err().to_string(), format!("the run `{}` left no record", id(2)));
    assert_eq!(reader.record("3").unwrap_err().to_string(), "there is no run `3`");
    assert_eq!(history.by_key("k").unwrap().entry.id, id(2));
    assert_eq!((history.errors(), history.problem()), (0, None));
}

#[test]
fn a_run_in_flight_is_interrupted_unless_its_record_says_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&config(folder.path())).unwrap();
    history.put(entry(&id(1), RUNNING));
    history.put(entry(&id(2), RUNNING));
    disk::write(folder.path(), &record_name(&id(2)), &record(&id(2))).unwrap();
    history.put(entry(&id(3), RUNNING));
    fs::write(folder.path().join(record_name(&id(3))), "{\"format\"").unwrap();
    drop(history);
    let reader = History::open(&config(folder.path())).unwrap().reader();
    let outcomes: Vec<_> = reader.page(10, None, None).runs.iter().map(|run| run.outcome.clone()).collect();
    assert_eq!(outcomes, ["interrupted", "passed", "interrupted"]);
    assert_eq!(reader.find(&id(1)).unwrap().note.unwrap(), "the daemon ended before this run did");
}

#[test]
fn damaged_files_are_set_aside_and_told_and_those_of_others_are_let_be() {
    let folder = tempfile::tempdir().unwrap();
    let whole = |number| serde_json::to_string(&entry(&id(number), "passed")).unwrap();
    let foreign = ["package.json", "notes.txt", "draft.tmp", "20260101.json"];
    let of_runs = [
        (entry_name(&id(1)), String::new()),
        (entry_name(&id(2)), "{\"format\":1,\"entry\":{\"id\":\"2\"".to_owned()),
        (entry_name(&id(3)), whole(9)),
        (entry_name(&id(4)), whole(4).replace("\"format\":1", "\"format\":0")),
        (entry_name(&id(5)), whole(5)),
        (format!("{}.tmp", entry_name(&id(6))), "{".to_owned()),
    ];
    let of_others = foreign.map(|name| (name.to_owned(), "somebody's".to_owned()));
    for (name, text) in of_runs.into_iter().chain(of_others) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let history = History::open(&config(folder.path())).unwrap();
    assert_eq!(ids(&history.reader().page(10, None, None)), [id(5)]);
    assert_eq!(history.errors(), 4);
    assert!(history.problem().unwrap().contains(".corrupt"), "{:?}", history.problem());
    let mut left: Vec<_> = (1..=4).map(|number| format!("{}.corrupt", entry_name(&id(number)))).collect();
    left.extend([entry_name(&id(5)), "lock".to_owned()]);
    left.extend(foreign.map(str::to_owned));
    left.sort();
    assert_eq!(names(folder.path()), left);
}

#[test]
fn entries_of_a_newer_program_are_left_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let newer = serde_json::to_string(&entry(&id(1), "passed")).unwrap().replace("\"format\":1", "\"format\":2");
    fs::write(folder.path().join(entry_name(&id(1))), newer).unwrap();
    let refused = History::open(&config(folder.path())).unwrap_err().to_string();
    assert!(refused.contains("written by a newer rampd"), "{refused}");
    assert!(names(folder.path()).contains(&entry_name(&id(1))));
}

#[test]
fn what_is_known_of_a_schedule_outlives_a_busy_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&config(folder.path())).unwrap();
    let mut monthly = entry(&id(0), "passed");
    (monthly.entry.profile, monthly.entry.trigger) = ("monthly".to_owned(), Trigger::Schedule);
    history.put(monthly);
    let now = at("2026-01-01T10:01:00Z");
    for number in 1..20 {
        history.finish(entry(&id(number), "passed"), None, now);
    }
    assert_eq!(history.last_scheduled("monthly"), Some(at("2026-01-01T10:00:00Z")));
    for number in 20..40 {
        let mut run = entry(&id(number), if number < 22 { "crossed" } else { "passed" });
        run.entry.profile = if number < 22 { "failing".to_owned() } else { "smoke".to_owned() };
        history.finish(run, None, now);
    }
    let policy = IfFailed::SuspendAfter(std::num::NonZeroU32::new(2).unwrap());
    assert_eq!(history.suspended("failing", policy), Some(2));
}

#[test]
fn the_oldest_go_first_and_nothing_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&config(folder.path())).unwrap();
    history.put(entry("00", RUNNING));
    history.put(entry("01", QUEUED));
    let now = at("2026-01-01T10:01:00Z");
    for number in 10..20 {
        let id = number.to_string();
        history.finish(entry(&id, "passed"), Some(&record(&id)), now);
    }
    assert_eq!(ids(&history.reader().page(10, None, None)), ["19", "18", "17", "16", "15", "00"]);
    assert_eq!(names(folder.path()).len(), 2 + 5 * 2 + 1, "{:?}", names(folder.path()));
    history.prune(at("2026-01-02T10:00:01Z"));
    assert_eq!(ids(&history.reader().page(10, None, None)), ["00"]);
    assert_eq!(history.waiting().len(), 1);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&HistoryConfig { max_runs: 100, ..config(folder.path()) }).unwrap();
    for number in 10..30 {
        history.put(entry(&number.to_string(), if number % 2 == 0 { "passed" } else { MISSED }));
    }
    let reader = history.reader();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = reader.page(7, before.as_deref(), None);
        seen.extend(page.runs.iter().map(|run| run.id.clone()));
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (10..30).rev().map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(reader.page(7, None, Some("other")), HistoryPage { runs: Vec::new(), next: None });
    assert_eq!(reader.find("latest").unwrap().id, "28", "what was missed is no run");
    assert_eq!(reader.find("current"), None);
}

#[test]
fn times_without_a_pass_are_those_of_the_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&HistoryConfig { max_runs: 100, ..config(folder.path()) }).unwrap();
    let mut runs =
        [("1", "crossed", 0), ("2", "passed", 0), ("3", "invalid", 0), ("4", MISSED, 5), ("5", "crossed", 0)]
            .map(|(id, outcome, missed)| Stored { missed, ..entry(id, outcome) });
    for stored in &mut runs[..4] {
        stored.entry.trigger = Trigger::Schedule;
    }
    runs.into_iter().for_each(|stored| history.put(stored));
    history.put(entry("6", RUNNING));
    assert_eq!((history.times_without_pass("smoke"), history.times_without_pass("other")), (6, 0));
}

#[test]
fn a_second_daemon_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&config(folder.path())).unwrap();
    let refused = History::open(&config(folder.path())).unwrap_err().to_string();
    assert!(refused.contains("another daemon uses the history"), "{refused}");
    drop(history);
    assert!(History::open(&config(folder.path())).is_ok());
}

#[test]
fn what_cannot_be_written_is_counted_and_known_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("history");
    let mut history = History::open(&config(&dir)).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    history.finish(entry("1", "passed"), Some(&record("1")), at("2026-01-01T10:01:00Z"));
    assert_eq!(history.errors(), 2);
    assert!(history.problem().unwrap().contains("the entry of the run `1` is not on disk"), "{:?}", history.problem());
    let kept = history.reader().find("1").unwrap();
    assert_eq!((kept.outcome.as_str(), kept.has_record), ("passed", false));
}

#[test]
fn names_sort_as_runs_come_and_are_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::open(&config(folder.path())).unwrap();
    let now = at("2026-01-01T10:00:00.999Z");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = history.new_id("a", now);
        history.put(entry(&id, "passed"));
        ids.push(id);
    }
    assert_eq!(ids, ["20260101T100000.999Z-a", "20260101T100001.000Z-a", "20260101T100001.001Z-a"]);
}
