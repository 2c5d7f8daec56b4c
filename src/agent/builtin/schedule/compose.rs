//! Pieces of a schedule put together.

use super::clock::in_part;
use super::{Clarity, PartOfDay, Pieces, Time, Unit};
use crate::plan::spec::{CronSpec, EverySpec, ScheduleSpec};

/// What the pieces come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timing {
    OnDemand,
    /// With what had to be assumed for it.
    At {
        schedule: ScheduleSpec,
        assumed: Vec<String>,
    },
    /// One question and what can be said to it.
    Unclear {
        question: String,
        options: Vec<(String, String)>,
    },
}

/// Puts pieces together, on top of what was scheduled before. `None` when they say nothing.
pub(crate) fn compose(pieces: &Pieces, before: Option<&ScheduleSpec>) -> Option<Timing> {
    if pieces.on_demand && !pieces.is_frequency() {
        return Some(Timing::OnDemand);
    }
    if pieces.is_empty() {
        return None;
    }
    if pieces.single && !pieces.is_frequency() {
        return Some(Timing::Unclear {
            question: "A pipeline runs on demand or on a recurring schedule, not at one moment. When should it run?"
                .to_owned(),
            options: vec![
                ("On demand".to_owned(), "no schedule".to_owned()),
                ("Every day".to_owned(), "daily".to_owned()),
            ],
        });
    }
    if let Some(written) = &pieces.impossible {
        return Some(Timing::Unclear {
            question: format!("`{written}` is no time of day and no time zone that exists. When should it run?"),
            options: vec![
                ("On demand".to_owned(), "no schedule".to_owned()),
                ("Every day".to_owned(), "daily".to_owned()),
            ],
        });
    }
    if pieces.vague && !pieces.is_frequency() {
        return Some(Timing::Unclear {
            question: "How often should it run?".to_owned(),
            options: vec![
                ("Every hour".to_owned(), "hourly".to_owned()),
                ("Every day".to_owned(), "daily".to_owned()),
                ("Every week".to_owned(), "weekly".to_owned()),
                ("On demand".to_owned(), "no schedule".to_owned()),
            ],
        });
    }
    // `some time at night`: neither when nor how often.
    let part_alone = pieces.part_of_day.is_some()
        && pieces.times.is_empty()
        && !pieces.is_frequency()
        && pieces.minute.is_none()
        && before.is_none();
    if part_alone {
        return Some(Timing::Unclear {
            question: "At what time should it run, and how often?".to_owned(),
            options: vec![
                ("Every night at 02:00".to_owned(), "daily at 02:00".to_owned()),
                ("On demand".to_owned(), "no schedule".to_owned()),
            ],
        });
    }
    if pieces.zone_unclear && pieces.zone.is_none() {
        return Some(Timing::Unclear {
            question: "Which time zone is meant? Name a city or a zone, such as `Europe/Zurich`.".to_owned(),
            options: vec![("UTC".to_owned(), "UTC".to_owned())],
        });
    }
    if let Some(cron) = &pieces.cron {
        return Some(cron_at(cron.clone(), pieces, before, Vec::new()));
    }
    let adapted = adapt(pieces, before);
    if let Some(timing) = adapted {
        return Some(timing);
    }
    if !pieces.is_frequency() && pieces.times.is_empty() && pieces.minute.is_none() {
        return None;
    }
    Some(fresh(pieces, before))
}

/// Changes to an existing schedule that leave how often it runs alone: another time, another zone, a part of the day.
fn adapt(pieces: &Pieces, before: Option<&ScheduleSpec>) -> Option<Timing> {
    let Some(ScheduleSpec::Cron(cron)) = before else { return None };
    if let Some(timing) = other_days(pieces, cron, before) {
        return Some(timing);
    }
    if pieces.is_frequency() {
        return None;
    }
    let fields: Vec<&str> = cron.cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    if let Some(new) = pieces.minute
        && *hour == "*"
    {
        return Some(cron_at(format!("{new} * {day} {month} {weekday}"), pieces, before, Vec::new()));
    }
    let daily = hour.parse::<u32>().ok().zip(minute.parse::<u32>().ok());
    if pieces.times.is_empty() {
        // `in the evening` after a question about 7.
        if let (Some(part), Some((hour, minute))) = (pieces.part_of_day, daily) {
            let hour = in_part(hour % 12, part);
            return Some(cron_at(format!("{minute} {hour} {day} {month} {weekday}"), pieces, before, Vec::new()));
        }
        return pieces.zone.is_some().then(|| cron_at(cron.cron.clone(), pieces, before, Vec::new()));
    }
    let (times, assumed) = match clock_fields(pieces) {
        Ok(fields) => fields,
        Err(timing) => return Some(timing),
    };
    Some(cron_at(format!("{times} {day} {month} {weekday}"), pieces, before, assumed))
}

