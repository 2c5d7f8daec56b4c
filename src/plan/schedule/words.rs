//! Schedules in words.

use croner::Cron;

use crate::plan::span::Span;

/// `every 15 minutes`, `every hour`, `every day`.
pub(super) fn every(seconds: u64) -> String {
    match seconds {
        60 => "every minute".to_owned(),
        3_600 => "every hour".to_owned(),
        86_400 => "every 24 hours".to_owned(),
        seconds => format!("every {}", Span::seconds(seconds).words()),
    }
}

/// The common forms as people say them; any other by field.
pub(super) fn cron(cron: &Cron, text: &str, zone: &str) -> String {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return format!("cron {text} {zone}") };
    let whole_year = *month == "*";
    let every_day = *day == "*" && *weekday == "*" && whole_year;
    if every_day && *hour == "*" {
        if *minute == "*" || *minute == "*/1" {
            return "every minute".to_owned();
        }
        if let Some(step) = step(minute, 60) {
            return format!("every {step} minutes");
        }
        if let Some(minute) = number(minute) {
            return if minute == 0 { "every hour".to_owned() } else { format!("every hour at :{minute:02}") };
        }
    }
    if every_day && let (Some(step), Some(minute)) = (step(hour, 24), number(minute)) {
        let at = if minute == 0 { String::new() } else { format!(" at :{minute:02}") };
        return format!("every {step} hours{at}, counted from midnight {zone}");
    }
    if let (Some(times), true) = (times(minute, hour), whole_year) {
        match (*day, *weekday) {
            ("*", "*") => return format!("every day at {times} {zone}"),
            ("*", days) => {
                if let Some(days) = weekdays(days) {
                    return format!("{days} at {times} {zone}");
                }
            }
            (day, "*") => {
                if let Some(day) = number(day) {
                    let late = if day > 28 { ", in months that have it," } else { "" };
                    return format!("on day {day} of every month{late} at {times} {zone}");
                }
                if day.eq_ignore_ascii_case("l") {
                    return format!("on the last day of every month at {times} {zone}");
                }
            }
            _ => {}
        }
    }
    format!("{} ({zone})", cron.describe())
}

fn number(field: &str) -> Option<u32> {
    field.bytes().all(|b| b.is_ascii_digit()).then(|| field.parse().ok())?
}

/// `*/15`, where the step divides the unit, so that the pauses are equal.
fn step(field: &str, unit: u32) -> Option<u32> {
    let step = number(field.strip_prefix("*/")?)?;
    (step > 1 && unit.is_multiple_of(step)).then_some(step)
}

fn times(minute: &str, hour: &str) -> Option<String> {
    let minute = number(minute)?;
    let hours: Vec<String> =
        hour.split(',').map(|hour| number(hour).map(|hour| format!("{hour:02}:{minute:02}"))).collect::<Option<_>>()?;
    Some(joined(&hours))
}

fn weekdays(field: &str) -> Option<String> {
    const NAMES: [&str; 8] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    match field.to_ascii_uppercase().as_str() {
        "1-5" | "MON-FRI" | "1,2,3,4,5" => return Some("every weekday".to_owned()),
        "0,6" | "6,0" | "6,7" | "SAT,SUN" | "SUN,SAT" => return Some("every Saturday and Sunday".to_owned()),
        _ => {}
    }
    let day = |part: &str| match number(part) {
        Some(number) => NAMES.get(usize::try_from(number).ok()?).copied(),
        None => NAMES.iter().copied().find(|name| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(part))),
    };
    let names: Vec<String> = field.split(',').map(|part| day(part).map(str::to_owned)).collect::<Option<_>>()?;
    Some(format!("every {}", joined(&names)))
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
