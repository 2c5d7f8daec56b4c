//! How often one caller may ask: a token bucket for each key, session and address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use super::error::ApiError;
use crate::clock::Clock;
use crate::ids::KeyId;

/// Buckets kept at most. Beyond it, full ones are forgotten, and as a last resort all of them.
const BUCKETS: usize = 10_000;

/// Who a bucket belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rate {
    Key(KeyId),
    /// By the hash of its cookie.
    Session(String),
    /// Requests without a credential, or with a wrong one.
    Address(IpAddr),
    Terminal,
}

/// Everybody's buckets.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    clock: Clock,
    per_second: f64,
    burst: f64,
    buckets: Arc<Mutex<HashMap<Rate, Bucket>>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: DateTime<Utc>,
}

impl Rates {
    pub(crate) fn new(clock: Clock, per_minute: u32, burst: u32) -> Self {
        Self { clock, per_second: f64::from(per_minute) / 60.0, burst: f64::from(burst), buckets: Arc::default() }
    }

    /// Takes one token, or refuses with the seconds to wait for the next.
    pub(crate) fn take(&self, rate: Rate) -> Result<(), ApiError> {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&rate) {
            buckets.retain(|_, bucket| self.filled(*bucket, now) < self.burst);
            if buckets.len() >= BUCKETS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(rate).or_insert(Bucket { tokens: self.burst, at: now });
        *bucket = Bucket { tokens: self.filled(*bucket, now), at: now };
        if bucket.tokens < 1.0 {
            return Err(self.refuse(bucket.tokens));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Refuses when the bucket is empty; takes nothing.
    pub(crate) fn peek(&self, rate: &Rate) -> Result<(), ApiError> {
        let now = self.clock.now();
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        match buckets.get(rate).map(|bucket| self.filled(*bucket, now)) {
            Some(tokens) if tokens < 1.0 => Err(self.refuse(tokens)),
            _ => Ok(()),
        }
    }

    fn filled(&self, bucket: Bucket, now: DateTime<Utc>) -> f64 {
        let elapsed = (now - bucket.at).to_std().unwrap_or_default().as_secs_f64();
        (bucket.tokens + elapsed * self.per_second).min(self.burst)
    }

    fn refuse(&self, tokens: f64) -> ApiError {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count of seconds")]
        let seconds = ((1.0 - tokens) / self.per_second).ceil().max(1.0) as u64;
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "This caller asks too often.")
            .suggest(format!("Wait {seconds} s."))
            .retry_after(seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ANN: Rate = Rate::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    const BOB: Rate = Rate::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Clock::manual(start);
        let rates = Rates::new(clock.clone(), 60, 3);
        for _ in 0..3 {
            rates.take(ANN).unwrap();
        }
        assert!(rates.take(ANN).is_err());
        assert!(rates.peek(&ANN).is_err());
        rates.take(BOB).unwrap();
        clock.set(start + chrono::Duration::seconds(1));
        rates.take(ANN).unwrap();
        assert!(rates.take(ANN).is_err());
        clock.set(start + chrono::Duration::hours(1));
        for _ in 0..3 {
            rates.take(ANN).unwrap();
        }
        assert!(rates.take(ANN).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_and_takes_nothing() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Clock::manual(start);
        let rates = Rates::new(clock.clone(), 60, 2);
        rates.take(ANN).unwrap();
        clock.set(start - chrono::Duration::hours(1));
        rates.take(ANN).unwrap();
        assert!(rates.take(ANN).is_err());
    }
}
