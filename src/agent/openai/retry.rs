//! When to ask again, and after how long.

use std::time::Duration;

use super::OpenAiConfig;
use crate::agent::model::ModelError;

/// Before the second attempt; doubled before each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The pause before the next attempt; `None` when there is to be none.
pub(super) fn pause(error: &ModelError, attempt: u32, config: &OpenAiConfig) -> Option<Duration> {
    if attempt >= config.retries {
        return None;
    }
    let asked = match error {
        ModelError::Throttled { retry_after } => *retry_after,
        ModelError::Unreachable(_) => None,
        ModelError::TooLong | ModelError::Unauthorized | ModelError::Malformed(_) | ModelError::Refused { .. } => {
            return None;
        }
    };
    // Longer than a person waits: they are told at once instead.
    if asked.is_some_and(|asked| asked > config.longest_pause) {
        return None;
    }
    let full = FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(config.longest_pause);
    let jittered = full.mul_f64(rand::random_range(0.5..=1.0));
    Some(asked.map_or(jittered, |asked| asked.max(jittered)).min(config.longest_pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_under_the_cap_and_end() {
        let config =
            OpenAiConfig { retries: 6, longest_pause: Duration::from_secs(4), ..OpenAiConfig::new("", "", None) };
        let broken = ModelError::Unreachable(anyhow::anyhow!("x"));
        for attempt in 0..6 {
            let full = FIRST.saturating_mul(2_u32.pow(attempt)).min(config.longest_pause);
            let pause = pause(&broken, attempt, &config).unwrap();
            assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
        }
        assert_eq!(pause(&broken, 6, &config), None);
    }

    #[test]
    fn what_the_endpoint_asks_for_is_honoured_up_to_the_cap() {
        let config = OpenAiConfig::new("", "", None);
        let asks = |seconds| ModelError::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(pause(&asks(7), 0, &config), Some(Duration::from_secs(7)));
        assert_eq!(pause(&asks(3600), 0, &config), None);
    }

    #[test]
    fn what_will_not_change_is_not_tried_again() {
        let config = OpenAiConfig::new("", "", None);
        for error in [ModelError::TooLong, ModelError::Unauthorized, ModelError::Refused { status: 404 }] {
            assert_eq!(pause(&error, 0, &config), None);
        }
    }
}
