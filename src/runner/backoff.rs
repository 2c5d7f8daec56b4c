//! How long to wait before the next attempt: exponential, with full jitter, so that many runs do not come back at once.

use std::time::Duration;

/// How long waits are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The most that the first wait takes; each further one may take twice as long.
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) shortest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        let shortest = Duration::from_millis(100);
        Self { first: Duration::from_secs(1), longest: Duration::from_mins(1), shortest }
    }
}

impl Backoff {
    /// The wait after attempt number `attempt` (from 1); `luck` is evenly spread over 0 to 1.
    pub(super) fn delay(&self, attempt: u32, luck: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(luck.clamp(0.0, 1.0)).max(self.shortest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_is_never_nothing() {
        let backoff = Backoff::default();
        let longest: Vec<u64> = (1..=9).map(|attempt| backoff.delay(attempt, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.delay(40, 1.0), backoff.longest);
        assert_eq!(backoff.delay(3, 0.0), backoff.shortest);
        assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(2));
    }
}