/// Other days at the same time: `only on weekdays`, `rather on Sundays`.
fn other_days(pieces: &Pieces, cron: &CronSpec, before: Option<&ScheduleSpec>) -> Option<Timing> {
    let fields: Vec<&str> = cron.cron.split_whitespace().collect();
    let [minute, hour, ..] = fields.as_slice() else { return None };
    let coarse = pieces.every.is_none_or(|(number, unit)| number <= 1.0 && matches!(unit, Unit::Day | Unit::Week));
    let plain = pieces.cron.is_none()
        && pieces.times_per.is_none()
        && pieces.times.is_empty()
        && pieces.minute.is_none()
        && pieces.window.is_none()
        && pieces.part_of_day.is_none();
    let fixed = |field: &str| field.chars().all(|letter| letter.is_ascii_digit() || letter == ',');
    let days = match (&pieces.weekdays, &pieces.month_days) {
        (Some(weekdays), None) => format!("* * {weekdays}"),
        (None, Some(days)) => format!("{days} * *"),
        _ => return None,
    };
    (coarse && plain && fixed(minute) && fixed(hour))
        .then(|| cron_at(format!("{minute} {hour} {days}"), pieces, before, Vec::new()))
}

fn cron_at(cron: String, pieces: &Pieces, before: Option<&ScheduleSpec>, mut assumed: Vec<String>) -> Timing {
    let kept = match before {
        Some(ScheduleSpec::Cron(cron)) => Some(cron.timezone.clone()),
        _ => None,
    };
    let timed = !pieces.times.is_empty();
    if pieces.zone.is_none() && kept.is_none() && timed {
        assumed.push("Times are read as UTC, since no time zone was named.".to_owned());
    }
    let timezone = pieces.zone.clone().or(kept).unwrap_or_else(|| "UTC".to_owned());
    Timing::At { schedule: ScheduleSpec::Cron(CronSpec { cron, timezone }), assumed }
}

/// The minute and hour fields for the times of day.
fn clock_fields(pieces: &Pieces) -> Result<(String, Vec<String>), Timing> {
    let mut assumed = Vec::new();
    let mut times: Vec<Time> = Vec::new();
    let clear_24 = pieces.times.iter().any(|time| time.hour > 12 || time.hour == 0) && pieces.times.len() > 1;
    for time in &pieces.times {
        let mut time = *time;
        if time.clarity != Clarity::Clear {
            if let Some(part) = pieces.part_of_day {
                time.hour = in_part(time.hour, part);
                time.clarity = Clarity::Clear;
            } else if clear_24 || (pieces.zone.is_some() && time.clarity == Clarity::Likely) {
                time.clarity = Clarity::Clear;
            }
        }
        match time.clarity {
            Clarity::Open => return Err(which_half(time)),
            Clarity::Likely => assumed.push(format!("{:02}:{:02} is read on a 24-hour clock.", time.hour, time.minute)),
            Clarity::Clear => {}
        }
        times.push(time);
    }
    let Some(first) = times.first() else {
        return Ok(("0 0".to_owned(), assumed));
    };
    if times.iter().any(|time| time.minute != first.minute) {
        return Err(Timing::Unclear {
            question: "One schedule fires at the same minute of each hour. At which minute should it run?".to_owned(),
            options: times
                .iter()
                .map(|time| {
                    (
                        format!("{:02}:{:02}", time.hour, time.minute),
                        format!("daily at {:02}:{:02}", time.hour, time.minute),
                    )
                })
                .collect(),
        });
    }
    let mut hours: Vec<u32> = times.iter().map(|time| time.hour).collect();
    hours.sort_unstable();
    hours.dedup();
    let hours = hours.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    Ok((format!("{} {hours}", first.minute), assumed))
}

fn which_half(time: Time) -> Timing {
    let early = time.hour % 12;
    let late = early + 12;
    let clock = |hour: u32| format!("{hour:02}:{:02}", time.minute);
    Timing::Unclear {
        question: format!(
            "Is {} in the morning or in the evening meant?",
            if time.minute == 0 { time.hour.to_string() } else { clock(time.hour) }
        ),
        options: vec![(clock(early), format!("at {}", clock(early))), (clock(late), format!("at {}", clock(late)))],
    }
}

