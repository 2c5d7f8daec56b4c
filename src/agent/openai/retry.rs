//! When to ask again, and after how long.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::OpenAiConfig;
use crate::agent::model::ModelError;

/// Before the second attempt; doubled before each further one.
const FIRST: Duration = Duration::from_millis(500);

/// What an endpoint said about asking again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) wait: Option<Wait>,
    /// It said that asking again changes nothing.
    pub(super) never: bool,
}

/// The two forms of `Retry-After` (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    For(Duration),
    /// A moment, by the clock of whoever reads it: the endpoint did not say what time it is there.
    Until(DateTime<Utc>),
}

impl Asked {
    /// How long to wait at `now`.
    pub(super) fn wait(self, now: DateTime<Utc>) -> Option<Duration> {
        self.wait.map(|wait| match wait {
            Wait::For(wait) => wait,
            Wait::Until(moment) => (moment - now).to_std().unwrap_or_default(),
        })
    }
}

/// Whether asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// After a pause of our own, and no earlier than the endpoint asked for, if it did.
    After(Option<Duration>),
}

/// Why an attempt came to nothing, and whether another may follow.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: ModelError,
    pub(super) again: Again,
    /// The request was refused because the endpoint has no tool calls.
    pub(super) without_tools: bool,
}

impl Fault {
    /// A fault after which nothing is gained by asking again.
    pub(super) fn last(error: ModelError) -> Self {
        Self { error, again: Again::Never, without_tools: false }
    }
}

impl From<ModelError> for Fault {
    fn from(error: ModelError) -> Self {
        let again = match &error {
            ModelError::Throttled { retry_after } => Again::After(*retry_after),
            ModelError::Unreachable(_) => Again::After(None),
            ModelError::TooLong | ModelError::Unauthorized | ModelError::Malformed(_) | ModelError::Refused { .. } => {
                Again::Never
            }
        };
        Self { error, again, without_tools: false }
    }
}

/// The pause before the next attempt; `None` when there is to be none.
pub(super) fn pause(fault: &Fault, attempt: u32, config: &OpenAiConfig) -> Option<Duration> {
    let Again::After(asked) = fault.again else { return None };
    // Longer than a person waits: they are told at once instead.
    if attempt >= config.retries || asked.is_some_and(|asked| asked > config.longest_pause) {
        return None;
    }
    let full = FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(config.longest_pause);
    let jittered = full.mul_f64(rand::random_range(0.5..=1.0));
    Some(asked.map_or(jittered, |asked| asked.max(jittered)).min(config.longest_pause))
}

/// Reads what an answer's headers say about asking again. `retry-after-ms` and `x-should-retry` are what hosted endpoints
/// send beside the standard's own header.
pub(super) fn asked(headers: &HeaderMap) -> Asked {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let precise = text("retry-after-ms").and_then(number).and_then(|wait| seconds(wait / 1000.0)).map(Wait::For);
    let wait = precise.or_else(|| {
        let written = text(RETRY_AFTER.as_str())?;
        if let Some(wait) = number(written) {
            // More seconds than a duration holds is as good as never.
            return Some(Wait::For(seconds(wait).unwrap_or(Duration::MAX)));
        }
        let until = moment(written)?;
        // By the endpoint's own clock, where it tells the time: ours may be off.
        let there = text(DATE.as_str()).and_then(moment);
        Some(there.map_or(Wait::Until(until), |there| Wait::For((until - there).to_std().unwrap_or_default())))
    });
    Asked { wait, never: text("x-should-retry") == Some("false") }
}

/// A date as HTTP writes it (RFC 9110 §5.6.7): the form in use, and the two obsolete ones that must still be read.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|moment| moment.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn waits(pairs: &[(&'static str, &str)]) -> Option<Wait> {
        asked(&headers(pairs)).wait
    }

    #[test]
    fn pauses_grow_stay_under_the_cap_and_end() {
        let config =
            OpenAiConfig { retries: 6, longest_pause: Duration::from_secs(4), ..OpenAiConfig::new("", "", None) };
        let broken = Fault::from(ModelError::Unreachable(anyhow::anyhow!("x")));
        for attempt in 0..6 {
            let full = FIRST.saturating_mul(2_u32.pow(attempt)).min(config.longest_pause);
            let pause = pause(&broken, attempt, &config).unwrap();
            assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
        }
        assert_eq!(pause(&broken, 6, &config), None);
    }

    #[test]
    fn pauses_of_many_clients_fall_apart() {
        let config = OpenAiConfig::new("", "", None);
        let broken = Fault::from(ModelError::Unreachable(anyhow::anyhow!("x")));
        let pauses: std::collections::HashSet<_> = (0..50).map(|_| pause(&broken, 1, &config)).collect();
        assert!(pauses.len() > 25, "{}", pauses.len());
    }

    #[test]
    fn what_the_endpoint_asks_for_is_honoured_up_to_the_cap() {
        let config = OpenAiConfig::new("", "", None);
        let asks = |seconds| ModelError::Throttled { retry_after: Some(Duration::from_secs(seconds)) }.into();
        assert_eq!(pause(&asks(7), 0, &config), Some(Duration::from_secs(7)));
        assert_eq!(pause(&asks(20), 0, &config), Some(Duration::from_secs(20)));
        assert_eq!(pause(&asks(21), 0, &config), None);
        assert_eq!(pause(&asks(3600), 0, &config), None);
    }

    #[test]
    fn what_will_not_change_is_not_tried_again() {
        let config = OpenAiConfig::new("", "", None);
        for error in [ModelError::TooLong, ModelError::Unauthorized, ModelError::Refused { status: 404 }] {
            assert_eq!(pause(&error.into(), 0, &config), None);
        }
        let slow = Fault::last(ModelError::Unreachable(anyhow::anyhow!("too slow")));
        assert_eq!(pause(&slow, 0, &config), None);
    }

    #[test]
    fn both_forms_of_the_header_are_read() {
        let seconds = |seconds| Some(Wait::For(Duration::from_secs(seconds)));
        assert_eq!(waits(&[("retry-after", "120")]), seconds(120));
        assert_eq!(waits(&[("retry-after", "1.5")]), Some(Wait::For(Duration::from_millis(1500))));
        assert_eq!(waits(&[("retry-after", "1e300")]), Some(Wait::For(Duration::MAX)));
        let date = "Sun, 06 Nov 1994 08:49:30 GMT";
        for now in ["Sun, 06 Nov 1994 08:49:00 GMT", "Sunday, 06-Nov-94 08:49:00 GMT", "Sun Nov  6 08:49:00 1994"] {
            assert_eq!(waits(&[("date", now), ("retry-after", date)]), seconds(30), "{now}");
        }
        let past = [("date", date), ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")];
        assert_eq!(waits(&past), seconds(0));
        for nothing in ["", "-3", "soon", "NaN", "inf"] {
            assert_eq!(waits(&[("retry-after", nothing)]), None, "{nothing}");
        }
        assert_eq!(
            waits(&[("retry-after-ms", "250"), ("retry-after", "9")]),
            Some(Wait::For(Duration::from_millis(250)))
        );
    }

    #[test]
    fn without_the_endpoints_time_a_date_is_read_by_ours() {
        let asked = asked(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT")]));
        let now = |text| moment(text).unwrap();
        assert_eq!(asked.wait(now("Sun, 06 Nov 1994 08:49:20 GMT")), Some(Duration::from_secs(10)));
        assert_eq!(asked.wait(now("Sun, 06 Nov 1994 09:00:00 GMT")), Some(Duration::ZERO));
    }
}
