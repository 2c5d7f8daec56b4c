use proptest::prelude::*;

use super::*;
use crate::plan::spec::{CronSpec, EverySpec};

fn cron(cron: &str, timezone: &str) -> Result<Timetable, Problem> {
    Timetable::parse(&ScheduleSpec::Cron(CronSpec { cron: cron.to_owned(), timezone: timezone.to_owned() }))
}

fn every(every: &str) -> Result<Timetable, Problem> {
    Timetable::parse(&ScheduleSpec::Every(EverySpec { every: every.to_owned() }))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn times(table: &Timetable, from: &str, count: usize) -> Vec<String> {
    table.next(count, at(from)).iter().map(|at| at.format("%m-%d %H:%M").to_string()).collect()
}

#[test]
fn the_next_times_are_in_the_zone_of_the_schedule() {
    let table = cron("30 7 * * 1-5", "Europe/Zurich").unwrap();
    assert_eq!(times(&table, "2026-11-20T12:00:00Z", 3), ["11-23 06:30", "11-24 06:30", "11-25 06:30"]);
    assert_eq!(times(&cron("0 2 * * *", "UTC").unwrap(), "2026-11-20T02:00:00Z", 2), ["11-21 02:00", "11-22 02:00"]);
}

#[test]
fn a_fixed_time_in_the_spring_gap_runs_right_after_it_on_the_same_day() {
    // Zurich skips 02:00 to 03:00 on 2027-03-28.
    let table = cron("30 2 * * *", "Europe/Zurich").unwrap();
    assert_eq!(
        times(&table, "2027-03-26T12:00:00Z", 4),
        ["03-27 01:30", "03-28 01:00", "03-29 00:30", "03-30 00:30"],
        "02:30 standard, then 03:00 summer, then 02:30 summer"
    );
}

#[test]
fn a_repeating_job_skips_the_gap_and_runs_through_the_fold() {
    let table = cron("*/30 * * * *", "Europe/Zurich").unwrap();
    assert_eq!(
        times(&table, "2027-03-28T00:29:00Z", 4),
        ["03-28 00:30", "03-28 01:00", "03-28 01:30", "03-28 02:00"],
        "elapsed time is even across the gap"
    );
    assert_eq!(
        times(&table, "2027-10-31T00:29:00Z", 4),
        ["10-31 00:30", "10-31 01:00", "10-31 01:30", "10-31 02:00"],
        "and across the fold: no half hour is skipped or doubled"
    );
}

#[test]
fn a_fixed_time_in_the_autumn_fold_runs_once_at_the_first() {
    // Zurich shows 02:00 to 03:00 twice on 2027-10-31; the first 02:30 is 00:30 UTC.
    let table = cron("30 2 * * *", "Europe/Zurich").unwrap();
    assert_eq!(times(&table, "2027-10-30T12:00:00Z", 2), ["10-31 00:30", "11-01 01:30"]);
    assert_eq!(times(&table, "2027-10-31T00:30:00Z", 1), ["11-01 01:30"], "also when asked from within the fold");
    assert_eq!(times(&table, "2027-10-31T01:15:00Z", 1), ["11-01 01:30"]);
}

#[test]
fn the_view_tells_of_the_next_change_of_the_clock() {
    let table = cron("30 2 * * *", "Europe/Zurich").unwrap();
    let note = table.view(at("2026-11-20T12:00:00Z")).note.unwrap();
    assert_eq!(note, "On 2027-03-28 the clock skips 02:30; the run starts at 03:00.");
    let note = table.view(at("2027-04-20T12:00:00Z")).note.unwrap();
    assert_eq!(note, "On 2027-10-31 the clock shows 02:30 twice; the run starts at the first of the two.");
    assert_eq!(cron("0 2 * * *", "UTC").unwrap().view(at("2026-11-20T12:00:00Z")).note, None);
    assert_eq!(cron("*/5 * * * *", "Europe/Zurich").unwrap().view(at("2026-11-20T12:00:00Z")).note, None);
}

#[test]
fn schedules_read_in_words() {
    for (expression, text) in [
        ("0 2 * * *", "every day at 02:00 UTC"),
        ("0 * * * *", "every hour"),
        ("15 * * * *", "every hour at :15"),
        ("*/15 * * * *", "every 15 minutes"),
        ("* * * * *", "every minute"),
        ("0 */6 * * *", "every 6 hours, counted from midnight UTC"),
        ("30 7 * * 1-5", "every weekday at 07:30 UTC"),
        ("0 9 * * MON", "every Monday at 09:00 UTC"),
        ("0 9 * * 1,4", "every Monday and Thursday at 09:00 UTC"),
        ("0 8,20 * * *", "every day at 08:00 and 20:00 UTC"),
        ("0 0 1 * *", "on day 1 of every month at 00:00 UTC"),
        ("0 0 L * *", "on the last day of every month at 00:00 UTC"),
    ] {
        assert_eq!(cron(expression, "UTC").unwrap().describe(), text, "{expression}");
    }
    assert!(cron("7 3 1-7 */2 2", "UTC").unwrap().describe().ends_with("(UTC)"));
    assert_eq!(every("PT90M").unwrap().describe(), "every 1 hour 30 minutes");
}

#[test]
fn what_is_no_schedule_is_told_with_what_to_write() {
    for (expression, zone, code) in [
        ("0 2 * *", "UTC", "bad_schedule"),
        ("0 0 2 * * *", "UTC", "bad_schedule"),
        ("61 2 * * *", "UTC", "bad_schedule"),
        ("0 0 30 2 *", "UTC", "bad_schedule"),
        ("@daily", "UTC", "bad_schedule"),
        ("whenever you like it best", "UTC", "bad_schedule"),
        ("0 2 * * *", "Zurich", "unknown_timezone"),
        ("0 2 * * *", "europe/zurich", "unknown_timezone"),
        ("0 2 * * *", "Mars/Olympus", "unknown_timezone"),
    ] {
        assert_eq!(cron(expression, zone).unwrap_err().code, code, "{expression} {zone}");
    }
    assert_eq!(cron("0 2 * * *", "Zurich").unwrap_err().suggestion.as_deref(), Some("Europe/Zurich"));
    assert_eq!(every("P1M").unwrap_err().code, "bad_schedule");
    assert_eq!(every("PT30S").unwrap_err().code, "bad_schedule");
    assert_eq!(every("hourly").unwrap_err().code, "bad_duration");
}

#[test]
fn a_rare_date_still_comes() {
    assert_eq!(times(&cron("0 0 29 2 *", "UTC").unwrap(), "2026-11-20T12:00:00Z", 1), ["02-29 00:00"]);
}

#[test]
fn an_interval_counts_from_the_last_start() {
    let table = every("PT6H").unwrap();
    assert_eq!(times(&table, "2026-11-20T13:07:00Z", 3), ["11-20 19:07", "11-21 01:07", "11-21 07:07"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn times_always_move_on(minute in 0_u32..60, hour in 0_u32..24, start in 1_700_000_000_i64..1_900_000_000, zone in 0..6_usize) {
        let zone = ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Tehran"][zone];
        let table = cron(&format!("{minute} {hour} * * *"), zone).unwrap();
        let from = DateTime::from_timestamp(start, 0).unwrap();
        let next = table.next(40, from);
        prop_assert_eq!(next.len(), 40);
        for pair in next.windows(2) {
            let pause = pair[1] - pair[0];
            prop_assert!(pause >= Duration::hours(22) && pause <= Duration::hours(26), "{:?}", pair);
        }
    }

    #[test]
    fn foreign_text_never_panics(text in "[0-9*/,LW#a-zA-Z@? -]{0,24}", zone in "\\PC{0,12}") {
        let _ = cron(&text, "Europe/Zurich");
        let _ = cron("0 2 * * *", &zone);
        let _ = every(&text);
    }
}
