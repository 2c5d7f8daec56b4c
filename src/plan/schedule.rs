//! When a pipeline runs by itself.
//!
//! Cron is read in its own time zone, five fields. Where the clock skips (spring), a job at a fixed time of day runs at the
//! first moment after the gap, on the same day; a job that repeats within the day (`*/15 * * * *`) has nothing to catch
//! up and goes on with the new clock. Where the clock repeats an hour (autumn), a job at a fixed time of day runs once,
//! at the first of the two; a job that repeats runs in both. An interval counts elapsed time and knows no clock.

mod words;

use std::str::FromStr as _;

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, JobType};

use super::Problem;
use super::span::Span;
use super::spec::ScheduleSpec;
use crate::catalog::nearest;
use crate::events::ScheduleView;

/// The shortest time between two starts.
const SHORTEST: u64 = 60;
/// The longest interval, a year; longer ones are a mistake.
const LONGEST: u64 = 366 * 86_400;

/// A schedule that was read.
#[derive(Clone, Debug)]
pub struct Timetable(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Cron { cron: Box<Cron>, text: String, zone: Tz },
    Every { seconds: u64 },
}

impl Timetable {
    /// Reads a schedule. The problem's pointer is relative to the plan: `/schedule/cron`.
    pub fn parse(spec: &ScheduleSpec) -> Result<Self, Problem> {
        match spec {
            ScheduleSpec::Cron(spec) => {
                let zone = zone(&spec.timezone)?;
                Self::cron(&spec.cron, zone)
            }
            ScheduleSpec::Every(spec) => Self::every(&spec.every),
        }
    }

    fn cron(text: &str, zone: Tz) -> Result<Self, Problem> {
        let wrong = |message: String| Problem::new("/schedule/cron", "bad_schedule", message);
        let fields = text.split_whitespace().count();
        if fields != 5 {
            let message = format!("`{}` has {fields} fields; a cron expression has five.", super::shape::clip(text));
            return Err(wrong(message).suggest("minute hour day-of-month month day-of-week, such as `0 2 * * *`"));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|_| {
            wrong(format!("`{}` is not a cron expression.", super::shape::clip(text))).suggest(
                "minute 0-59, hour 0-23, day of month 1-31, month 1-12, day of week 0-7 (Sunday is 0 and 7), with `*`, `,`, `-`, `/`",
            )
        })?;
        let timetable = Self(Kind::Cron { cron: Box::new(cron), text: text.trim().to_owned(), zone });
        // Far enough for 29 February on a given weekday; the date itself does not matter.
        let from = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        if timetable.next_after(from).is_none_or(|next| next - from > Duration::days(366 * 41)) {
            return Err(wrong(format!("`{}` never comes: no date fits it.", super::shape::clip(text))));
        }
        Ok(timetable)
    }

    fn every(text: &str) -> Result<Self, Problem> {
        let wrong = |code, message: String| Problem::new("/schedule/every", code, message);
        let span = Span::parse(text).ok_or_else(|| {
            wrong("bad_duration", format!("`{}` is not an ISO 8601 duration.", super::shape::clip(text)))
                .suggest("`PT15M`, `PT6H` or `P1D`")
        })?;
        if span.months > 0 {
            let message = format!("`{text}` counts months, which are not equally long; use cron for them.");
            return Err(wrong("bad_schedule", message).suggest("{cron: \"0 0 1 * *\", timezone: UTC}"));
        }
        if span.seconds < SHORTEST {
            let message = format!("`{text}` is too short: a pipeline starts at most once a minute.");
            return Err(wrong("bad_schedule", message).suggest("PT1M"));
        }
        if span.seconds > LONGEST {
            return Err(wrong("bad_schedule", format!("`{text}` is longer than a year.")).suggest("P1D"));
        }
        Ok(Self(Kind::Every { seconds: span.seconds }))
    }

    /// The first time after this one. For an interval that is one interval later: give the last start that was due.
    pub fn next_after(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Kind::Every { seconds } => from.checked_add_signed(Duration::seconds(i64::try_from(*seconds).ok()?)),
            Kind::Cron { cron, zone, .. } => {
                cron.find_next_occurrence(&from.with_timezone(zone), false).ok().map(|next| next.to_utc())
            }
        }
    }

    /// The next `count` times after `from`.
    pub fn next(&self, count: usize, from: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(from), |last| self.next_after(*last)).take(count).collect()
    }

    /// In words: `every day at 02:00 UTC`.
    pub fn describe(&self) -> String {
        match &self.0 {
            Kind::Every { seconds } => words::every(*seconds),
            Kind::Cron { cron, text, zone } => words::cron(cron, text, zone.name()),
        }
    }

    pub fn timezone(&self) -> &'static str {
        match &self.0 {
            Kind::Cron { zone, .. } => zone.name(),
            Kind::Every { .. } => "UTC",
        }
    }

    /// As a person sees it, with the next three times after `from`.
    pub fn view(&self, from: DateTime<Utc>) -> ScheduleView {
        ScheduleView {
            text: self.describe(),
            next: self.next(3, from),
            timezone: self.timezone().to_owned(),
            note: self.note(from),
        }
    }

    /// What the clock's next change does to a job at a fixed time of day, if it does anything within a year.
    fn note(&self, from: DateTime<Utc>) -> Option<String> {
        let Kind::Cron { cron, zone, .. } = &self.0 else { return None };
        if cron.determine_job_type() != JobType::FixedTime {
            return None;
        }
        // In a zone that never changes its clock every wall time exists once, so that reading the cron as plain wall
        // times finds the same dates, those in a gap included.
        let wall = from.with_timezone(zone).naive_local().and_utc();
        let mut due = wall;
        while let Ok(next) = cron.find_next_occurrence(&due, false) {
            if next - wall > Duration::days(400) {
                break;
            }
            due = next;
            if let Some(note) = said(next.naive_utc(), *zone) {
                return Some(note);
            }
        }
        None
    }
}

fn said(wall: NaiveDateTime, zone: Tz) -> Option<String> {
    let (day, time) = (wall.format("%Y-%m-%d"), wall.format("%H:%M"));
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(_) => None,
        LocalResult::Ambiguous(..) => {
            Some(format!("On {day} the clock shows {time} twice; the run starts at the first of the two."))
        }
        LocalResult::None => {
            let after = (1..=180)
                .find_map(|minutes| zone.from_local_datetime(&(wall + Duration::minutes(minutes))).earliest())?;
            Some(format!("On {day} the clock skips {time}; the run starts at {}.", after.format("%H:%M")))
        }
    }
}

fn zone(name: &str) -> Result<Tz, Problem> {
    if let Ok(zone) = Tz::from_str(name) {
        return Ok(zone);
    }
    if let Some(zone) = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)) {
        let message = format!("`{name}` is spelled `{}`.", zone.name());
        return Err(Problem::new("/schedule/timezone", "unknown_timezone", message).suggest(zone.name()));
    }
    let message = format!("`{}` is not an IANA time zone.", super::shape::clip(name));
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    // A city by itself is what people type.
    let city = |zone: &&str| zone.rsplit('/').next().is_some_and(|city| nearest::fold(city) == nearest::fold(name));
    let meant = zones.clone().find(city).or_else(|| nearest::nearest(name, zones));
    Err(Problem::new("/schedule/timezone", "unknown_timezone", message)
        .suggest(meant.unwrap_or("`UTC`, or a name such as `Europe/Zurich`")))
}

#[cfg(test)]
mod tests;
