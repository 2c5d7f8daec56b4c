//! Schedules as people say them.

use super::super::read;
use super::*;
use crate::agent::builtin::token::Sentence;

fn cron(text: &str) -> String {
    let sentence = Sentence::new(text);
    match compose(&read(&sentence, &|_| true, false), None) {
        Some(Timing::At { schedule: ScheduleSpec::Cron(cron), .. }) if cron.timezone == "UTC" => cron.cron,
        Some(Timing::At { schedule: ScheduleSpec::Cron(cron), .. }) => format!("{} {}", cron.cron, cron.timezone),
        Some(Timing::At { schedule: ScheduleSpec::Every(every), .. }) => every.every,
        Some(Timing::OnDemand) => "on demand".to_owned(),
        Some(Timing::Unclear { .. }) => "?".to_owned(),
        None => "-".to_owned(),
    }
}

#[test]
fn schedules_are_read_as_people_say_them() {
    let cases = [
        ("make that hourly", "0 * * * *"),
        ("daily at 2:00 UTC", "0 2 * * *"),
        ("every weekday at 7:30 in the morning Zurich time", "30 7 * * 1-5 Europe/Zurich"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 15min", "*/15 * * * *"),
        ("hourly at :05", "5 * * * *"),
        ("every hour at 5 past", "5 * * * *"),
        ("ten minutes past every hour", "10 * * * *"),
        ("weekdays 7:30 Zurich", "30 7 * * 1-5 Europe/Zurich"),
        ("on the first of the month", "0 0 1 * *"),
        ("on the 1st and 15th of each month at 6am", "0 6 1,15 * *"),
        ("twice a day", "0 0,12 * * *"),
        ("cron 0 2 * * *", "0 2 * * *"),
        ("with `*/5 8-18 * * MON-FRI` please", "*/5 8-18 * * MON-FRI"),
        ("run at 30 4 * * 1, in Europe/Berlin", "30 4 * * 1 Europe/Berlin"),
        ("every day at 6pm New York time", "0 18 * * * America/New_York"),
        ("every monday and thursday at noon", "0 12 * * 1,4"),
        ("Mon-Fri at 18:00 CET", "0 18 * * 1-5 Europe/Berlin"),
        ("every 2 hours", "0 */2 * * *"),
        ("every other hour", "0 */2 * * *"),
        ("every 45 minutes", "PT45M"),
        ("every 30 seconds", "PT30S"),
        ("every half hour", "*/30 * * * *"),
        ("nightly at 2", "0 2 * * *"),
        ("nightly", "0 0 * * *"),
        ("at 7", "?"),
        ("every day at 6", "?"),
        ("every morning at 6", "0 6 * * *"),
        ("each evening at 8", "0 20 * * *"),
        ("at 6am and 6pm", "0 6,18 * * *"),
        ("at 6 and 18", "0 6,18 * * *"),
        ("at half past seven in the evening", "30 19 * * *"),
        ("every 15 minutes between 8 and 18 on weekdays", "*/15 8-17 * * 1-5"),
        ("every hour from 8 to 18", "0 8-18 * * *"),
        ("quarterly", "0 0 1 1,4,7,10 *"),
        ("weekly on sunday at 03:15", "15 3 * * 0"),
        ("last day of the month at 23:00", "0 23 L * *"),
        ("three times a day", "0 */8 * * *"),
        ("just once", "on demand"),
        ("once a day at 04:00", "0 4 * * *"),
        ("orders from the last 30 days", "-"),
        ("every change of orders", "-"),
        ("rows since monday", "-"),
        ("every 3 months", "0 0 1 */3 *"),
        ("every quarter of an hour", "*/15 * * * *"),
        ("at 14h30 every day", "30 14 * * *"),
        ("on a daily basis at 05:00", "0 5 * * *"),
        ("@daily", "0 0 * * *"),
        ("5 am daily", "0 5 * * *"),
        ("at midnight Tokyo time", "0 0 * * * Asia/Tokyo"),
        ("monday to friday 8 a.m. eastern", "0 8 * * 1-5 America/New_York"),
        ("in 10 minute intervals", "*/10 * * * *"),
        ("on 1 May and 1 November at 02:00", "0 2 1 5,11 *"),
        ("every once in a while", "?"),
        ("daily at 24:70", "?"),
        ("one run is enough", "on demand"),
        ("we look at it daily", "-"),
        ("before the council meets on the 4th", "-"),
    ];
    for (text, expected) in cases {
        assert_eq!(cron(text), expected, "{text}");
    }
}

#[test]
fn a_schedule_is_changed_in_part() {
    let before = ScheduleSpec::Cron(CronSpec { cron: "0 2 * * 1-5".to_owned(), timezone: "Europe/Zurich".to_owned() });
    let change = |text: &str| {
        let sentence = Sentence::new(text);
        match compose(&read(&sentence, &|_| true, false), Some(&before)) {
            Some(Timing::At { schedule: ScheduleSpec::Cron(cron), .. }) => {
                format!("{} {}", cron.cron, cron.timezone)
            }
            other => format!("{other:?}"),
        }
    };
    assert_eq!(change("at 4am instead"), "0 4 * * 1-5 Europe/Zurich");
    assert_eq!(change("in London time"), "0 2 * * 1-5 Europe/London");
    assert_eq!(change("make it hourly"), "0 * * * * Europe/Zurich");
    assert_eq!(change("only on Sundays"), "0 2 * * 0 Europe/Zurich");
    assert_eq!(change("rather on the 1st of the month"), "0 2 1 * * Europe/Zurich");
}