fn fresh(pieces: &Pieces, before: Option<&ScheduleSpec>) -> Timing {
    let weekday = pieces.weekdays.as_deref().unwrap_or("*");
    if let Some((count, unit)) = pieces.times_per {
        return several(pieces, count, unit, before);
    }
    let (number, unit) = pieces.every.unwrap_or((1.0, Unit::Day));
    if pieces.times.is_empty()
        && pieces.weekdays.is_none()
        && pieces.month_days.is_none()
        && unit == Unit::Day
        && number <= 1.0
        && let Some(part) = pieces.part_of_day
        && part != PartOfDay::Night
    {
        let hours = match part {
            PartOfDay::Morning => [6, 8],
            PartOfDay::Afternoon => [13, 15],
            _ => [18, 20],
        };
        return Timing::Unclear {
            question: "At what time should it run?".to_owned(),
            options: hours.iter().map(|hour| (format!("{hour:02}:00"), format!("daily at {hour:02}:00"))).collect(),
        };
    }
    match unit {
        Unit::Second | Unit::Minute | Unit::Hour if pieces.times.is_empty() || unit != Unit::Hour => {
            interval(pieces, number, unit, weekday, before)
        }
        _ => calendar(pieces, number, unit, before),
    }
}

/// Every so many seconds, minutes or hours.
fn interval(pieces: &Pieces, number: f64, unit: Unit, weekday: &str, before: Option<&ScheduleSpec>) -> Timing {
    let seconds = number
        * match unit {
            Unit::Second => 1.0,
            Unit::Minute => 60.0,
            _ => 3600.0,
        };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a span that a person wrote; rounded to whole seconds"
    )]
    let seconds = seconds.round().clamp(1.0, 31_536_000.0) as u64;
    let minutes = seconds / 60;
    let whole = seconds.is_multiple_of(60);
    let minute = pieces.minute.unwrap_or(0);
    let hours = |step: u64| match (pieces.window, step) {
        (Some((first, last)), 1) if minutes < 60 => format!("{first}-{}", last.saturating_sub(1).max(first)),
        (Some((first, last)), 1) => format!("{first}-{}", last.min(23)),
        (Some((first, last)), step) => format!("{first}-{}/{step}", last.min(23)),
        (None, 1) => "*".to_owned(),
        (None, step) => format!("*/{step}"),
    };
    let month_day = pieces.month_days.as_deref().unwrap_or("*");
    let cron = if whole && minutes == 1 {
        Some(format!("* {} {month_day} * {weekday}", hours(1)))
    } else if whole && minutes < 60 && 60 % minutes == 0 {
        Some(format!("*/{minutes} {} {month_day} * {weekday}", hours(1)))
    } else if whole && minutes.is_multiple_of(60) && 24 % (minutes / 60).max(1) == 0 && minutes / 60 < 24 {
        let minutes_of = std::iter::once(minute)
            .chain(pieces.minutes_more.iter().copied())
            .map(|minute| minute.to_string())
            .collect::<Vec<_>>()
            .join(",");
        Some(format!("{minutes_of} {} {month_day} * {weekday}", hours(minutes / 60)))
    } else if whole && minutes == 1440 {
        Some(format!("{minute} 0 {month_day} * {weekday}"))
    } else {
        None
    };
    let mut assumed = Vec::new();
    if let (Some((first, last)), true) = (pieces.window, minutes < 60) {
        assumed.push(format!("It runs from {first:02}:00 until before {last:02}:00."));
    }
    match cron {
        Some(cron) => cron_at(cron, pieces, before, assumed),
        None => Timing::At { schedule: ScheduleSpec::Every(EverySpec { every: duration(seconds) }), assumed },
    }
}

/// An ISO 8601 duration.
fn duration(seconds: u64) -> String {
    if seconds.is_multiple_of(86_400) {
        format!("P{}D", seconds / 86_400)
    } else if seconds.is_multiple_of(3600) {
        format!("PT{}H", seconds / 3600)
    } else if seconds.is_multiple_of(60) {
        format!("PT{}M", seconds / 60)
    } else {
        format!("PT{seconds}S")
    }
}

/// On days, weeks, months, quarters or years.
fn calendar(pieces: &Pieces, number: f64, unit: Unit, before: Option<&ScheduleSpec>) -> Timing {
    let (clock, mut assumed) = match clock_fields(pieces) {
        Ok(fields) => fields,
        Err(timing) => return timing,
    };
    if pieces.times.is_empty() {
        assumed.push("It runs at 00:00 UTC, since no time of day was named.".to_owned());
        if let Some(zone) = &pieces.zone {
            assumed.pop();
            assumed.push(format!("It runs at 00:00 {zone}, since no time of day was named."));
        }
    } else if pieces.every.is_none() && pieces.weekdays.is_none() && pieces.month_days.is_none() {
        assumed.push("It runs every day, since only a time of day was named.".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that a person wrote")]
    let step = number.round().clamp(1.0, 1000.0) as u32;
    let weekday = pieces.weekdays.clone();
    let month_day = pieces.month_days.clone();
    let every = |days: u32| Timing::At {
        schedule: ScheduleSpec::Every(EverySpec { every: format!("P{days}D") }),
        assumed: Vec::new(),
    };
    let date = match unit {
        Unit::Week if step > 1 && pieces.times.is_empty() && weekday.is_none() => return every(step * 7),
        Unit::Week if step > 1 => {
            return Timing::Unclear {
                question: format!(
                    "A schedule cannot fix the day of every {step} weeks. Should it run every week instead?"
                ),
                options: vec![
                    ("Every week".to_owned(), "weekly on Monday".to_owned()),
                    (format!("Every {} days", step * 7), format!("every {} days", step * 7)),
                ],
            };
        }
        Unit::Week if weekday.is_none() && month_day.is_none() => {
            assumed.push("It runs on Mondays, since no day was named.".to_owned());
            "* * 1".to_owned()
        }
        Unit::Month | Unit::Quarter | Unit::Year if month_day.is_none() && weekday.is_none() => {
            assumed.push("It runs on the first day, since no day was named.".to_owned());
            format!("1 {} *", months(unit, step))
        }
        Unit::Month | Unit::Quarter | Unit::Year => {
            format!(
                "{} {} {}",
                month_day.as_deref().unwrap_or("*"),
                months(unit, step),
                weekday.as_deref().unwrap_or("*")
            )
        }
        Unit::Day if step > 1 && pieces.times.is_empty() => format!("*/{step} * {}", weekday.as_deref().unwrap_or("*")),
        Unit::Day if step > 1 => format!("*/{step} * *"),
        _ => format!(
            "{} {} {}",
            month_day.as_deref().unwrap_or("*"),
            pieces.months.as_deref().unwrap_or("*"),
            weekday.as_deref().unwrap_or("*")
        ),
    };
    if unit == Unit::Day && step > 1 {
        assumed.push(format!("It counts every {step} days from the first of each month."));
    }
    cron_at(format!("{clock} {date}"), pieces, before, assumed)
}

fn months(unit: Unit, step: u32) -> String {
    match unit {
        Unit::Quarter => "1,4,7,10".to_owned(),
        Unit::Year => "1".to_owned(),
        _ if step > 1 && 12 % step == 0 => format!("*/{step}"),
        _ => "*".to_owned(),
    }
}

/// So many times a day, an hour, a week or a month.
fn several(pieces: &Pieces, count: u32, unit: Unit, before: Option<&ScheduleSpec>) -> Timing {
    let weekday = pieces.weekdays.as_deref().unwrap_or("*");
    if !pieces.times.is_empty() || count == 1 {
        let once = Pieces { times_per: None, every: Some((1.0, unit)), ..pieces.clone() };
        return fresh(&once, before);
    }
    let (cron, text) = match unit {
        Unit::Hour if count <= 60 && 60 % count == 0 => (format!("*/{} * * * {weekday}", 60 / count), None),
        Unit::Day if count == 2 => {
            (format!("0 0,12 * * {weekday}"), Some("Twice a day is read as 00:00 and 12:00.".to_owned()))
        }
        Unit::Day if count <= 24 && 24 % count == 0 => (
            format!("0 */{} * * {weekday}", 24 / count),
            Some(format!("{count} times a day is read as every {} hours from 00:00.", 24 / count)),
        ),
        Unit::Week if count == 2 => {
            ("0 0 * * 1,4".to_owned(), Some("Twice a week is read as Mondays and Thursdays.".to_owned()))
        }
        Unit::Week if count == 3 => (
            "0 0 * * 1,3,5".to_owned(),
            Some("Three times a week is read as Mondays, Wednesdays and Fridays.".to_owned()),
        ),
        Unit::Month if count == 2 => {
            ("0 0 1,15 * *".to_owned(), Some("Twice a month is read as the 1st and the 15th.".to_owned()))
        }
        _ => {
            return Timing::Unclear {
                question: "At which times should it run?".to_owned(),
                options: vec![
                    ("Every hour".to_owned(), "hourly".to_owned()),
                    ("Every day".to_owned(), "daily".to_owned()),
                ],
            };
        }
    };
    cron_at(cron, pieces, before, text.into_iter().collect())
}

#[cfg(test)]
mod tests;
